# METADATA
# title: Obligations
# description: "Odd: it obliges on every answer, on a refusal too, and its obligations are nested."
# schemas:
#   - input: schema.access.input
package obligations

default allow := false

# METADATA
# title: Reading
# description: For anyone who has signed in.
allow if {
	input.action.name == "GET"
	"normal" in input.assurance.levels
}

# METADATA
# title: Every access is noted
# description: Whatever the answer.
obligations contains {"id": "note", "subject": input.subject.id}

# METADATA
# title: Large numbers keep their digits
# description: And what is nested stays nested.
obligations contains {"id": "watermark", "properties": {"account": 9007199254740993, "tags": ["a", null]}} if allow
