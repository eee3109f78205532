// SPDX-License-Identifier: Apache-2.0

// Reads an access log over HTTP with the packages of transparency-dev: the checkpoint with its witnesses and their
// quorum, the root from the entries, every tile, proof files, and growth since an older checkpoint.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	fproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

const width = 256

var (
	address   = flag.String("url", "", "address of the log; without one only files are checked")
	vkey      = flag.String("vkey", "", "verifier key of the log")
	token     = flag.String("token", "", "bearer token for entry bundles")
	policy    = flag.String("policy", "", "policy file that the checkpoints must meet")
	witnesses = flag.String("witnesses", "", "verifier keys of witnesses that must all have cosigned, with commas")
	proofs    = flag.String("proofs", "", "proof files, with commas")
	growth    = flag.String("growth", "", "consistency proof, as it is sent to a witness")
	older     = flag.String("older", "", "file with the older checkpoint that the proof is from")
)

func main() {
	flag.Parse()
	if err := check(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check() error {
	if *address != "" {
		if err := checkLog(); err != nil {
			return err
		}
	}
	for _, file := range split(*proofs) {
		if err := checkProof(file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	if *growth != "" {
		return checkGrowth()
	}
	return nil
}

// open reads a checkpoint, which must be signed by the log, cosigned by each witness asked for, and meet the policy.
func open(signed []byte, cosigned bool) (*log.Checkpoint, error) {
	verifier, err := note.NewVerifier(*vkey)
	if err != nil {
		return nil, err
	}
	var others []note.Verifier
	for _, each := range split(*witnesses) {
		other, err := fnote.NewVerifierForCosignatureV1(each)
		if err != nil {
			return nil, err
		}
		others = append(others, other)
	}
	checkpoint, rest, opened, err := log.ParseCheckpoint(signed, verifier.Name(), verifier, others...)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, errors.New("the checkpoint has more than three lines")
	}
	if !cosigned {
		return checkpoint, nil
	}
	if len(opened.Sigs) != 1+len(others) {
		return nil, fmt.Errorf("%d of %d signatures verify", len(opened.Sigs), 1+len(others))
	}
	if *policy != "" {
		text, err := os.ReadFile(*policy)
		if err != nil {
			return nil, err
		}
		group, err := witness.ParsePolicy(text)
		if err != nil {
			return nil, err
		}
		if !group.Satisfied(signed) {
			return nil, errors.New("the witnesses are no quorum")
		}
	}
	return checkpoint, nil
}

// checkLog computes the root from the entries, and every tile from the hashes below it.
func checkLog() error {
	signed, err := get("checkpoint")
	if err != nil {
		return err
	}
	checkpoint, err := open(signed, true)
	if err != nil {
		return err
	}
	hasher := rfc6962.DefaultHasher
	hashes := make([][]byte, 0, checkpoint.Size)
	tree := (&compact.RangeFactory{Hash: hasher.HashChildren}).NewEmptyRange(0)
	for n := uint64(0); n*width < checkpoint.Size; n++ {
		count := min(width, checkpoint.Size-n*width)
		bundle, err := get("tile/" + path("entries", n, count))
		if err != nil {
			return err
		}
		for range count {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("bundle %d is cut off", n)
			}
			length := int(binary.BigEndian.Uint16(bundle))
			leaf := hasher.HashLeaf(bundle[2 : 2+length])
			bundle = bundle[2+length:]
			hashes = append(hashes, leaf)
			if err := tree.Append(leaf, nil); err != nil {
				return err
			}
		}
		if len(bundle) != 0 {
			return fmt.Errorf("bundle %d does not end after its entries", n)
		}
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(root, checkpoint.Hash) {
		return errors.New("the entries do not add up to the root")
	}
	fmt.Println("size", checkpoint.Size, "root", base64.StdEncoding.EncodeToString(root))
	return checkTiles(hashes)
}

func checkTiles(hashes [][]byte) error {
	for level := 0; len(hashes) > 0; level++ {
		var above [][]byte
		for at := 0; at < len(hashes); at += width {
			some := hashes[at:min(at+width, len(hashes))]
			name := "tile/" + path(fmt.Sprint(level), uint64(at/width), uint64(len(some)))
			tile, err := get(name)
			if err != nil {
				return err
			}
			if !bytes.Equal(tile, bytes.Join(some, nil)) {
				return fmt.Errorf("%s does not follow from what is below it", name)
			}
			if len(some) == width {
				subtree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
				for _, hash := range some {
					if err := subtree.Append(hash, nil); err != nil {
						return err
					}
				}
				root, err := subtree.GetRootHash(nil)
				if err != nil {
					return err
				}
				above = append(above, root)
			}
		}
		hashes = above
	}
	return nil
}

// checkProof proves the entry that a proof file carries: the first line of its extra data.
func checkProof(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var read fproof.TLogProof
	if err := read.Unmarshal(text); err != nil {
		return err
	}
	checkpoint, err := open(read.Checkpoint, true)
	if err != nil {
		return err
	}
	entry, _, _ := bytes.Cut(read.ExtraData, []byte("\n"))
	var path [][]byte
	for _, hash := range read.Hashes {
		path = append(path, hash[:])
	}
	hasher := rfc6962.DefaultHasher
	return proof.VerifyInclusion(hasher, read.Index, checkpoint.Size, hasher.HashLeaf(entry), path, checkpoint.Hash)
}

func checkGrowth() error {
	text, err := os.ReadFile(*growth)
	if err != nil {
		return err
	}
	before, signed, _ := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(before), "\n")
	var size uint64
	if _, err := fmt.Sscanf(lines[0], "old %d", &size); err != nil {
		return err
	}
	var path [][]byte
	for _, line := range lines[1:] {
		hash, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(hash) != sha256.Size {
			return fmt.Errorf("%q is no hash", line)
		}
		path = append(path, hash)
	}
	kept, err := os.ReadFile(*older)
	if err != nil {
		return err
	}
	old, err := open(kept, false)
	if err != nil {
		return err
	}
	if old.Size != size {
		return errors.New("the proof is from another size")
	}
	checkpoint, err := open(signed, true)
	if err != nil {
		return err
	}
	hasher := rfc6962.DefaultHasher
	return proof.VerifyConsistency(hasher, old.Size, checkpoint.Size, path, old.Hash, checkpoint.Hash)
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func path(level string, n, wide uint64) string {
	number := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		number = fmt.Sprintf("x%03d/%s", n%1000, number)
	}
	if wide < width {
		number += fmt.Sprintf(".p/%d", wide)
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
