package stepup.login

# METADATA
# title: Understood
# description: >-
#   Everything that the rule goes by is of its kind. A request that it cannot read could
#   ask for more than it seems to.
_understood if {
	every name in ["scope", "acr_values", "max_age", "prompt"] { is_string(_parameter(name)) }
	regex.match(`^([0-9]{1,10})?$`, _parameter("max_age"))
	_understood_acr
	is_boolean(input.session.refresh)
	is_array(input.session.completed)
	is_array(input.user.factors)
	is_string(input.user.id)
	every moment in [input.now, input.clock_skew, input.session.requested_at] { is_number(moment) }
}

# METADATA
# title: Understood acr
# description: What the parameter claims says of acr in the ID token (OpenID Connect Core, sections 5.5 and 5.5.1.1).
_understood_acr if _acr_request == null

_understood_acr if {
	is_object(_acr_request)
	object.keys(_acr_request) - {"essential", "value", "values"} == set()
	is_boolean(object.get(_acr_request, "essential", false))
	_understood_values
}

# METADATA
# title: Understood values
# description: One value or a list of them, not both.
_understood_values if object.keys(_acr_request) & {"value", "values"} == set()

_understood_values if {
	not "values" in object.keys(_acr_request)
	is_string(_acr_request.value)
}

_understood_values if {
	not "value" in object.keys(_acr_request)
	is_array(_acr_request.values)
	count(_acr_request.values) > 0
	every value in _acr_request.values { is_string(value) }
}

# METADATA
# title: Request for acr
# description: The member claims.id_token.acr, null where there is none. Undefined where it cannot be read.
_acr_request := object.get(_id_token_claims, "acr", null)

# METADATA
# title: Claims of the ID token
# description: Those that the request names, none where it names none.
_id_token_claims := claims if {
	is_object(_requested_claims)
	claims := object.get(_requested_claims, "id_token", {})
	is_object(claims)
} else := {} if {
	_requested_claims.id_token == null
}

# METADATA
# title: Requested claims
# description: The parameter claims, as the object that its JSON is.
_requested_claims := object.get(_parameters, "claims", {})

# METADATA
# title: Parameters
# description: Those of the authorization request.
_parameters := input.authorization_request

# METADATA
# title: Parameter
# description: The text of a parameter, empty where it was not sent.
_parameter(name) := object.get(_parameters, name, "")

# METADATA
# title: Words of a parameter
# description: >-
#   Separated by single spaces, compared exactly (RFC 6749, section 3.3). Between two
#   spaces there is nothing, and a tab is part of a word.
_words(name) := {word | some word in split(_parameter(name), " "); word != ""}

# METADATA
# title: Prompts
# description: Of these the rule knows none and login. The others are the provider's affair.
_prompts := _words("prompt")

# METADATA
# title: Demands
# description: >-
#   Sets of levels, of each of which a login must satisfy one. Everybody proves something.
#   The scope step_up asks for a second factor, acr_values for any level on its list
#   (RFC 9470, section 4): a wish by OpenID Connect Core, which is granted or refused here
#   and never ignored. Without a person nobody knows what they could prove beyond the first.
_demands contains {"normal"}

_demands contains {"mfa"} if {
	_known_person
	"step_up" in _words("scope")
}

_demands contains listed if {
	_known_person
	listed := _words("acr_values")
	count(listed) > 0
}

# METADATA
# title: Essential levels
# description: One of them must be the acr itself. There is none where acr is not essential or any would do.
_essential contains level if {
	_known_person
	_acr_request.essential == true
	level := _acr_request.value
}

_essential contains level if {
	_known_person
	_acr_request.essential == true
	some level in _acr_request.values
}

# METADATA
# title: Acceptable levels
# description: Those that satisfy every demand, and that may be the acr.
_acceptable contains level if {
	some level, _ in data.stepup.levels
	every demand in _demands { count(demand & _implied(level)) > 0 }
	_may_be_acr(level)
}

# METADATA
# title: May be the acr
# description: Any level, unless some are essential.
_may_be_acr(_) if count(_essential) == 0

_may_be_acr(level) if level in _essential

# METADATA
# title: Known person
# description: It is known who signs in.
_known_person if input.user.id != ""
