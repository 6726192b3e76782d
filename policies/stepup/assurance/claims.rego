package stepup.assurance

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
