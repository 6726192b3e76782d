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

_login := {"level": _level, "levels": _weakest_first, "methods": _methods, "auth_time": _auth_time} if {
	not input.machine
	count(_invalid) == 0
}

# METADATA
# title: Vocabulary
# description: The vocabulary of the token's issuer. An unknown one reads nothing.
default _vocabulary := {}

_vocabulary := data.stepup.vocabularies[input.token.vocabulary.name]

# METADATA
# title: Login time
# description: Of several times the earliest, so that disagreement never makes a login younger.
default _auth_time := 0

_auth_time := min([time | some time in _times])

# METADATA
# title: Methods
# description: How the person proved who they are, in the provider's own words and order (RFC 8176), each once.
_methods := [text |
	some i, text in _named
	not text in array.slice(_named, 0, i)
]

# METADATA
# title: Named methods
# description: All that the claims of methods say.
_named := [text |
	some name in _vocabulary.methods
	some text in _texts[name]
]
