// SPDX-License-Identifier: Apache-2.0

// Reads an access log over HTTP with the Go team's own packages, those that check go.sum: the checkpoint's signatures,
// every hash of every tile against the root, every entry by an inclusion proof, and growth since an older checkpoint.
package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

var (
	address = flag.String("url", "", "address of the log")
	vkey    = flag.String("vkey", "", "verifier key of the log")
	token   = flag.String("token", "", "bearer token for entry bundles")
	older   = flag.String("older", "", "file with an older checkpoint")
	others  = flag.String("witnesses", "", "verifier keys of witnesses that must all have cosigned, with commas")
)

func main() {
	flag.Parse()
	if err := check(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check() error {
	signed, err := get("checkpoint")
	if err != nil {
		return err
	}
	tree, err := open(signed, *others)
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(tree, tiles{})
	if err := checkTiles(tree, hashes); err != nil {
		return err
	}
	if err := checkEntries(tree, hashes); err != nil {
		return err
	}
	if *older != "" {
		if err := checkGrowth(tree, hashes); err != nil {
			return err
		}
	}
	fmt.Println("size", tree.N, "root", tree.Hash)
	return nil
}

// open reads a checkpoint: three lines, signed by the log and by each of these witnesses, and perhaps by others.
func open(signed []byte, witnesses string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(*vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	known := []note.Verifier{verifier}
	for _, each := range strings.FieldsFunc(witnesses, func(letter rune) bool { return letter == ',' }) {
		other, err := newWitness(each)
		if err != nil {
			return tlog.Tree{}, err
		}
		known = append(known, other)
	}
	opened, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return tlog.Tree{}, err
	}
	if len(opened.Sigs) != len(known) {
		return tlog.Tree{}, fmt.Errorf("%d of %d signatures verify", len(opened.Sigs), len(known))
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("the checkpoint is not three lines of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

// checkTiles reads each hash that a tile of this tree holds; the reader compares every tile with the root.
func checkTiles(tree tlog.Tree, hashes tlog.HashReader) error {
	for from := int64(0); from < tlog.StoredHashCount(tree.N); from += 1000 {
		var wanted []int64
		for at := from; at < min(from+1000, tlog.StoredHashCount(tree.N)); at++ {
			wanted = append(wanted, at)
		}
		if _, err := hashes.ReadHashes(wanted); err != nil {
			return err
		}
	}
	root, err := tlog.TreeHash(tree.N, hashes)
	if err == nil && root != tree.Hash {
		err = errors.New("the tiles do not add up to the root")
	}
	return err
}

// checkEntries proves every entry of every bundle to be in the tree.
func checkEntries(tree tlog.Tree, hashes tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += width {
		count := min(width, tree.N-first)
		bundle, err := get("tile/" + path("entries", first/width, count))
		if err != nil {
			return err
		}
		for index := first; index < first+count; index++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("entry %d: the bundle ends before it", index)
			}
			length := int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
		}
		if len(bundle) != 0 {
			return fmt.Errorf("bundle %d: it does not end after its entries", first/width)
		}
	}
	return nil
}

func checkGrowth(tree tlog.Tree, hashes tlog.HashReader) error {
	signed, err := os.ReadFile(*older)
	if err != nil {
		return err
	}
	old, err := open(signed, "")
	if err != nil {
		return err
	}
	proof, err := tlog.ProveTree(tree.N, old.N, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
}

// tiles is a tlog.TileReader over HTTP that keeps what was found to be right. The go command's own addresses have the
// height of a tile first; C2SP's do not.
type tiles map[tlog.Tile][]byte

func (tiles) Height() int { return 8 }

func (kept tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		data, err := kept[tile], error(nil)
		if data == nil {
			data, err = get("tile/" + path(strconv.Itoa(tile.L), tile.N, int64(tile.W)))
		}
		if err != nil {
			return nil, err
		}
		read = append(read, data)
	}
	return read, nil
}

func (kept tiles) SaveTiles(right []tlog.Tile, data [][]byte) {
	for n, tile := range right {
		kept[tile] = data[n]
	}
}

func path(level string, n, wide int64) string {
	number := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		number = fmt.Sprintf("x%03d/%s", n%1000, number)
	}
	if wide < width {
		number += ".p/" + strconv.FormatInt(wide, 10)
	}
	return level + "/" + number
}

func get(name string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, *address+"/"+name, nil)
	if err != nil {
		return nil, err
	}
	if *token != "" {
		request.Header.Set("Authorization", "Bearer "+*token)
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", name, reply.StatusCode)
	}
	return io.ReadAll(reply.Body)
}
