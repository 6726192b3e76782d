package stepup.assurance

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
