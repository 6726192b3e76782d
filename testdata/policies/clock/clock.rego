# METADATA
# title: Clock
# description: "Odd: it asks for the time in all the ways there are."
# schemas:
#   - input: schema.access.input
package clock

default allow := false

# METADATA
# title: One time
# description: The built-in clock is the document's.
allow if {
	input.resource.id == "/one-time"
	time.now_ns() == input.now * 1000000000
	input.assurance.age == input.now - input.assurance.auth_time
}

# METADATA
# title: Until noon
# description: The day's first twelve hours, in universal time.
allow if {
	input.resource.id == "/until-noon"
	[hour, _, _] := time.clock(input.now * 1000000000)
	hour < 12
}
