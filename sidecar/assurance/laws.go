package assurance

import (
	"maps"
	"slices"
	"strings"

	"stepup/sidecar/access"
)

// A judge holds one vocabulary to the laws and collects where it breaks them.
type judge struct {
	faults
	where place
	order Order
	vocabulary
	reader *Vocabulary // what the vocabulary says of kinds
}

func (j *judge) judge() {
	j.claims()
	j.readings()
	j.kinds()
	j.factors()
	j.absent()
	j.requiresWords()
	j.challenges()
	for i := range j.Logins {
		j.login(j.where.member("logins").index(i), j.Logins[i])
	}
	j.weakestFirst()
}

// claims: values mean levels that there are, and "0" never means one (OpenID Connect
// Core, section 2).
func (j *judge) claims() {
	for _, claim := range slices.Sorted(maps.Keys(j.Claims)) {
		where := j.where.member("claims").member(claim)
		j.named(where, claim)
		for _, value := range slices.Sorted(maps.Keys(j.Claims[claim])) {
			j.meaning(where.member(value), value, j.Claims[claim][value])
		}
	}
	if _, read := j.Claims[j.Words]; j.Words != "" && !read {
		j.add(j.where.member("words"), "%q is not one of claims; name the claim whose values a tenant may rename", j.Words)
	}
}

func (j *judge) meaning(where place, value, level string) {
	switch {
	case value == "":
		j.add(where, "an empty value counts as absent and means nothing; take it out and use absent")
	case value == "0" && level != access.NoLevel:
		j.add(where, `"0" is a login by a long-lived cookie alone and never means a level; map it to "none" or take it out`)
	case level != access.NoLevel:
		j.level(where, level)
	}
}

// readings: where methods and login time are read.
func (j *judge) readings() {
	for i, claim := range j.Methods {
		j.named(j.where.member("methods").index(i), claim)
	}
	for i, claim := range j.AuthTime {
		where := j.where.member("auth_time").index(i)
		j.named(where, claim)
		if j.isText(claim) {
			j.add(where, "%q tells a level or methods and cannot be a time too; name another claim", claim)
		}
	}
}

func (j *judge) kinds() {
	for _, claim := range slices.Sorted(maps.Keys(j.Kinds)) {
		where := j.where.member("kinds").member(claim)
		if !j.isText(claim) {
			j.add(where, "%q is neither one of claims nor of methods; name it there or take it out here", claim)
		}
		switch j.Kinds[claim] {
		case stringKind, listKind, stringOrListKind:
		default:
			j.add(where, "%q is no kind; write string, list or string_or_list", j.Kinds[claim])
		}
	}
}

func (j *judge) factors() {
	if j.Factors == nil {
		return
	}
	where := j.where.member("factors")
	if _, read := j.Claims[j.Factors.Claim]; !read {
		j.add(where.member("claim"), "%q is not one of claims; name it there, if only as {}", j.Factors.Claim)
	} else if j.reader.kindOf(j.Factors.Claim) == stringKind {
		j.add(where.member("claim"), `%q is one string and cannot tell two factors; set its kind to "list"`, j.Factors.Claim)
	}
	for _, value := range slices.Sorted(maps.Keys(j.Factors.Classes)) {
		if value == "" || value == "0" || j.Factors.Classes[value] == "" {
			j.add(where.member("classes").member(value), `a method other than "0" and its class are needed; take it out`)
		}
	}
	j.level(where.member("level"), j.Factors.Level)
}

// requiresWords: what is left to the tenants has a value in whose place their words stand.
func (j *judge) requiresWords() {
	for i, level := range j.RequiresWords {
		where := j.where.member("requires_words").index(i)
		j.level(where, level)
		if !slices.Contains(slices.Collect(maps.Values(j.Claims[j.Words])), level) {
			j.add(where, "no value of the words claim means %q; map one to it, in whose place a tenant's word will stand", level)
		}
	}
}

// challenges: a challenge that asks for a claim's value needs to know the claim.
func (j *judge) challenges() {
	where := j.where.member("challenge")
	switch {
	case j.Challenge != "" && j.Challenge != insufficientClaims:
		j.add(where, "%q is no form of challenge; write insufficient_claims or leave it out", j.Challenge)
	case j.Challenge != "" && j.Words == "":
		j.add(where, "asks for values of the words claim, and there is none; name it in words")
	}
}

func (j *judge) absent() {
	if j.Absent != "" && j.Absent != access.NoLevel {
		j.level(j.where.member("absent"), j.Absent)
	}
}

func (j *judge) login(where place, l login) {
	j.level(where.member("level"), l.Level)
	if len(l.Claims) == 0 {
		j.add(where.member("claims"), "no claims; give at least one set, [{}] for a login of which no claim tells")
	}
	for i, claims := range l.Claims {
		for _, name := range slices.Sorted(maps.Keys(claims)) {
			j.loginClaim(where.member("claims").index(i).member(name), name, claims[name])
		}
	}
	for i, scope := range l.Scopes {
		j.token(where.member("scopes").index(i), "scope", scope)
	}
	for _, parameter := range slices.Sorted(maps.Keys(l.Request)) {
		j.parameter(where.member("request").member(parameter), parameter, l.Request[parameter])
	}
}

// loginClaim: a login tells only what the vocabulary reads, in the type that it reads.
func (j *judge) loginClaim(where place, name string, value any) {
	if slices.Contains(j.AuthTime, name) {
		j.add(where, "the time of a login is put in when it is tried; take it out")
		return
	}
	if !j.isText(name) {
		j.add(where, "the vocabulary does not read this claim; name it in claims or methods, or take it out")
		return
	}
	if k := j.reader.kindOf(name); !fits(k, value) {
		j.add(where, "not of the kind that the vocabulary reads here, which is %q; empty values count as absent", k)
	}
}

// fits reports whether a value is present and of a kind.
func fits(k kind, value any) bool {
	switch value := value.(type) {
	case string:
		return value != "" && k != listKind
	case []any:
		return len(value) > 0 && k != stringKind && !slices.ContainsFunc(value, notText)
	}
	return false
}

func notText(v any) bool { _, text := v.(string); return !text }

// parameter: the authorization request (OpenID Connect Core, section 3.1.2.1).
func (j *judge) parameter(where place, name, value string) {
	switch name {
	case "scope", "acr_values":
		for word := range strings.SplitSeq(value, " ") {
			j.token(where, name, word)
		}
	case "max_age":
		if value == "" || strings.Trim(value, "0123456789") != "" {
			j.add(where, "%q is no number of seconds; write digits, as text", value)
		}
	case "prompt":
		for word := range strings.SplitSeq(value, " ") {
			if !slices.Contains([]string{"login", "consent", "select_account"}, word) {
				j.add(where, "%q lets nobody sign in; write login, consent or select_account", word)
			}
		}
	default:
		j.add(where, "unknown parameter; scope, acr_values, max_age and prompt are known")
	}
}

// weakestFirst: the list extends the partial order, so that the first login that is
// allowed is a weakest one.
func (j *judge) weakestFirst() {
	for late := range j.Logins {
		for early := range late {
			stronger, weaker := j.Logins[early].Level, j.Logins[late].Level
			if stronger != weaker && j.order.Satisfies(stronger, weaker) {
				j.add(j.where.member("logins").index(late), "%q is weaker than %q, which stands before it at %d; list the weakest first",
					weaker, stronger, early)
			}
		}
	}
}

func (j *judge) isText(claim string) bool { return slices.Contains(j.reader.texts(), claim) }

func (j *judge) level(where place, level string) {
	if !j.order.Known(level) {
		j.add(where, "%q is no level; the levels are %s", level, j.order.names())
	}
}

func (j *judge) named(where place, claim string) {
	if claim == "" {
		j.add(where, "a claim needs a name")
	}
}

func (j *judge) token(where place, what, word string) {
	if problem := badToken(word); problem != "" {
		j.add(where, "a value of %s %s; separate values by single spaces and use printable ASCII", what, problem)
	}
}
