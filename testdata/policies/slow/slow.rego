# METADATA
# title: Slow
# description: "Odd: it counts for longer than any deadline before it allows."
# schemas:
#   - input: schema.access.input
package slow

default allow := false

# METADATA
# title: After some thought
# description: Every pair of twenty thousand numbers.
allow if {
	all := numbers.range(1, 20000)
	every left in all {
		every right in all { left + right > 0 }
	}
	"normal" in input.assurance.levels
}
