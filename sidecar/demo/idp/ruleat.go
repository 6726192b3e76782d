package idp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// RuleAt is the login rule of a sidecar, which answers at url/v1/login when it is enabled
// there. A nil client is one with a timeout of three seconds. Anything but 200 and one
// answer is an error, and signs nobody in.
func RuleAt(url string, client *http.Client) Rule {
	if client == nil {
		client = &http.Client{Timeout: 3 * time.Second}
	}
	return ruleAt{strings.TrimSuffix(url, "/") + "/v1/login", client}
}

type ruleAt struct {
	url    string
	client *http.Client
}

// maxAnswer bounds what is read of an answer, which is told in few words.
const maxAnswer = 64 << 10

func (r ruleAt) Login(ctx context.Context, q Question) (Answer, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return Answer{}, fmt.Errorf("writing the question: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return Answer{}, fmt.Errorf("%s answers %s", r.url, response.Status)
	}
	return readAnswer(http.MaxBytesReader(nil, response.Body, maxAnswer))
}

// readAnswer takes one object with members that we know, and nothing after it.
func readAnswer(body io.Reader) (Answer, error) {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	var a Answer
	if err := decoder.Decode(&a); err != nil {
		return Answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Answer{}, errors.New("reading the answer: something follows it")
	}
	return a, nil
}
