package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// A dialect is how one candidate is asked: the same question, about the same bytes.
type dialect struct {
	path  string
	batch string
	body  func(token, route string) any
}

type object = map[string]any

func question(token, route string) object {
	return object{
		"token": token, "action": object{"name": "GET"}, "resource": object{"type": "route", "id": route},
		"context": object{"ticket": "T-1"},
	}
}

var (
	native = dialect{path: "/v1/decision", batch: "/v1/decisions", body: func(token, route string) any { return question(token, route) }}
	opa    = dialect{path: "/v1/data/bench/answer", body: func(token, route string) any { return object{"input": question(token, route)} }}
)

// request is an HTTP request as it is written to a connection.
func request(path string, body any) []byte {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings in maps
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench.example\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(text), text)
}

func (d dialect) one(token, route string) []byte { return request(d.path, d.body(token, route)) }

// hot is one token at one route.
func (d dialect) hot(tokens []string) [][]byte { return [][]byte{d.one(tokens[0], route(0))} }

// cold has a new token for every question.
func (d dialect) cold(tokens []string) [][]byte {
	list := make([][]byte, len(tokens))
	for n, token := range tokens {
		list[n] = d.one(token, route(n%routes))
	}
	return list
}

// mixed is what a day looks like: some people ask often and most seldom (Zipf), about
// twenty routes of which a fifth need a step-up, and one question in twenty comes with a
// token that nobody has seen.
func (d dialect) mixed(logins, fresh []string, count int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	people := rand.NewZipf(r, 1.1, 10, uint64(len(logins)-1))
	list := make([][]byte, count)
	for n := range list {
		token := logins[people.Uint64()]
		if n%20 == 0 {
			token = fresh[n/20%len(fresh)]
		}
		list[n] = d.one(token, route(r.IntN(routes)))
	}
	return list
}

// batched asks fifty questions at once, with one token.
func (d dialect) batched(tokens []string) [][]byte {
	var items []object
	for n := range batchSize {
		items = append(items, object{"resource": object{"type": "route", "id": route(n % routes)}})
	}
	return [][]byte{request(d.batch, object{"token": tokens[0], "action": object{"name": "GET"}, "requests": items})}
}

const batchSize = 50
