package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A loading is what the load generator is told to do.
type loading struct {
	Address string
	File    string // with the requests
	Conns   int
	Seconds float64
	Rate    float64 // requests per second; 0: as many as get answered
	Once    bool    // each request once, and then no more
}

// A measure is what came of it.
type measure struct {
	Answers        int
	Seconds        float64
	P50, P99, P999 float64 // milliseconds; at a rate, from when the request was due
}

func (m measure) rate() float64 { return float64(m.Answers) / m.Seconds }

// writeRequests puts requests into a file, each after its length.
func writeRequests(file string, list [][]byte) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for _, r := range list {
		_ = binary.Write(w, binary.BigEndian, uint32(len(r)))
		_, _ = w.Write(r)
	}
	return errors.Join(w.Flush(), f.Close())
}

func readRequests(file string) ([][]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list [][]byte
	for len(text) > 0 {
		n := binary.BigEndian.Uint32(text)
		list = append(list, text[4:4+n])
		text = text[4+n:]
	}
	return list, nil
}

// load does what it is told on standard input and tells on standard output what came of it.
func load() error {
	var l loading
	if err := json.NewDecoder(os.Stdin).Decode(&l); err != nil {
		return err
	}
	requests, err := readRequests(l.File)
	if err != nil {
		return err
	}
	m, err := l.run(requests)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

// run asks over several connections at once. It writes requests as bytes and reads no more of
// answers than it must, so that it takes as little as it can of what it measures.
func (l loading) run(requests [][]byte) (measure, error) {
	var (
		next   atomic.Int64
		asking sync.WaitGroup
		took   = make([][]time.Duration, l.Conns)
		errs   = make([]error, l.Conns)
		began  = time.Now()
		end    = began.Add(time.Duration(l.Seconds * float64(time.Second)))
	)
	for n := range l.Conns {
		asking.Go(func() {
			conn, err := net.Dial("tcp", l.Address)
			if err != nil {
				errs[n] = err
				return
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			for {
				i := int(next.Add(1)) - 1
				due := time.Now()
				if l.Rate > 0 {
					due = began.Add(time.Duration(float64(i) / l.Rate * float64(time.Second)))
					time.Sleep(time.Until(due))
				}
				if l.Once && i >= len(requests) || len(took[n]) > 0 && due.After(end) {
					return
				}
				if errs[n] = ask(conn, answers, requests[i%len(requests)]); errs[n] != nil {
					return
				}
				took[n] = append(took[n], time.Since(due))
			}
		})
	}
	asking.Wait()
	return summary(slices.Concat(took...), time.Since(began)), errors.Join(errs...)
}

func summary(took []time.Duration, all time.Duration) measure {
	slices.Sort(took)
	at := func(share float64) float64 {
		if len(took) == 0 {
			return 0
		}
		return float64(took[min(int(share*float64(len(took))), len(took)-1)]) / float64(time.Millisecond)
	}
	return measure{Answers: len(took), Seconds: all.Seconds(), P50: at(.5), P99: at(.99), P999: at(.999)}
}

// ask writes one request and reads its answer, which must be a 200 that tells its length.
func ask(conn net.Conn, answers *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	size, err := readHead(answers)
	if err != nil {
		return err
	}
	_, err = answers.Discard(size)
	return err
}

func readHead(answers *bufio.Reader) (size int, err error) {
	size = -1
	for first := true; ; first = false {
		line, err := answers.ReadSlice('\n')
		if err != nil {
			return 0, fmt.Errorf("reading an answer: %w", err)
		}
		text := bytes.TrimRight(line, "\r\n")
		switch name, value, _ := bytes.Cut(text, []byte(":")); {
		case first && !bytes.HasPrefix(text, []byte("HTTP/1.1 200")):
			told := string(text)
			rest, _ := io.ReadAll(io.LimitReader(answers, 600))
			return 0, fmt.Errorf("answered with %q: %s", told, rest)
		case bytes.EqualFold(name, []byte("Content-Length")):
			if size, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		case len(text) == 0 && size < 0:
			return 0, errors.New("an answer without Content-Length")
		case len(text) == 0:
			return size, nil
		}
	}
}
