package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"stepup/sidecar/demo/idp"
)

// servedRule is the login rule as the sidecar serves it: what a provider elsewhere would
// ask too.
type servedRule struct {
	sidecar string // its address
	http    *http.Client
}

// Login asks POST /v1/login.
func (s servedRule) Login(ctx context.Context, q idp.Question) (idp.Answer, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return idp.Answer{}, fmt.Errorf("writing the question: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.sidecar+"/v1/login", bytes.NewReader(body))
	if err != nil {
		return idp.Answer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(r)
	if err != nil {
		return idp.Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return idp.Answer{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return idp.Answer{}, fmt.Errorf("POST /v1/login: %s: %s", resp.Status, text)
	}
	return readRuling(text)
}

// readRuling reads an answer; one with members that we do not know is none.
func readRuling(text []byte) (idp.Answer, error) {
	var a idp.Answer
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return idp.Answer{}, fmt.Errorf("reading the login rule's answer: %w", err)
	}
	return a, nil
}
