package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The protocols in which a generator asks.
const (
	overHTTP = "HTTP/1.1"
	overGRPC = "gRPC"
)

// A speaker asks one question after the other on one connection. It writes bytes that are
// there already and reads no more of answers than it must, so that it takes as little as it
// can of what it measures. What it returns is good until it asks again.
type speaker interface {
	ask(request []byte) (status int, body []byte, err error)
	io.Closer
}

func dial(protocol, address string) (speaker, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	// Who does not answer for that long never will.
	if err := conn.SetDeadline(time.Now().Add(10 * time.Minute)); err != nil {
		return nil, err
	}
	if protocol == overGRPC {
		return newHTTP2(conn)
	}
	return &http1{Conn: conn, answers: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// http1 writes requests as they are, and reads answers that tell their length.
type http1 struct {
	net.Conn
	answers *bufio.Reader
	body    []byte
}

func (h *http1) ask(request []byte) (int, []byte, error) {
	if _, err := h.Write(request); err != nil {
		return 0, nil, err
	}
	status, size, err := h.head()
	if err != nil {
		return 0, nil, fmt.Errorf("reading an answer: %w", err)
	}
	if cap(h.body) < size {
		h.body = make([]byte, size)
	}
	h.body = h.body[:size]
	_, err = io.ReadFull(h.answers, h.body)
	return status, h.body, err
}

func (h *http1) head() (status, size int, err error) {
	line, err := h.answers.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("begins with %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, err
	}
	for size = -1; ; {
		line, err := h.answers.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		text := bytes.TrimRight(line, "\r\n")
		switch name, value, _ := bytes.Cut(text, []byte(":")); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if size, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, 0, err
			}
		case len(text) == 0 && size < 0:
			return 0, 0, errors.New("it does not tell its length")
		case len(text) == 0:
			return status, size, nil
		}
	}
}

// http2Speaker calls one method over HTTP/2, one call at a time.
type http2Speaker struct {
	net.Conn
	written *bufio.Writer
	frames  *http2.Framer
	headers []byte // of every call
	decoder *hpack.Decoder
	stream  uint32
	status  int
	body    []byte
	unacked uint32 // bytes of answers of which the server does not know that they were read
}

const checkMethod = "/envoy.service.auth.v3.Authorization/Check"

func newHTTP2(conn net.Conn) (*http2Speaker, error) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", checkMethod}, {":authority", "bench.example"},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		// Sensitive: nothing is remembered, so that every call may begin with the same bytes.
		if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1], Sensitive: true}); err != nil {
			return nil, err
		}
	}
	s := &http2Speaker{Conn: conn, written: bufio.NewWriter(conn), headers: block.Bytes(), stream: 1}
	s.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == "grpc-status" {
			s.status, _ = strconv.Atoi(f.Value)
		}
	})
	s.frames = http2.NewFramer(s.written, bufio.NewReaderSize(conn, 16<<10))
	s.frames.SetReuseFrames()
	if _, err := s.written.WriteString(http2.ClientPreface); err != nil {
		return nil, err
	}
	return s, s.frames.WriteSettings()
}

// ask sends a message, which begins with its length as gRPC has it.
func (s *http2Speaker) ask(message []byte) (int, []byte, error) {
	stream := s.stream
	s.stream += 2
	s.status, s.body = -1, s.body[:0]
	if err := s.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: s.headers, EndHeaders: true}); err != nil {
		return 0, nil, err
	}
	if err := s.frames.WriteData(stream, true, message); err != nil {
		return 0, nil, err
	}
	for ended := false; !ended; {
		if err := s.written.Flush(); err != nil {
			return 0, nil, err
		}
		frame, err := s.frames.ReadFrame()
		if err != nil {
			return 0, nil, err
		}
		if ended, err = s.take(frame); err != nil {
			return 0, nil, err
		}
	}
	return s.status, s.body[min(len(s.body), 5):], nil
}

// take reads one frame, and says whether the answer ends with it.
func (s *http2Speaker) take(frame http2.Frame) (ended bool, err error) {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			err = s.frames.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			err = s.frames.WritePing(true, f.Data)
		}
	case *http2.HeadersFrame:
		_, err = s.decoder.Write(f.HeaderBlockFragment())
		ended = f.StreamEnded()
	case *http2.DataFrame:
		s.body = append(s.body, f.Data()...)
		if s.unacked += f.Length; s.unacked > 16<<10 {
			err = s.frames.WriteWindowUpdate(0, s.unacked)
			s.unacked = 0
		}
	case *http2.RSTStreamFrame, *http2.GoAwayFrame:
		err = fmt.Errorf("the server ends it: %v", frame)
	}
	return ended, err
}

// framed puts its length before a message.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}
