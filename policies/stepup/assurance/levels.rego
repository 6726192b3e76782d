package stepup.assurance

# METADATA
# title: Order of levels
# description: Each level with those it implies, as the graph that graph.reachable walks.
_order := {level: object.get(facts, "implies", []) | some level, facts in data.stepup.levels}

# METADATA
# title: What a level implies
# description: Itself and everything below it. A name that is no level implies nothing.
_implied(level) := graph.reachable(_order, {level})

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
_levels := intersection(_ceilings | {_claimed})

# METADATA
# title: Levels claimed
# description: Granted by any claim, or by the absence of all.
_claimed := union({levels | some levels in _granted}) | _by_absence

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
