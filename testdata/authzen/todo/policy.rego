# METADATA
# title: Todo
# description: The Todo and API gateway scenarios of the AuthZEN interoperability events.
# schemas:
#   - input: schema.access.input
package todo

default allow := false

roles := data.todo.users[input.subject.id].roles

# METADATA
# title: Reading
# description: Whoever is known reads users and todos.
allow if {
	input.action.name in {"can_read_user", "can_read_todos"}
	count(roles) > 0
}

# METADATA
# title: Creating
# description: Administrators and editors create todos.
allow if {
	input.action.name == "can_create_todo"
	some role in roles
	role in {"admin", "editor"}
}

# METADATA
# title: Any todo
# description: An evil genius changes everybody's todos; an administrator deletes them.
allow if {
	{"action": input.action.name, "role": roles[_]} in [
		{"action": "can_update_todo", "role": "evil_genius"},
		{"action": "can_delete_todo", "role": "admin"},
	]
}

# METADATA
# title: One's own todos
# description: Editors change and delete theirs.
allow if {
	input.action.name in {"can_update_todo", "can_delete_todo"}
	"editor" in roles
	input.resource.properties.ownerID == data.todo.users[input.subject.id].email
}

# METADATA
# title: Gateways, reading
# description: A gateway names the route, not the todo.
allow if {
	input.resource.type == "route"
	input.action.name == "GET"
	input.resource.id in {"/users/{userId}", "/todos"}
	count(roles) > 0
}

# METADATA
# title: Gateways, writing
# description: Whose todo it is, a gateway does not know.
allow if {
	input.resource.type == "route"
	{"action": input.action.name, "route": input.resource.id} in [
		{"action": "POST", "route": "/todos"},
		{"action": "PUT", "route": "/todos/{todoId}"},
		{"action": "DELETE", "route": "/todos/{todoId}"},
	]
	some role in roles
	role in {"admin", "editor", "evil_genius"}
}
