package policy

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
	"stepup/sidecar/keep"
)

// Most tokens tell of their logins in one of a few ways, and differ in who signed in and
// when. So what the library read is kept by what it was given to read: the claims that the
// vocabulary names, and no others, so that what is kept of one token is what a fresh
// reading of another would be. The login time, of which the library only takes the
// earliest, is put in afterwards.

// standIn is the login time that the library is given for any that is whole. It is not 0,
// by which the library says that a login has none.
const standIn json.Number = "1"

// latest is the last login time that the library takes for one: the end of the year 9999.
const latest = 253402300799

// A gist is what the library needs of one token, and the login time that was taken out.
type gist struct {
	document access.Object
	authTime int64 // 0: none was taken out
}

// gist narrows a document to what the vocabulary of its issuer reads. False if that is not
// known: the issuer is not a configured one, or its tokens are read by another vocabulary.
func (l *library) gist(doc input.Document) (gist, bool) {
	v := l.issuers[doc.Token.Issuer]
	if l.readings == nil || v == nil || v.Name != doc.Token.Vocabulary.Name {
		return gist{}, false
	}
	claims, all := access.Object{}, doc.Token.All.Object()
	for _, name := range l.reads[doc.Token.Issuer] {
		if value, there := all[name]; there {
			claims[name] = value
		}
	}
	authTime := takeTimes(v, claims)
	used := doc.Token.Vocabulary
	vocabulary := access.Object{"name": used.Name, "levels": wordsObject(used.Levels), "max_level": used.MaxLevel}
	return gist{readable(vocabulary, claims, markedMachine(doc)), authTime}, true
}

// readable is the document of which the library makes a reading.
func readable(vocabulary, claims access.Object, machine bool) access.Object {
	return access.Object{"token": access.Object{"vocabulary": vocabulary, "claims": claims}, "machine": machine}
}

func wordsObject(words map[string]string) access.Object {
	o := make(access.Object, len(words))
	for level, word := range words {
		o[level] = word
	}
	return o
}

// takeTimes puts stand-ins for the login times, and returns the earliest; 0 if it did not,
// because there is none, or one that is anything but a plain number of seconds or is read
// as something else too.
func takeTimes(v *assurance.Vocabulary, claims access.Object) int64 {
	var times []int64
	for _, name := range v.AuthTime {
		value, there := claims[name]
		if !there {
			continue
		}
		at, plain := wholeSeconds(value)
		if _, graded := v.Claims[name]; !plain || graded || slices.Contains(v.Methods, name) {
			return 0
		}
		times = append(times, at)
	}
	if len(times) == 0 {
		return 0
	}
	for _, name := range v.AuthTime {
		if _, there := claims[name]; there {
			claims[name] = standIn
		}
	}
	return slices.Min(times)
}

// wholeSeconds reads a number that is written as Go writes one, and lies within what the
// library takes for a time. 0 is left to the library.
func wholeSeconds(value any) (int64, bool) {
	text, isNumber := value.(json.Number)
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, isNumber && err == nil && n > 0 && n <= latest && strconv.FormatInt(n, 10) == string(text)
}

// assure reads what a document's token tells of the login, or finds what was read before
// in the same claims.
func (l *library) assure(ctx context.Context, doc input.Document) (Reading, error) {
	g, known := l.gist(doc)
	if !known {
		return l.read(ctx, access.Object{"token": input.TokenObject(doc.Token), "machine": markedMachine(doc)})
	}
	key, exact := keep.Object(g.document)
	if !exact {
		return l.told(ctx, g)
	}
	if r, kept := l.readings.Get(key, func(Reading) bool { return true }); kept {
		return g.dated(r), nil
	}
	r, err := l.read(ctx, g.document)
	if err != nil {
		return r, err
	}
	own := ownReading(r)
	l.readings.Put(key, own, sizeOfReading(own))
	return g.dated(r), nil
}

// told reads a gist.
func (l *library) told(ctx context.Context, g gist) (Reading, error) {
	r, err := l.read(ctx, g.document)
	return g.dated(r), err
}

// dated puts the login time in that was taken out. A reading without one stays without:
// a machine's, and one that is to be refused.
func (g gist) dated(r Reading) Reading {
	if g.authTime > 0 && r.Assurance.AuthTime > 0 {
		r.Assurance.AuthTime = g.authTime
	}
	return r
}

// ownReading copies the texts of a reading: those of the token are parts of its payload, and who keeps one
// keeps all of that.
func ownReading(r Reading) Reading {
	r.Assurance, r.Invalid = r.Assurance.Own(), slices.Clone(r.Invalid)
	for i, name := range r.Invalid {
		r.Invalid[i] = strings.Clone(name)
	}
	return r
}

// sizeOfReading tells what a reading takes in memory, about.
func sizeOfReading(r Reading) int {
	const itself, header = 256, 32
	n := itself
	for _, list := range [][]string{r.Assurance.Levels, r.Assurance.Methods, r.Invalid} {
		for _, text := range list {
			n += header + len(text)
		}
	}
	return n
}
