# METADATA
# title: Records of departments
# description: The search scenario of the AuthZEN interoperability events.
# schemas:
#   - input: schema.access.input
package search

default allow := false

person := data.search.users[input.subject.id]

record := data.search.records[input.resource.id] if input.resource.type == "record"

# METADATA
# title: Owners
# description: An owner does everything with a record, whosever department it is of.
allow if {
	input.action.name in {"view", "edit", "delete"}
	record.owner == input.subject.id
}

# METADATA
# title: Departments
# description: People view what is of their department.
allow if {
	input.action.name == "view"
	record.department == person.department
}

# METADATA
# title: Managers, viewing
# description: A manager views every record.
allow if {
	input.action.name == "view"
	person.role == "manager"
	record
}

# METADATA
# title: Managers, editing
# description: A manager edits what is of the own department.
allow if {
	input.action.name == "edit"
	person.role == "manager"
	record.department == person.department
}
