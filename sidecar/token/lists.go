package token

import (
	"slices"
	"strings"
	"sync"
)

// The bounds of the lists that tokens share.
const (
	maxLists = 256
	maxList  = 1 << 10 // bytes of the texts of one
)

// lists are scopes and audiences of tokens that are kept. Those of an issuer's tokens are mostly
// the same few, so that one stands for many. One whose lists are all different has as many kept as
// the bounds allow, and then all begins anew. The zero value is empty. It is safe for concurrent use.
type lists struct {
	mu sync.Mutex
	by map[string][]string
}

// shared returns a list with the same texts, which is the same for many.
func (l *lists) shared(list []string) []string {
	joined := strings.Join(list, " ")
	if len(list) == 0 || len(joined) > maxList {
		return list
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.by[joined]
	switch {
	case known == nil:
		return l.add(joined, list)
	case slices.Equal(known, list):
		return known
	}
	return list // texts with spaces in them are joined like others
}

// add keeps a copy of a list, whose texts may be parts of a whole token.
func (l *lists) add(joined string, list []string) []string {
	if l.by == nil || len(l.by) >= maxLists {
		l.by = map[string][]string{}
	}
	own := make([]string, len(list))
	for n, text := range list {
		own[n] = strings.Clone(text)
	}
	l.by[strings.Clone(joined)] = own
	return own
}
