# METADATA
# title: Records
# description: What the AuthZEN certification asks about. Its subjects come without a token.
# schemas:
#   - input: schema.access.input
package records

default allow := false

# METADATA
# title: Readers
# description: Whoever is listed reads every record.
allow if {
	input.action.name == "read"
	input.subject.id in data.records.entities.subject.user
	known
}

# METADATA
# title: Owners
# description: An owner writes records that are active.
allow if {
	input.action.name == "write"
	owned
	status == "active"
}

# METADATA
# title: Administrators
# description: The caller's word, which is all there is without a token.
allow if {
	input.action.name == "write"
	known
	input.subject.properties.role == "admin"
}

# METADATA
# title: Bin
# description: An owner puts records into the bin, and deletes none for good.
allow if {
	input.action.name == "delete"
	owned
	input.action.properties.soft == true
}

known if {
	input.resource.type == "record"
	data.records.all[input.resource.id]
}

owned if {
	known
	data.records.all[input.resource.id].owner == input.subject.id
}

status := object.get(input.resource.properties, "status", data.records.all[input.resource.id].status)
