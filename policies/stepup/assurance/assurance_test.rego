package stepup.assurance_test

import data.stepup.assurance

_pape := "http://schemas.openid.net/pape/policies/2007/06/multi-factor"

test_page_pattern_normal if {
	_read("auth0-rule", {"authentication_level": "normal", "auth_time": 1795428000}) == {
		"level": "normal", "levels": ["normal"], "methods": [], "auth_time": 1795428000, "told": true, "invalid": [],
	}
}

test_page_pattern_mfa if {
	_read("auth0-rule", {"authentication_level": "mfa", "amr": ["pwd", "otp", "pwd"]}) == {
		"level": "mfa", "levels": ["normal", "mfa"], "methods": ["pwd", "otp"], "auth_time": 0, "told": true, "invalid": [],
	}
}

test_nothing_told if {
	_read("auth0-rule", {"iss": "https://fabrikam.eu.auth0.com/", "sub": "auth0|alice"}) == _nothing
}

test_unknown_vocabulary_reads_nothing if {
	_read("unheard-of", {"authentication_level": "mfa", "auth_time": "yesterday"}) == _nothing
}

test_no_token_reads_as_nothing if {
	assurance.reading == _nothing with input as {}
}

test_null_and_empty_count_as_absent if {
	every value in [null, "", []] {
		_read("auth0", {"acr": value, "amr": value, "auth_time": value}) == {
			"level": "normal", "levels": ["normal"], "methods": [], "auth_time": 0, "told": false, "invalid": [],
		}
	}
}

test_absence_means_what_the_vocabulary_says if {
	_levels("auth0", {}) == ["normal"]
	_levels("auth0", {"auth_time": 1795428000}) == ["normal"]
	_levels("auth0-rule", {}) == []
	_levels("oidc", {}) == []
}

test_absence_means_nothing_once_a_claim_is_there if {
	_levels("auth0", {"amr": ["pwd"]}) == []
	_levels("auth0", {"acr": "urn:unheard-of"}) == []
}

test_machines_have_no_login if {
	claims := {"acr": _pape, "amr": ["mfa"], "auth_time": 1795428000}
	assurance.reading == object.union(_nothing, {"told": true}) with input as _input("auth0", claims, true)
	assurance.reading == _nothing with input as _input("auth0", {}, true)
}

test_unknown_value_gives_nothing if {
	every value in ["gold", "MFA", "mfa ", "nomfa"] {
		_levels("auth0-rule", {"authentication_level": value}) == []
	}
}

test_zero_never_means_a_level if {
	vocabulary := {
		"claims": {"acr": {"0": "mfa", "1": "normal"}, "acrs": {"0": "mfa"}},
		"kinds": {"acrs": "list"},
		"absent": "mfa",
	}
	_levels_by(vocabulary, {"acr": "0"}) == []
	_levels_by(vocabulary, {"acrs": ["0"]}) == []
	_levels_by(vocabulary, {"acr": "1", "acrs": ["0"]}) == []
}

test_zero_in_a_list_is_known_to_give_nothing if {
	vocabulary := {"claims": {"acr": {"1": "normal"}, "acrs": {}}, "kinds": {"acrs": "list"}}
	_levels_by(vocabulary, {"acr": "1", "acrs": ["0"]}) == []
	_levels_by(vocabulary, {"acr": "1", "acrs": ["2"]}) == ["normal"]
}

test_string_claims_that_disagree_give_what_both_satisfy if {
	_levels("stepup-demo", {"acr": "mfa", "authentication_level": "normal"}) == ["normal"]
	_levels("stepup-demo", {"acr": "phr", "authentication_level": "mfa"}) == ["normal", "mfa"]
	_levels("stepup-demo", {"acr": "mfa", "authentication_level": "unheard-of"}) == []
	_levels("stepup-demo", {"acr": "mfa", "authentication_level": "0"}) == []
}

test_claims_that_disagree_are_never_summed if {
	levels := {"normal": {}, "fresh": {"implies": ["normal"]}, "strong": {"implies": ["normal"]}}
	vocabulary := {"claims": {"a": {"fresh": "fresh"}, "b": {"strong": "strong"}}}
	reading := _read_by(levels, vocabulary, {"a": "fresh", "b": "strong"})
	reading.levels == ["normal"]
}

test_absent_claim_contradicts_nothing if {
	_levels("stepup-demo", {"acr": "mfa"}) == ["normal", "mfa"]
	_levels("oidc", {"acr": "phr", "amr": []}) == ["normal", "mfa", "phr"]
}

test_string_claim_limits_a_list if {
	_levels("oidc", {"acr": "phr", "amr": ["mfa"]}) == ["normal", "mfa", "phr"]
	_levels("oidc", {"acr": "urn:unheard-of", "amr": ["mfa"]}) == []
}

test_list_limits_only_when_all_of_it_is_known_to_give_nothing if {
	vocabulary := {
		"claims": {"acr": {"mfa": "mfa"}, "amr": {"mfa": "mfa", "rba": "none", "geo": "none"}},
		"kinds": {"amr": "list"},
	}
	_levels_by(vocabulary, {"acr": "mfa", "amr": ["rba", "geo"]}) == []
	_levels_by(vocabulary, {"acr": "mfa", "amr": ["rba", "new"]}) == ["normal", "mfa"]
	_levels_by(vocabulary, {"acr": "mfa", "amr": ["rba", "mfa"]}) == ["normal", "mfa"]
	_levels_by(vocabulary, {"amr": ["rba", "mfa"]}) == ["normal", "mfa"]
}

test_list_grants_what_any_element_grants if {
	_levels("oidc", {"amr": ["pwd"]}) == ["normal"]
	_levels("oidc", {"amr": ["pwd", "mfa"]}) == ["normal", "mfa"]
	_levels("oidc", {"amr": ["user", "new"]}) == []
}

test_two_classes_are_two_factors if {
	_levels("oidc", {"amr": ["pwd", "otp"]}) == ["normal", "mfa"]
	_levels("oidc", {"amr": ["fpt", "hwk"]}) == ["normal", "mfa"]
}

test_one_class_is_one_factor if {
	_levels("oidc", {"amr": ["otp", "sms"]}) == ["normal"]
	_levels("oidc", {"amr": ["pwd", "pin"]}) == ["normal"]
	_levels("oidc", {"amr": ["pwd", "pwd"]}) == ["normal"]
	_levels("oidc", {"amr": ["pwd", "kba"]}) == ["normal"]
}

test_elements_are_compared_whole if {
	_levels("auth0", {"amr": ["nomfa", "mfa2", "MFA"]}) == []
}

test_wrong_types_are_named_and_nothing_is_read if {
	every value in [1, true, {"x": 1}, ["mfa"]] {
		_read("stepup-demo", {"acr": value, "authentication_level": "mfa", "amr": ["pwd"], "auth_time": 1795428000}) == _refused(["acr"])
	}
	every value in ["mfa", 1, false, {}, ["mfa", 1], [null]] {
		_read("stepup-demo", {"acr": "mfa", "amr": value}) == _refused(["amr"])
	}
	every value in ["1795428000", true, {}, [1795428000], -1, -0.5, 253402300800, 253402300799.5] {
		_read("stepup-demo", {"acr": "mfa", "auth_time": value}) == _refused(["auth_time"])
	}
	_read("stepup-demo", {"auth_time": "x", "acr": 1, "amr": "pwd"}) == _refused(["acr", "amr", "auth_time"])
}

test_claims_that_the_vocabulary_does_not_read_can_be_anything if {
	_read("auth0-rule", {"acr": 7, "authentication_level": "normal"}).invalid == []
}

test_string_or_list if {
	vocabulary := {
		"claims": {"amr": {"mfa": "mfa", "rba": "none"}, "acr": {"mfa": "mfa"}},
		"kinds": {"amr": "string_or_list"},
		"methods": ["amr"],
	}
	_levels_by(vocabulary, {"amr": "mfa"}) == ["normal", "mfa"]
	_levels_by(vocabulary, {"amr": ["mfa"]}) == ["normal", "mfa"]
	_levels_by(vocabulary, {"amr": "new", "acr": "mfa"}) == ["normal", "mfa"]
	_levels_by(vocabulary, {"amr": "rba", "acr": "mfa"}) == []
	_read_by(data.stepup.levels, vocabulary, {"amr": "mfa"}).methods == ["mfa"]
	_read_by(data.stepup.levels, vocabulary, {"amr": 1}).invalid == ["amr"]
}

test_login_time_is_whole_seconds if {
	_auth_time({"auth_time": 1795428000.999}) == 1795428000
	_auth_time({"auth_time": 1.795428e9}) == 1795428000
	_auth_time({"auth_time": 0}) == 0
	_auth_time({"auth_time": 253402300799}) == 253402300799
	_auth_time({}) == 0
}

test_login_time_of_1970_is_a_time_and_unknown if {
	_read("oidc", {"auth_time": 0}) == object.union(_nothing, {"told": true})
}

test_earliest_of_several_login_times if {
	vocabulary := {"claims": {}, "auth_time": ["auth_time", "mfa_time"]}
	_read_by(data.stepup.levels, vocabulary, {"auth_time": 1795428000, "mfa_time": 1795420000}).auth_time == 1795420000
	_read_by(data.stepup.levels, vocabulary, {"mfa_time": 1795420000}).auth_time == 1795420000
}

test_no_login_time_where_the_provider_tells_none if {
	vocabulary := {"claims": {"acr": {"mfa": "mfa"}}, "auth_time": []}
	_read_by(data.stepup.levels, vocabulary, {"acr": "mfa", "auth_time": "whenever"}) == {
		"level": "mfa", "levels": ["normal", "mfa"], "methods": [], "auth_time": 0, "told": true, "invalid": [],
	}
}

test_max_level_is_a_ceiling if {
	_levels_at({"levels": {}, "max_level": "normal"}, {"acr": "phr"}) == ["normal"]
	_levels_at({"levels": {}, "max_level": "phr"}, {"acr": "phr"}) == ["normal", "mfa", "phr"]
	_levels_at({"levels": {}, "max_level": "phr"}, {"amr": ["mfa"]}) == ["normal", "mfa"]
	_levels_at({"levels": {}, "max_level": "unheard-of"}, {"acr": "phr"}) == []
}

test_own_words_stand_for_the_shipped_values if {
	vocabulary := {"name": "auth0-rule", "levels": {"mfa": "strong"}, "max_level": ""}
	_levels_of(vocabulary, {"authentication_level": "strong"}) == ["normal", "mfa"]
	_levels_of(vocabulary, {"authentication_level": "mfa"}) == []
	_levels_of(vocabulary, {"authentication_level": "normal"}) == ["normal"]
}

test_own_words_are_for_one_claim_only if {
	_levels_at({"levels": {"phr": "mfa"}, "max_level": ""}, {"amr": ["mfa"]}) == ["normal", "mfa"]
	_levels_of({"name": "auth0", "levels": {"mfa": "strong"}, "max_level": ""}, {"acr": "strong"}) == []
}

test_levels_left_to_tenants_are_read_in_their_words_only if {
	vocabulary := {
		"claims": {"acr": {"1": "normal", "place": "mfa"}},
		"words": "acr",
		"requires_words": ["mfa"],
	}
	_levels_by(vocabulary, {"acr": "place"}) == []
	_levels_by(vocabulary, {"acr": "1"}) == ["normal"]
	_levels_of({"name": "entra", "levels": {"mfa": "c1"}, "max_level": ""}, {"acrs": ["c1"]}) == ["normal", "mfa"]
	_levels_of({"name": "entra", "levels": {"mfa": "c1"}, "max_level": ""}, {"acrs": ["tenant-word:mfa"]}) == []
	_levels_of({"name": "entra", "levels": {}, "max_level": ""}, {"acrs": ["c1"]}) == []
}

# Entra adds contexts on its own: one that this tenant has no word for takes nothing away.
test_unknown_contexts_of_entra_leave_a_login_normal if {
	_levels("entra", {"ver": "2.0"}) == ["normal"]
	_levels("entra", {"ver": "1.0", "acrs": ["c25"]}) == ["normal"]
	_levels("entra", {"ver": "3.0"}) == []
}

test_providers_say_what_a_login_is_worth if {
	_levels("okta", {"acr": "urn:okta:loa:2fa:any"}) == ["normal", "mfa"]
	_levels("okta", {"acr": "urn:okta:loa:2fa:any:ifpossible"}) == ["normal"]
	_levels("okta", {"acr": "phrh"}) == ["normal", "mfa", "phr", "phrh"]
	_levels("okta", {"amr": ["pwd"]}) == ["normal"]
	_levels("keycloak", {"acr": "0"}) == []
	_levels("keycloak", {"acr": "2"}) == ["normal", "mfa"]
	_levels("keycloak", {}) == []
	_levels("cognito", {"acr": "urn:cognito:loa:2", "amr": ["sms"]}) == ["normal"]
	_levels("cognito", {"acr": "urn:cognito:loa:3", "amr": ["swk"]}) == ["normal", "mfa"]
	_levels("cognito", {"amr": ["fed"]}) == ["normal"]
	_levels("logto", {"acr": "urn:logto:acr:mfa"}) == ["normal", "mfa"]
	_levels("logto", {"amr": ["fed"]}) == []
}

test_level_is_the_strongest if {
	reading := _read("oidc", {"acr": "phrh"})
	reading.level == "phrh"
	reading.levels == ["normal", "mfa", "phr", "phrh"]
}

# What nobody is sent to is still what the login is worth.
test_level_that_is_not_offered if {
	vocabulary := {"claims": {"acr": {"mfa": "mfa"}}, "logins": [{"level": "normal"}]}
	_read_by(data.stepup.levels, vocabulary, {"acr": "mfa"}).level == "mfa"
}

# Of levels that do not imply one another, the vocabulary's last counts.
test_level_among_incomparable_ones if {
	levels := {"normal": {}, "a": {"implies": ["normal"]}, "b": {"implies": ["normal"]}, "c": {"implies": ["normal"]}}
	claims := {"claims": {"amr": {"a": "a", "b": "b", "c": "c"}}, "kinds": {"amr": "list"}}
	offers := object.union(claims, {"logins": [{"level": "normal"}, {"level": "b"}, {"level": "a"}]})
	_read_by(levels, offers, {"amr": ["a", "b", "c"]}).level == "a"
	_read_by(levels, claims, {"amr": ["a", "b"]}).level == "b"
	_read_by(levels, claims, {"amr": ["a", "b"]}).levels == ["normal", "a", "b"]
}

_nothing := {"level": "none", "levels": [], "methods": [], "auth_time": 0, "told": false, "invalid": []}

_refused(names) := object.union(_nothing, {"told": true, "invalid": names})

_input(name, claims, machine) := {
	"token": {"vocabulary": {"name": name, "levels": {}, "max_level": ""}, "claims": claims},
	"machine": machine,
}

_read(name, claims) := reading if {
	reading := assurance.reading with input as _input(name, claims, false)
}

_levels(name, claims) := _read(name, claims).levels

_auth_time(claims) := _read("oidc", claims).auth_time

_levels_of(vocabulary, claims) := reading.levels if {
	reading := assurance.reading with input as {"token": {"vocabulary": vocabulary, "claims": claims}, "machine": false}
}

_levels_at(issuer, claims) := _levels_of(object.union({"name": "oidc"}, issuer), claims)

_read_by(levels, vocabulary, claims) := reading if {
	reading := assurance.reading with input as _input("sample", claims, false)
		with data.stepup.levels as levels
		with data.stepup.vocabularies as {"sample": vocabulary}
}

_levels_by(vocabulary, claims) := _read_by(data.stepup.levels, vocabulary, claims).levels
