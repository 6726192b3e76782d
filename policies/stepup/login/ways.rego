package stepup.login

# METADATA
# title: Ways
# description: The factors, in order, by which this person could reach a level that is acceptable.
_ways contains way if {
	some way in _all_ways
	count(_implied(way.level) & _acceptable) > 0
}

# METADATA
# title: All ways
# description: One factor that gives a level alone, or a first and a second.
_all_ways contains {"level": data.stepup.factors[factor].alone, "first": [], "last": factor} if {
	some factor in _enrolled
}

_all_ways contains {"level": _pairs[first][second], "first": [first], "last": second} if {
	some first in _enrolled
	some second in _enrolled
}

# METADATA
# title: Remaining factors
# description: >-
#   Those of a way that are not proved. The last one makes the level and its auth_time, so
#   it must count for this request; for the first it is enough to be of this session.
_remaining(way) := array.concat(
	[factor | some factor in way.first; not _completed[factor]],
	[factor | some factor in [way.last]; not _proved_lately(factor)],
)

# METADATA
# title: Proved lately
# description: >-
#   Completed, and so that it counts. A rule of its own, because a reference below "not"
#   to what is undefined would make the whole expression undefined.
_proved_lately(factor) if _counts(_completed[factor])

# METADATA
# title: Missing factors
# description: Of the way that asks least, which has the fewest factors, then the weakest level, then the person's own order.
_missing := factors if {
	[_, _, _, factors] := min([[count(remaining), count(_implied(way.level)), places, remaining] |
		some way in _ways
		remaining := _remaining(way)
		places := [i | some factor in array.concat([way.last], way.first); some i, enrolled in _enrolled; factor == enrolled]
	])
}
