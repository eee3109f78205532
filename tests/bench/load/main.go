// SPDX-License-Identifier: Apache-2.0

// Command load sends HTTP/1.1 requests over kept connections and tells how long the answers took.
//
// Closed mode keeps a number of requests in flight: the throughput is what the candidate can do. Open mode sends by
// a fixed schedule, whatever the candidate does, and counts each latency from the instant the request was meant to
// be sent, so that a candidate that stalls is charged for every request it kept waiting (no coordinated omission).
//
// Every request carries an X-Request-ID of its own. Every answer is checked: status 200 and each of the texts that
// its request expects. The requests are a JSON array of {method, path, headers, body, expect}, sent in rotation.
// The result is one JSON object on the standard output.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

type request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Expect  []string          `json:"expect"`
	head    []byte            // up to the value of X-Request-ID
	tail    []byte            // from there on
	texts   [][]byte
}

// result is what the harness reads. Times are milliseconds; counts of the measured window unless said otherwise.
type result struct {
	Responses int            `json:"responses"` // all, warm-up included
	Measured  int            `json:"measured"`
	Errors    map[string]int `json:"errors"` // all, warm-up included
	RPS       float64        `json:"rps"`
	P50       float64        `json:"p50_ms"`
	P90       float64        `json:"p90_ms"`
	P99       float64        `json:"p99_ms"`
	Max       float64        `json:"max_ms"`
	Bytes     int            `json:"bytes"`  // of the longest of the last bodies
	Sample    string         `json:"sample"` // of a body that was not as expected
}

type load struct {
	address  string
	requests []request
	next     atomic.Uint64
	begin    time.Time // of the measured window
	end      time.Time
}

// sender is one connection with its own record, so that nothing is shared while it runs.
type sender struct {
	load      *load
	conn      net.Conn
	in        *bufio.Reader
	out, body []byte
	random    *rand.Rand
	took      []int64
	responses int
	inWindow  int
	bytes     int
	errors    map[string]int
	sample    string
}

const lower = "0123456789abcdef"

func (s *sender) requestID(into []byte) []byte {
	// A version 4 UUID (RFC 9562).
	high := s.random.Uint64()&^(0xf<<12) | 4<<12
	low := s.random.Uint64()&^(3<<62) | 2<<62
	for shift := 60; shift >= 0; shift -= 4 {
		if shift == 28 || shift == 12 {
			into = append(into, '-')
		}
		into = append(into, lower[high>>shift&0xf])
	}
	for shift := 60; shift >= 0; shift -= 4 {
		if shift == 60 || shift == 44 {
			into = append(into, '-')
		}
		into = append(into, lower[low>>shift&0xf])
	}
	return into
}

func (s *sender) exchange(intended time.Time) {
	asked := &s.load.requests[int(s.load.next.Add(1)-1)%len(s.load.requests)]
	kind := s.attempt(asked)
	done := time.Now()
	if kind != "" {
		s.errors[kind]++
		if s.conn != nil {
			s.conn.Close()
			s.conn = nil
		}
		return
	}
	s.responses++
	if !done.Before(s.load.begin) && done.Before(s.load.end) {
		s.inWindow++
	}
	if !intended.Before(s.load.begin) {
		s.took = append(s.took, int64(done.Sub(intended)))
	}
}

// attempt sends one request and checks its answer; "" or the kind of error.
func (s *sender) attempt(asked *request) string {
	if s.conn == nil {
		conn, err := net.DialTimeout("tcp", s.load.address, 5*time.Second)
		if err != nil {
			return "no connection"
		}
		s.conn = conn
		s.in = bufio.NewReaderSize(conn, 32768)
	}
	s.out = append(s.out[:0], asked.head...)
	s.out = s.requestID(s.out)
	s.out = append(s.out, asked.tail...)
	s.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := s.conn.Write(s.out); err != nil {
		return "broken connection"
	}
	status, err := s.receive()
	if err != nil {
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			return "no answer in 20 s"
		}
		return "broken connection"
	}
	if status != 200 {
		s.sample = string(s.body)
		return "status " + strconv.Itoa(status)
	}
	for _, text := range asked.texts {
		if !bytes.Contains(s.body, text) {
			s.sample = string(s.body)
			return "unexpected body"
		}
	}
	s.bytes = len(s.body)
	return ""
}

// receive reads one answer into s.body.
func (s *sender) receive() (int, error) {
	line, err := s.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, io.ErrUnexpectedEOF
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, err
	}
	length, chunked := 0, false
	for {
		line, err = s.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if name, value, ok := bytes.Cut(line, []byte(":")); ok {
			switch len(name) {
			case len("content-length"):
				if bytes.EqualFold(name, []byte("content-length")) {
					if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
						return 0, err
					}
				}
			case len("transfer-encoding"):
				if bytes.EqualFold(name, []byte("transfer-encoding")) {
					chunked = bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked"))
				}
			}
		}
	}
	s.body = s.body[:0]
	if !chunked {
		return status, s.take(length)
	}
	for {
		line, err = s.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 32)
		if err != nil {
			return 0, err
		}
		if err = s.take(int(size)); err != nil {
			return 0, err
		}
		if _, err = s.in.Discard(2); err != nil {
			return 0, err
		}
		if size == 0 {
			return status, nil
		}
	}
}

func (s *sender) take(count int) error {
	start := len(s.body)
	s.body = slices.Grow(s.body, count)[:start+count]
	_, err := io.ReadFull(s.in, s.body[start:])
	return err
}

func (l *load) sender(number uint64) *sender {
	seed := uint64(time.Now().UnixNano())
	return &sender{load: l, random: rand.New(rand.NewPCG(seed, number)), errors: map[string]int{}}
}

func (l *load) closed(inFlight int) []*sender {
	var all sync.WaitGroup
	senders := make([]*sender, inFlight)
	for number := range senders {
		one := l.sender(uint64(number))
		senders[number] = one
		all.Go(func() {
			for now := time.Now(); now.Before(l.end); now = time.Now() {
				one.exchange(now)
			}
		})
	}
	all.Wait()
	return senders
}

// open sends at the given rate per second. More requests may be under way than there are senders; they then wait,
// and their wait counts.
func (l *load) open(rate float64, most int) []*sender {
	var all sync.WaitGroup
	due := make(chan time.Time, 1<<20)
	senders := make([]*sender, most)
	for number := range senders {
		one := l.sender(uint64(number))
		senders[number] = one
		all.Go(func() {
			for intended := range due {
				one.exchange(intended)
			}
		})
	}
	pace := newPacer()
	start := time.Now()
	for count := 0; ; count++ {
		intended := start.Add(time.Duration(float64(count) / rate * float64(time.Second)))
		if !intended.Before(l.end) {
			break
		}
		pace.until(intended)
		due <- intended
	}
	close(due)
	all.Wait()
	return senders
}

// pacer sleeps to the microsecond: a timer of the kernel's, read like a socket. time.Sleep is up to a millisecond
// late when a Go program is idle, which would be charged to the candidate.
type pacer struct {
	file *os.File
	fd   uintptr
	read [8]byte
}

func newPacer() *pacer {
	const monotonic = 1
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, monotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		fmt.Fprintln(os.Stderr, "load: no timer:", errno)
		os.Exit(2)
	}
	return &pacer{file: os.NewFile(fd, "timer"), fd: fd}
}

func (p *pacer) until(instant time.Time) {
	wait := time.Until(instant)
	if wait <= 0 {
		return
	}
	spec := [4]int64{0, 0, int64(wait / time.Second), int64(wait % time.Second)} // interval, then value: s and ns
	syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, p.fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	p.file.Read(p.read[:])
}

func summary(senders []*sender, seconds float64) result {
	var took []int64
	out := result{Errors: map[string]int{}}
	for _, one := range senders {
		took = append(took, one.took...)
		out.Responses += one.responses
		out.Measured += one.inWindow
		out.Bytes = max(out.Bytes, one.bytes)
		if one.sample != "" {
			out.Sample = one.sample
		}
		for kind, count := range one.errors {
			out.Errors[kind] += count
		}
	}
	out.RPS = float64(out.Measured) / seconds
	if len(took) > 0 {
		slices.Sort(took)
		at := func(share float64) float64 { return float64(took[int(share*float64(len(took)-1))]) / 1e6 }
		out.P50, out.P90, out.P99, out.Max = at(0.50), at(0.90), at(0.99), at(1)
	}
	return out
}

func read(path string) ([]request, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var requests []request
	if err := json.Unmarshal(text, &requests); err != nil {
		return nil, err
	}
	if len(requests) == 0 {
		return nil, errors.New("no requests")
	}
	for place := range requests {
		one := &requests[place]
		var head, tail strings.Builder
		fmt.Fprintf(&head, "%s %s HTTP/1.1\r\n", one.Method, one.Path)
		for name, value := range one.Headers {
			fmt.Fprintf(&head, "%s: %s\r\n", name, value)
		}
		head.WriteString("X-Request-ID: ")
		fmt.Fprintf(&tail, "\r\nContent-Length: %d\r\n\r\n%s", len(one.Body), one.Body)
		one.head, one.tail = []byte(head.String()), []byte(tail.String())
		for _, text := range one.Expect {
			one.texts = append(one.texts, []byte(text))
		}
	}
	return requests, nil
}

func main() {
	address := flag.String("address", "", "host:port")
	file := flag.String("requests", "", "JSON file of requests")
	mode := flag.String("mode", "closed", "closed or open")
	inFlight := flag.Int("inflight", 16, "closed: requests in flight; open: the most connections")
	rate := flag.Float64("rate", 100, "open: requests per second")
	warmup := flag.Float64("warmup", 0.5, "seconds that are not measured")
	seconds := flag.Float64("seconds", 3, "seconds that are")
	flag.Parse()
	runtime.GOMAXPROCS(1)

	requests, err := read(*file)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load: the requests cannot be read:", err)
		os.Exit(2)
	}
	begin := time.Now().Add(time.Duration(*warmup * float64(time.Second)))
	run := &load{
		address:  *address,
		requests: requests,
		begin:    begin,
		end:      begin.Add(time.Duration(*seconds * float64(time.Second))),
	}
	run.next.Store(rand.Uint64() >> 32)
	var senders []*sender
	if *mode == "open" {
		senders = run.open(*rate, *inFlight)
	} else {
		senders = run.closed(*inFlight)
	}
	json.NewEncoder(os.Stdout).Encode(summary(senders, *seconds))
}
