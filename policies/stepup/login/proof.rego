package stepup.login

# METADATA
# title: What a level implies
# description: Itself and everything below it. A name that is no level implies nothing.
_implied(level) := graph.reachable(_order, {level})

# METADATA
# title: Order of levels
# description: Each level with those it implies.
_order := {level: object.get(facts, "implies", []) | some level, facts in data.stepup.levels}

# METADATA
# title: Enrolled factors
# description: Of this person and known to us, in the person's order. Without a person, those that the provider offers.
_enrolled := [factor | some factor in input.user.factors; data.stepup.factors[factor]]

# METADATA
# title: Completed factors
# description: >-
#   Each with the moment of its last completion. A factor that this person has not enrolled
#   proves nothing of them, and one that nobody knows proves nothing at all; a remembered
#   device is no factor. What lies in the future beyond the skew has not happened.
_completed[factor] := max(times) if {
	_known_person
	some factor in _enrolled
	times := {proof.time |
		some proof in input.session.completed
		proof.factor == factor
		_happened(proof.time)
		_in_this_login(proof.time)
	}
	count(times) > 0
}

# METADATA
# title: Happened
# description: A moment in whole seconds, not after now.
_happened(time) if {
	is_number(time)
	time == floor(time)
	time >= 0
	time <= input.now + input.clock_skew
}

# METADATA
# title: In this login
# description: The whole session belongs to it, unless the request asks to sign in anew (prompt=login).
_in_this_login(_) if not "login" in _prompts

_in_this_login(_) if _refreshing

_in_this_login(time) if time >= input.session.requested_at

# METADATA
# title: What completed factors give
# description: A level by itself, and one as the second factor beside a first of another class.
_given[factor] contains level if {
	some factor, _ in _completed
	level := data.stepup.factors[factor].alone
}

_given[factor] contains level if {
	some factor, _ in _completed
	some first, _ in _completed
	level := _pairs[first][factor]
}

# METADATA
# title: Pairs
# description: First factor, second factor, and the level that they give together.
_pairs[first][second] := facts.second if {
	some first, before in data.stepup.factors
	before.alone
	some second, facts in data.stepup.factors
	before.class != facts.class
}

# METADATA
# title: Proofs
# description: For each level that was proved, the moments at which a factor lifted the login to it or above.
_proofs[level] contains time if {
	some factor, time in _completed
	some given in _given[factor]
	some level in _implied(given)
}

# METADATA
# title: Levels that count
# description: Those that were proved, and not too long ago for this request.
_counting contains level if {
	some level, times in _proofs
	_counts(max(times))
}

# METADATA
# title: Counts
# description: >-
#   Not older than max_age, or completed since the request came in, for otherwise max_age=0
#   could never be met. A refresh asks nobody, and asks for no age.
_counts(_) if _parameter("max_age") == ""

_counts(_) if _refreshing

_counts(time) if input.now - time <= to_number(_parameter("max_age"))

_counts(time) if time >= input.session.requested_at
