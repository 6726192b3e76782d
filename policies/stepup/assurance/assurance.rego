# METADATA
# title: Assurance
# description: >-
#   How strongly and when the person behind a token signed in. It reads the token's
#   claims with the vocabulary of its issuer (data.stepup.vocabularies) and the order of
#   levels (data.stepup.levels), and nothing else: no clock, no request.
#   Missing, unknown and contradictory never read as a level.
# schemas:
#   - input: schema.assurance.input
package stepup.assurance

# METADATA
# title: Reading of a token
# description: >-
#   Always defined. levels holds every level that the login satisfies, weakest first;
#   level is the strongest of them, "none" if there is none; auth_time is 0 where the
#   token does not tell it. told says that a claim which the vocabulary reads is there;
#   invalid names those of a wrong type, for which the token is refused.
# entrypoint: true
reading := object.union(_login, {"told": count(_present) > 0, "invalid": sort(_invalid)})

# METADATA
# title: Login
# description: Machines do not sign in, and nothing is read from a token that is to be refused.
default _login := {"level": "none", "levels": [], "methods": [], "auth_time": 0}

_login := {"level": _level, "levels": _weakest_first, "methods": sort(_methods), "auth_time": _auth_time} if {
	not input.machine
	count(_invalid) == 0
}

# METADATA
# title: Vocabulary
# description: The vocabulary of the token's issuer. An unknown one reads nothing.
default _vocabulary := {}

_vocabulary := data.stepup.vocabularies[input.token.vocabulary.name]

# METADATA
# title: Claims of levels
# description: The names of the claims whose values mean levels.
_level_claims := {name | some name, _ in _vocabulary.claims}

# METADATA
# title: Claims of text
# description: The names of the claims of levels and of methods.
_text_claims := _level_claims | {name | some name in _vocabulary.methods}

# METADATA
# title: Claims of time
# description: The names of the claims that tell the login time, none where a provider sends none.
_time_claims := {name | some name in _vocabulary.auth_time}

# METADATA
# title: Present claims
# description: Those that the vocabulary reads and the token has. Null, "" and [] count as absent.
_present[name] := value if {
	some name in (_text_claims | _time_claims)
	value := input.token.claims[name]
	not value in {null, "", []}
}

# METADATA
# title: Kind of a claim
# description: Methods are lists and other claims strings, unless the vocabulary says otherwise.
_kind(name) := kind if kind := _vocabulary.kinds[name]

else := "list" if name in _vocabulary.methods

else := "string"

# METADATA
# title: Texts of a claim
# description: What a present claim says, as a list. A claim of the wrong type says nothing.
_texts[name] := [value] if {
	some name in _text_claims
	value := _present[name]
	is_string(value)
	_kind(name) in {"string", "string_or_list"}
}

_texts[name] := value if {
	some name in _text_claims
	value := _present[name]
	is_array(value)
	_kind(name) in {"list", "string_or_list"}
	every text in value { is_string(text) }
}

# METADATA
# title: Times of login
# description: >-
#   In whole seconds, rounded down. A claim of the wrong type, or before 1970 or after the
#   year 9999, tells no time.
_times[name] := floor(value) if {
	some name in _time_claims
	value := _present[name]
	is_number(value)
	value >= 0
	value <= 253402300799
}

# METADATA
# title: Invalid claims
# description: Present, but not what the vocabulary says that they are.
_invalid := object.keys(_present) - (object.keys(_texts) | object.keys(_times))

# METADATA
# title: Login time
# description: Of several times the earliest, so that disagreement never makes a login younger.
default _auth_time := 0

_auth_time := min([time | some time in _times])

# METADATA
# title: Methods
# description: How the person proved who they are, in the provider's own words (RFC 8176).
_methods := {text |
	some name in _vocabulary.methods
	some text in _texts[name]
}

# METADATA
# title: Order of levels
# description: Each level with those it implies, as the graph that graph.reachable walks.
_order := {level: object.get(facts, "implies", []) | some level, facts in data.stepup.levels}

# METADATA
# title: What a level implies
# description: Itself and everything below it. A name that is no level implies nothing.
_implied(level) := graph.reachable(_order, {level})

# METADATA
# title: Word of this issuer
# description: What stands for a value of the vocabulary at an issuer that has words of its own.
_word(name, shipped, level) := input.token.vocabulary.levels[level] if {
	name == _vocabulary.words
	_ := shipped
}

else := shipped

# METADATA
# title: Meanings
# description: The levels that each value of a claim is mapped to, "none" included.
_meanings[name][word] contains level if {
	some name, values in _vocabulary.claims
	some shipped, level in values
	word := _word(name, shipped, level)
}

# METADATA
# title: Levels that a value gives
# description: The value "0" is a login by cookie alone (OpenID Connect Core, section 2) and gives none.
_gives(name, text) := _meanings[name][text] if text != "0"

# METADATA
# title: Known values
# description: Those of which it is known what they give, if only nothing.
_known(name, text) if _meanings[name][text]

_known(_, "0")

# METADATA
# title: Levels by factors
# description: Two methods of different classes are two factors; two of the same class are not.
_by_factors[name] contains factors.level if {
	factors := _vocabulary.factors
	name := factors.claim
	count({factors.classes[text] | some text in _texts[name]}) > 1
}

# METADATA
# title: Levels granted
# description: What each present claim grants, with all that this implies.
_granted[name] := graph.reachable(_order, told) if {
	some name in _level_claims
	texts := _texts[name]
	given := {level | some text in texts; some level in _gives(name, text)}
	told := given | {level | some level in _by_factors[name]}
}

# METADATA
# title: Contradictions
# description: >-
#   Claims that say what the login was, so that no other claim can tell more: a string
#   says so always, a list when it holds only known values and none gives a level.
_exhaustive(name) if _kind(name) == "string"

_exhaustive(name) if {
	count(_granted[name]) == 0
	every text in _texts[name] { _known(name, text) }
}

# METADATA
# title: Ceilings
# description: What the login can be at most, by each contradicting claim and by the issuer's max_level.
_ceilings contains levels if {
	some name, levels in _granted
	_exhaustive(name)
}

_ceilings contains _implied(level) if {
	level := input.token.vocabulary.max_level
	level != ""
}

# METADATA
# title: Levels by absence
# description: What a login is worth of which no claim of levels tells.
_by_absence contains level if {
	count(object.keys(_present) & _level_claims) == 0
	some level in _implied(_vocabulary.absent)
}

# METADATA
# title: Levels
# description: Granted by some claim and contradicted by none. Never the sum of claims that disagree.
_levels := intersection({union({levels | some levels in _granted}) | _by_absence} | _ceilings)

# METADATA
# title: Levels, weakest first
# description: Those that imply fewest come first, then by name.
_weakest_first := [level | some [_, level] in sort([[count(_implied(level)), level] | some level in _levels])]

# METADATA
# title: Strongest levels
# description: Those that no other level of this login implies. There can be several.
_strongest := _levels - {weaker |
	some level in _levels
	some weaker in (_implied(level) - {level})
}

# METADATA
# title: Level
# description: The strongest; of several the one that the vocabulary offers last, else the last by order and name.
default _level := "none"

_level := level if {
	ranked := [[_offered(level), count(_implied(level)), level] | some level in _strongest]
	[_, _, level] := max(ranked)
}

# METADATA
# title: Place among the logins
# description: Where the vocabulary offers a level for the last time, -1 if it never does.
_offered(level) := max(array.concat([-1], [i | some i, login in _vocabulary.logins; login.level == level]))
