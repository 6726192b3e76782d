package main

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
)

// A script is what is asked, one question after the other: requests as they are written to
// a connection, in parts that many of them share, and what has to come of each.
type script struct {
	Speaks   string
	Parts    []string
	Requests [][]int
	Wants    []want
	Of       []int // the want of each request

	known map[string]int
}

// A want is what has to be in an answer: a status, and texts as often as told.
type want struct {
	Status int
	Has    map[string]int
}

func has(status int, text string) want { return want{status, map[string]int{text: 1}} }

func (s *script) add(of int, parts ...string) {
	if s.known == nil {
		s.known = map[string]int{}
	}
	request := make([]int, len(parts))
	for i, part := range parts {
		number, known := s.known[part]
		if !known {
			number = len(s.Parts)
			s.Parts = append(s.Parts, part)
			s.known[part] = number
		}
		request[i] = number
	}
	s.Requests, s.Of = append(s.Requests, request), append(s.Of, of)
}

// request appends the bytes of one request.
func (s *script) request(i int, to []byte) []byte {
	for _, part := range s.Requests[i] {
		to = append(to, s.Parts[part]...)
	}
	return to
}

func (s *script) write(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return gob.NewEncoder(f).Encode(s)
}

func readScript(file string) (s script, err error) {
	f, err := os.Open(file)
	if err != nil {
		return s, err
	}
	defer f.Close()
	return s, gob.NewDecoder(f).Decode(&s)
}

type object = map[string]any

// A dialect is how a candidate is asked and answers: the same question, about the same bytes.
type dialect struct {
	path       string
	body       func(question object) object
	open, shut want // of a route that the token opens, and of one that wants a step-up
}

var (
	native = dialect{
		path: "/v1/decision", body: func(q object) object { return q },
		open: has(200, `"outcome":"allow"`), shut: has(200, `"outcome":"step_up"`),
	}
	opa = dialect{
		path: "/v1/data/bench/answer", body: func(q object) object { return object{"input": q} },
		open: has(200, `"allow":true`), shut: has(200, `"allow":false`),
	}
	// echoed is asked as we are, and gives the one answer that it has.
	echoed = dialect{path: native.path, body: native.body, open: native.open, shut: native.open}
)

func (d dialect) script() *script { return &script{Speaks: overHTTP, Wants: []want{d.open, d.shut}} }

// ask adds a question to a script.
func (d dialect) ask(s *script, token string, n int) {
	const place = "THE-TOKEN"
	text := asJSON(d.body(object{
		"token": place, "action": object{"name": "GET"}, "resource": object{"type": "route", "id": route(n)},
		"context": object{"ticket": "T-1"},
	}))
	before, after, _ := bytes.Cut([]byte(text), []byte(place))
	of := 0
	if isShut(n) {
		of = 1
	}
	s.add(of, head("POST "+d.path, len(before)+len(token)+len(after), "Content-Type: application/json\r\n"), string(before), token, string(after))
}

func head(line string, size int, more string) string {
	return fmt.Sprintf("%s HTTP/1.1\r\nHost: bench.example\r\n%sContent-Length: %d\r\n\r\n", line, more, size)
}

// hot is one token at one route.
func (d dialect) hot(tokens []string) *script {
	s := d.script()
	d.ask(s, tokens[0], 0)
	return s
}

// around is one token at all routes in turn.
func (d dialect) around(tokens []string) *script {
	s := d.script()
	for n := range routes {
		d.ask(s, tokens[0], n)
	}
	return s
}

// cold has a new token for every question.
func (d dialect) cold(tokens []string) *script {
	s := d.script()
	for n, token := range tokens {
		d.ask(s, token, n%routes)
	}
	return s
}

// mixed is what a day looks like: some people ask often and most seldom (Zipf), about
// twenty routes of which a fifth need a step-up, and one question in twenty comes with a
// token that nobody has seen.
func (d dialect) mixed(logins, fresh []string, count int) *script {
	r := rand.New(rand.NewPCG(1, 2))
	people := rand.NewZipf(r, 1.1, 10, uint64(len(logins)-1))
	s := d.script()
	for n := range count {
		token := logins[people.Uint64()]
		if n%20 == 0 {
			token = fresh[n/20%len(fresh)]
		}
		d.ask(s, token, r.IntN(routes))
	}
	return s
}

const batchSize = 50

// batched asks fifty questions at once, with one token.
func batched(tokens []string) *script {
	var items []object
	shut := 0
	for n := range batchSize {
		items = append(items, object{"resource": object{"type": "route", "id": route(n % routes)}})
		if isShut(n % routes) {
			shut++
		}
	}
	text := asJSON(object{"token": tokens[0], "action": object{"name": "GET"}, "requests": items})
	s := &script{Speaks: overHTTP, Wants: []want{{200, map[string]int{`"outcome":"allow"`: batchSize - shut, `"outcome":"step_up"`: shut}}}}
	s.add(0, head("POST /v1/decisions", len(text), "Content-Type: application/json\r\n"), text)
	return s
}

// What a browser says of itself.
const (
	userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
	accept    = "text/html,application/xhtml+xml,*/*;q=0.8"
	languages = "en-GB,en;q=0.7"
)

// forwarded is what nginx asks (auth_request), with what a browser sent to it.
func forwarded(token string) *script {
	s := &script{Speaks: overHTTP, Wants: []want{{Status: 200}}}
	s.add(0, "GET /gw/nginx HTTP/1.1\r\nHost: bench.example\r\nX-Original-Method: GET\r\nX-Original-URI: "+route(0)+
		"\r\nX-Forwarded-Host: intranet.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.7\r\nUser-Agent: "+userAgent+
		"\r\nAccept: "+accept+"\r\nAccept-Language: "+languages+"\r\nAuthorization: Bearer "+token+"\r\n\r\n")
	return s
}

// checked is what Envoy asks over gRPC about the same request.
func checked(token string) (*script, error) {
	address := func(ip string, port uint32) *authv3.AttributeContext_Peer {
		return &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: ip, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
		}}}}
	}
	message, err := proto.Marshal(&authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: address("192.0.2.7", 40404), Destination: address("192.0.2.1", 443),
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: "1234567890123456789", Method: "GET", Path: route(0), Host: "intranet.example", Scheme: "https", Protocol: "HTTP/2",
			Headers: map[string]string{
				":method": "GET", ":path": route(0), ":authority": "intranet.example", ":scheme": "https",
				"user-agent": userAgent, "accept": accept, "accept-language": languages, "x-request-id": "5f0f8d6e-8a3c-4f0e-9b1a-2d6f5c1f7a10", "authorization": "Bearer " + token,
			},
		}},
	}})
	if err != nil {
		return nil, err
	}
	// The outcome, as a string of a google.protobuf.Value.
	s := &script{Speaks: overGRPC, Wants: []want{has(0, "\x1a\x05allow")}}
	s.add(0, string(framed(message)))
	return s, nil
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts in maps and lists
	}
	return string(text)
}
