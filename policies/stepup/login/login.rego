# METADATA
# title: Login rule
# description: >-
#   What a provider does with an authorization request: which factors are still to be
#   proved, or which claims follow from those that were. Claim and factor are inseparable:
#   no level is claimed whose factors were not completed in this session, whatever was
#   asked for. What a factor proves is data (data.stepup.factors): alone, or as the second
#   beside one of another class that proves something alone.
#   auth_time is one number, and it goes with the level that is claimed: the moment at
#   which the factor was completed that lifts the login to that level, the second one and
#   not the password before or after it. So "mfa within five minutes" is true of the second
#   factor, and a password typed again does not make an old second factor young.
# schemas:
#   - input: schema.login.input
package stepup.login

# METADATA
# title: Answer
# description: >-
#   One of {"claims"}, {"factors", "remembered_device"} and {"error"}. The factors are all
#   still to be proved, in this order; a person may prove others that they enrolled, if the
#   provider asks the rule again. What the rule does not understand it does not meet.
# entrypoint: true
login := _refreshed if {
	_refreshing
} else := _unmet if {
	not _understood
} else := {"claims": _claims(_reached)} if {
	_reached
} else := {"error": "login_required"} if {
	_silent
	count(_counting) == 0
} else := _unmet if {
	count(_ways) == 0
} else := {"error": "interaction_required"} if {
	_silent
} else := {"factors": _missing, "remembered_device": "ignore"}

# METADATA
# title: Unmet
# description: What was asked for is not to be had here (OpenID Connect Core Unmet Authentication Requirements 1.0).
_unmet := {"error": "unmet_authentication_requirements"}

# METADATA
# title: Silent
# description: The request forbids every page (prompt=none), so that nothing can be proved.
_silent if "none" in _prompts

# METADATA
# title: Level reached
# description: The strongest that was proved, counts for this request and is acceptable to it.
_reached := level if {
	[_, level] := max([[count(_implied(level)), level] | some level in (_counting & _acceptable)])
}

# METADATA
# title: Claims
# description: What the tokens of this login say of it.
_claims(level) := {
	"authentication_level": level,
	"acr": level,
	"amr": _methods(level),
	"auth_time": max(_proofs[level]),
}

# METADATA
# title: Methods
# description: >-
#   In words of RFC 8176, "mfa" last. Only of factors that prove no more than this level:
#   together with a login time that is not theirs, the others would seem to prove it again.
_methods(level) := array.concat(words, [marker | some marker in ["mfa"]; marker in _implied(level)]) if {
	words := [word |
		some factor in _enrolled
		_supports(factor, level)
		some word in data.stepup.factors[factor].amr
	]
}

# METADATA
# title: Support
# description: A factor that counts now, or that came first and need not come again.
_supports(factor, level) if {
	_proves(factor, level)
	_proved_lately(factor)
}

_supports(factor, level) if {
	_proves(factor, level)
	data.stepup.factors[factor].alone
}

# METADATA
# title: Proof of no more
# description: A completed factor of which everything that it gives belongs to the level. One that gives nothing is undefined here.
_proves(factor, level) if {
	every given in _given[factor] { given in _implied(level) }
}
