// SPDX-License-Identifier: Apache-2.0

// Command upstream serves the recorded answers of the GP record's and the charity's twin, as fast as it can, so that
// a benchmark measures what stands in front of them. It checks what the twins check: credential, X-Request-ID, path.
//
//	POST /FHIR/R4/MedicationRequest/_search   patient:identifier=…|9990000018
//	POST /api/v2/plans/search                 {"client_no":"EB100001"}
//	PUT  /delay?ms=20                         from now on answer that much later
//
// The recording is a JSON object: bearer, api_key, medications and plans (identifier → body).
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

type recording struct {
	Bearer      string            `json:"bearer"`
	APIKey      string            `json:"api_key"`
	Medications map[string]string `json:"medications"`
	Plans       map[string]string `json:"plans"`
}

type server struct {
	bearer, key        []byte
	medications, plans map[string][]byte // identifier → status line, fixed headers and body, in two parts
	delay              atomic.Int64
}

var (
	fhirPath   = []byte("/FHIR/R4/MedicationRequest/_search")
	plansPath  = []byte("/api/v2/plans/search")
	delayPath  = []byte("/delay?ms=")
	statusFHIR = []byte("/FHIR/R4/_status")
	statusCRM  = []byte("/api/v2/status")
	clientNo   = []byte(`"client_no":"`)
	pass       = []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"status\":\"pass\"}")
	refused    = []byte("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	missing    = []byte("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	denied     = []byte("HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
)

type asked struct {
	method, path            []byte
	credential, key, number []byte
	requestID               []byte
	body                    []byte
}

func (s *server) answer(one *asked, out []byte) []byte {
	switch {
	case bytes.Equal(one.path, statusFHIR), bytes.Equal(one.path, statusCRM):
		return append(out, pass...)
	case bytes.HasPrefix(one.path, delayPath):
		ms, err := strconv.Atoi(string(one.path[len(delayPath):]))
		if err != nil {
			return append(out, refused...)
		}
		s.delay.Store(int64(ms) * int64(time.Millisecond))
		return append(out, pass...)
	case bytes.Equal(one.path, fhirPath):
		if !bytes.Equal(one.credential, s.bearer) {
			return append(out, denied...)
		}
		if len(one.requestID) != 36 || len(one.body) < 10 {
			return append(out, refused...)
		}
		return found(out, s.medications, one.body[len(one.body)-10:], one.requestID)
	case bytes.Equal(one.path, plansPath):
		if !bytes.Equal(one.key, s.key) {
			return append(out, denied...)
		}
		start := bytes.Index(one.body, clientNo)
		if start < 0 {
			return append(out, refused...)
		}
		number, _, _ := bytes.Cut(one.body[start+len(clientNo):], []byte(`"`))
		return found(out, s.plans, number, one.requestID)
	}
	return append(out, missing...)
}

func found(out []byte, held map[string][]byte, number, requestID []byte) []byte {
	rest, ok := held[string(number)]
	if !ok {
		return append(out, missing...)
	}
	out = append(out, "HTTP/1.1 200 OK\r\nX-Request-ID: "...)
	out = append(out, requestID...)
	return append(out, rest...)
}

func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 16384)
	var one asked
	var kept, out []byte
	for {
		var err error
		if kept, err = receive(in, &one, kept); err != nil {
			return
		}
		if wait := s.delay.Load(); wait > 0 && !bytes.HasPrefix(one.path, delayPath) {
			time.Sleep(time.Duration(wait))
		}
		out = s.answer(&one, out[:0])
		if _, err = conn.Write(out); err != nil {
			return
		}
	}
}

// receive reads one request; its parts stand in `kept`, which the next call uses again.
func receive(in *bufio.Reader, one *asked, kept []byte) ([]byte, error) {
	head := kept[:0]
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return kept, err
		}
		head = append(head, line...)
		if len(line) <= 2 {
			break
		}
	}
	length := 0
	*one = asked{}
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	one.method, line, _ = bytes.Cut(line, []byte(" "))
	one.path, _, _ = bytes.Cut(line, []byte(" "))
	for len(rest) > 2 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch len(name) {
		case len("content-length"):
			if bytes.EqualFold(name, []byte("content-length")) {
				var err error
				if length, err = strconv.Atoi(string(value)); err != nil {
					return kept, err
				}
			}
		case len("authorization"):
			if bytes.EqualFold(name, []byte("authorization")) {
				one.credential = value
			}
		case len("x-request-id"):
			if bytes.EqualFold(name, []byte("x-request-id")) {
				one.requestID = value
			}
		case len("x-api-key"):
			if bytes.EqualFold(name, []byte("x-api-key")) {
				one.key = value
			}
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		return head, err
	}
	one.body = body
	return head, nil
}

func prepared(bodies map[string]string, mediaType string) map[string][]byte {
	out := make(map[string][]byte, len(bodies))
	for number, body := range bodies {
		fixed := fmt.Sprintf("\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", mediaType, len(body))
		out[number] = []byte(fixed + body)
	}
	return out
}

func main() {
	file := flag.String("recording", "", "JSON file of the recorded answers")
	port := flag.Int("port", 0, "TCP port on 127.0.0.1; 0 picks a free one")
	flag.Parse()
	runtime.GOMAXPROCS(1)

	text, err := os.ReadFile(*file)
	var held recording
	if err == nil {
		err = json.Unmarshal(text, &held)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "upstream: the recording cannot be read:", err)
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(*port))
	if err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		os.Exit(2)
	}
	s := &server{
		bearer:      []byte("Bearer " + held.Bearer),
		key:         []byte(held.APIKey),
		medications: prepared(held.Medications, "application/fhir+json; fhirVersion=4.0"),
		plans:       prepared(held.Plans, "application/json"),
	}
	_, chosen, _ := strings.Cut(listener.Addr().String(), ":")
	fmt.Println("ready", chosen)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go s.serve(conn)
	}
}
