# METADATA
# title: Ladder
# description: "Odd: its rules ask for the age of a login in every way but the plain one."
# schemas:
#   - input: schema.access.input
package ladder

default allow := false

# METADATA
# title: A plain login of five minutes
# description: The lowest rung.
allow if {
	input.resource.id == "/ladder"
	"normal" in input.assurance.levels
	input.assurance.age <= 300
}

# METADATA
# title: A second factor of an hour
# description: The next.
allow if {
	input.resource.id == "/ladder"
	"mfa" in input.assurance.levels
	input.assurance.age < 3601
}

# METADATA
# title: A passkey of any age
# description: The last.
allow if {
	input.resource.id == "/ladder"
	"phr" in input.assurance.levels
}

# METADATA
# title: Ten seconds
# description: Nobody comes back from a provider so soon.
allow if {
	input.resource.id == "/ten-seconds"
	"mfa" in input.assurance.levels
	input.assurance.age <= 10
}

# METADATA
# title: Half a minute
# description: The shortest age that can be asked for.
allow if {
	input.resource.id == "/half-a-minute"
	"mfa" in input.assurance.levels
	input.assurance.age <= 30
}

# METADATA
# title: A hole
# description: At one age it refuses, and a login is good up to there only.
allow if {
	input.resource.id == "/hole"
	"normal" in input.assurance.levels
	input.assurance.age != 120
}

# METADATA
# title: Seasoned
# description: A login must have been for a while, so a new one would not do.
allow if {
	input.resource.id == "/seasoned"
	"normal" in input.assurance.levels
	input.assurance.age >= 600
}

# METADATA
# title: By subtraction
# description: The same as an age of ten minutes.
allow if {
	input.resource.id == "/by-subtraction"
	"normal" in input.assurance.levels
	input.now - input.assurance.auth_time <= 600
}

# METADATA
# title: By the raw claim
# description: The claim of the token itself, which the vocabulary reads too.
allow if {
	input.resource.id == "/by-claim"
	input.token.claims.authentication_level == "mfa"
}

# METADATA
# title: By the method
# description: One method where the vocabulary's logins show several.
allow if {
	input.resource.id == "/by-method"
	"otp" in input.assurance.methods
}
