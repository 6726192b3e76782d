package stepup.assurance

# METADATA
# title: Meanings of a value
# description: >-
#   The levels that a value of a claim is mapped to, "none" included. An issuer's own word
#   for a level stands in place of the vocabulary's, which then means nothing there.
_meanings(name, value) := {level |
	level := _vocabulary.claims[name][value]
	not _own_word(name, level)
	not _left_to_tenants(name, level)
} | {level |
	some level in _vocabulary.claims[name]
	_own_word(name, level) == value
}

# METADATA
# title: Own word
# description: What an issuer with words of its own says for a level. Most have none.
_own_word(name, level) := input.token.vocabulary.levels[level] if name == _vocabulary.words

# METADATA
# title: Left to tenants
# description: >-
#   Whether the vocabulary's value for a level only holds the place of an issuer's own
#   word. Without one, nothing means that level there.
_left_to_tenants(name, level) if {
	name == _vocabulary.words
	level in _vocabulary.requires_words
}

# METADATA
# title: Levels that a value gives
# description: The value "0" is a login by cookie alone (OpenID Connect Core, section 2) and gives none.
_gives(name, value) := _meanings(name, value) if value != "0"

# METADATA
# title: Known values
# description: Those of which it is known what they give, if only nothing.
_known(name, value) if count(_meanings(name, value)) > 0

_known(_, "0")
