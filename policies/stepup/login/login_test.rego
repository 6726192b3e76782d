package stepup.login_test

import data.stepup.login

# Everything happens at 10000; the authorization request came in at 9990.
_now := 10000

_asked_at := 9990

_pwd := {"factor": "pwd", "time": 9000}

_otp := {"factor": "otp", "time": 9100}

_duo := {"factor": "duo", "time": 9200}

_passkey := {"factor": "webauthn", "time": 9300}

# The claims of logins that were made of these.
_normal := {"claims": {"authentication_level": "normal", "acr": "normal", "amr": ["pwd"], "auth_time": 9000}}

_mfa := {"claims": {"authentication_level": "mfa", "acr": "mfa", "amr": ["pwd", "otp", "mfa"], "auth_time": 9100}}

_by_duo := {"claims": {"authentication_level": "mfa", "acr": "mfa", "amr": ["pwd", "mfa"], "auth_time": 9200}}

_phr := {"claims": {"authentication_level": "phr", "acr": "phr", "amr": ["hwk", "user", "mfa"], "auth_time": 9300}}

_unmet := {"error": "unmet_authentication_requirements"}

_login_required := {"error": "login_required"}

_interaction_required := {"error": "interaction_required"}

_still(factors) := {"factors": factors, "remembered_device": "ignore"}

_essential(acr) := {"id_token": {"acr": object.union({"essential": true}, acr)}}

# What the pattern's own rule did, and where it was weak. By default a person has enrolled
# a password and codes, and proved the password.
test_pattern if {
	_wrong([
		["no step_up", {"scope": "openid"}, {}, _normal],
		["no scope at all", {}, {}, _normal],
		["nothing is proved yet", {"scope": "openid"}, {"done": []}, _still(["pwd"])],
		["step_up", {"scope": "openid step_up"}, {}, _still(["otp"])],
		["step_up first", {"scope": "step_up openid"}, {}, _still(["otp"])],
		["step_up, nothing proved", {"scope": "openid step_up"}, {"done": []}, _still(["pwd", "otp"])],
		["step_up, code first", {"scope": "openid step_up"}, {"done": [_otp]}, _still(["pwd"])],
		["step_up, completed", {"scope": "openid step_up"}, {"done": [_pwd, _otp]}, _mfa],
		["completed without being asked", {"scope": "openid"}, {"done": [_pwd, _otp]}, _mfa],
		["a part of another scope", {"scope": "openid no_step_up_please"}, {}, _normal],
		["another case", {"scope": "openid STEP_UP"}, {}, _normal],
		["many spaces", {"scope": "openid   step_up  "}, {}, _still(["otp"])],
		["a tab is no separator", {"scope": "openid\tstep_up"}, {}, _normal],
		["a new line is no separator", {"scope": "openid\nstep_up"}, {}, _normal],
		["codes are not enrolled", {"scope": "openid step_up"}, {"enrolled": ["pwd"]}, _unmet],
		["a remembered device is no factor", {"scope": "openid step_up"}, {"done": [_pwd, {"factor": "remembered_device", "time": 9100}]}, _still(["otp"])],
		["two of one class are one factor", {"scope": "openid step_up"}, {"enrolled": ["otp", "duo", "pwd"], "done": [_otp, _duo]}, _still(["pwd"])],
	]) == {}
}

test_acr_values if {
	_wrong([
		["the level is there", {"acr_values": "normal"}, {}, _normal],
		["a stronger one is there", {"acr_values": "normal"}, {"done": [_pwd, _otp]}, _mfa],
		["a stronger one is asked for", {"acr_values": "mfa"}, {}, _still(["otp"])],
		["the weakest of the list", {"acr_values": "phr mfa"}, {"enrolled": ["webauthn", "pwd", "otp"]}, _still(["otp"])],
		["the one that can be met", {"acr_values": "phr mfa"}, {}, _still(["otp"])],
		["a stronger one that can be met", {"acr_values": "phr"}, {"enrolled": ["pwd", "otp", "webauthn"]}, _still(["webauthn"])],
		["none can be met", {"acr_values": "phr phrh"}, {}, _unmet],
		["none is known", {"acr_values": "urn:unheard-of 0"}, {}, _unmet],
		["some are not known", {"acr_values": "urn:unheard-of mfa"}, {}, _still(["otp"])],
		["nothing but spaces", {"acr_values": "  "}, {}, _normal],
		["together with step_up", {"scope": "step_up", "acr_values": "normal"}, {}, _still(["otp"])],
		["stronger than step_up", {"scope": "step_up", "acr_values": "phr"}, {"enrolled": ["pwd", "otp", "webauthn"], "done": [_pwd, _otp]}, _still(["webauthn"])],
		["fewest factors", {"acr_values": "mfa"}, {"enrolled": ["pwd", "otp", "webauthn"], "done": []}, _still(["webauthn"])],
		["the person's own order", {"acr_values": "mfa"}, {"enrolled": ["pwd", "duo", "otp"]}, _still(["duo"])],
		["another than was asked for", {"acr_values": "mfa"}, {"enrolled": ["pwd", "otp", "duo"], "done": [_pwd, _duo]}, _by_duo],
		["a passkey is enough", {"acr_values": "mfa"}, {"enrolled": ["pwd", "webauthn"], "done": [_passkey]}, _phr],
		["none is never a level", {"acr_values": "none"}, {}, _unmet],
	]) == {}
}

test_essential_acr if {
	_wrong([
		["one value", {"claims": _essential({"value": "mfa"})}, {}, _still(["otp"])],
		["several values", {"claims": _essential({"values": ["phr", "mfa"]})}, {}, _still(["otp"])],
		["several, one is there", {"claims": _essential({"values": ["mfa", "normal"]})}, {}, _normal],
		["several, the strongest is claimed", {"claims": _essential({"values": ["normal", "mfa"]})}, {"done": [_pwd, _otp]}, _mfa],
		["a weaker one than was proved", {"claims": _essential({"value": "normal"})}, {"done": [_pwd, _otp]}, {"claims": {
			"authentication_level": "normal", "acr": "normal", "amr": ["pwd"], "auth_time": 9100,
		}}],
		["any", {"claims": _essential({})}, {}, _normal],
		["cannot be met", {"claims": _essential({"value": "phr"})}, {}, _unmet],
		["contradicts step_up", {"scope": "step_up", "claims": _essential({"value": "normal"})}, {"done": [_pwd, _otp]}, _unmet],
		["a wish", {"claims": {"id_token": {"acr": {"values": ["phr"]}}}}, {}, _normal],
		["a wish, said so", {"claims": {"id_token": {"acr": {"essential": false, "value": "phr"}}}}, {}, _normal],
		["just named", {"claims": {"id_token": {"acr": null}}}, {}, _normal],
		["another claim", {"claims": {"id_token": {"email": {"essential": true}}}}, {}, _normal],
		["no claim of the ID token", {"claims": {"id_token": null, "userinfo": {"acr": {"essential": true, "value": "phr"}}}}, {}, _normal],
	]) == {}
}

test_max_age if {
	_wrong([
		["young enough", {"max_age": "1000"}, {}, _normal],
		["a second too old", {"max_age": "999"}, {}, _still(["pwd"])],
		["proved again", {"max_age": "300"}, {"done": [_pwd, {"factor": "pwd", "time": 9995}]}, {"claims": object.union(_normal.claims, {"auth_time": 9995})}],
		["0, before it is proved", {"max_age": "0"}, {}, _still(["pwd"])],
		["0, and proved since the request", {"max_age": "0"}, {"done": [{"factor": "pwd", "time": 9990}]}, {"claims": object.union(_normal.claims, {"auth_time": 9990})}],
		["the second factor too old", {"scope": "step_up", "max_age": "300"}, {"done": [_pwd, _otp]}, _still(["otp"])],
		["the second factor young, the first need not be", {"scope": "step_up", "max_age": "900"}, {"done": [_pwd, _otp]}, _mfa],
		["a password makes no old code young", {"scope": "step_up", "max_age": "300"}, {"done": [_otp, {"factor": "pwd", "time": 9995}]}, _still(["otp"])],
		["nor is the code then told", {"max_age": "300"}, {"done": [_otp, {"factor": "pwd", "time": 9995}]}, {"claims": object.union(_normal.claims, {"auth_time": 9995})}],
		["nor does it make the login younger", {}, {"done": [_otp, {"factor": "pwd", "time": 9995}]}, _mfa],
		["an old code beside a young other", {"max_age": "300"}, {"enrolled": ["pwd", "otp", "duo"], "done": [_pwd, _otp, {"factor": "duo", "time": 9995}]}, {"claims": object.union(_by_duo.claims, {"auth_time": 9995})}],
		["in the future within the skew", {"max_age": "0"}, {"done": [{"factor": "pwd", "time": 10030}]}, {"claims": object.union(_normal.claims, {"auth_time": 10030})}],
		["in the future beyond it", {}, {"done": [{"factor": "pwd", "time": 10031}]}, _still(["pwd"])],
		["absent is any age", {"max_age": ""}, {}, _normal],
	]) == {}
}

test_prompt if {
	_wrong([
		["none, and enough is proved", {"prompt": "none"}, {}, _normal],
		["none, nobody there", {"prompt": "none"}, {"done": []}, _login_required],
		["none, too old", {"prompt": "none", "max_age": "300"}, {}, _login_required],
		["none, with step_up", {"prompt": "none", "scope": "step_up"}, {}, _interaction_required],
		["none, with step_up completed", {"prompt": "none", "scope": "step_up"}, {"done": [_pwd, _otp]}, _mfa],
		["none, not to be had", {"prompt": "none", "acr_values": "phr"}, {}, _unmet],
		["none and login", {"prompt": "none login"}, {"done": [_pwd, _otp]}, _login_required],
		["login", {"prompt": "login"}, {"done": [_pwd, _otp]}, _still(["pwd"])],
		["login, with step_up", {"prompt": "login", "scope": "step_up"}, {"done": [_pwd, _otp]}, _still(["pwd", "otp"])],
		["login, done anew", {"prompt": "login"}, {"done": [_otp, {"factor": "pwd", "time": 9991}]}, {"claims": object.union(_normal.claims, {"auth_time": 9991})}],
		["others are not ours", {"prompt": "consent select_account"}, {}, _normal],
	]) == {}
}

test_passkey if {
	_wrong([
		["alone", {}, {"enrolled": ["webauthn"], "done": [_passkey]}, _phr],
		["after a password", {}, {"enrolled": ["pwd", "webauthn"], "done": [_pwd, _passkey]}, {"claims": object.union(_phr.claims, {"amr": ["pwd", "hwk", "user", "mfa"]})}],
		["too old beside a young password", {"max_age": "300"}, {"enrolled": ["pwd", "webauthn"], "done": [_passkey, {"factor": "pwd", "time": 9995}]}, {"claims": object.union(_normal.claims, {"auth_time": 9995})}],
	]) == {}
}

test_people if {
	_wrong([
		["nobody yet", {"scope": "step_up"}, {"id": "", "done": []}, _still(["pwd"])],
		["nobody yet, by passkey", {}, {"id": "", "enrolled": ["webauthn", "pwd"], "done": []}, _still(["pwd"])],
		["nobody yet, whatever is asked for", {"acr_values": "phr"}, {"id": "", "done": []}, _still(["pwd"])],
		["nobody yet, silently", {"prompt": "none", "acr_values": "phr"}, {"id": "", "done": []}, _login_required],
		["nobody proves nothing", {}, {"id": "", "done": [_pwd, _otp]}, _still(["pwd"])],
		["nobody cannot tell what is essential", {"claims": _essential({"value": "phr"})}, {"id": "", "done": []}, _still(["pwd"])],
		["a factor that another enrolled", {"scope": "step_up"}, {"done": [_pwd, _duo]}, _still(["otp"])],
		["a factor that nobody knows", {"scope": "step_up"}, {"enrolled": ["pwd", "tea_leaves"], "done": [_pwd, {"factor": "tea_leaves", "time": 9500}]}, _unmet],
		["nothing enrolled", {}, {"enrolled": [], "done": [_pwd]}, _unmet],
	]) == {}
}

test_refresh if {
	_wrong([
		["as it was", {"scope": "openid"}, {"refresh": _normal.claims}, _normal],
		["never factors", {"scope": "openid step_up", "max_age": "0", "prompt": "login", "acr_values": "phr"}, {"refresh": _normal.claims}, _normal],
		["the level stays", {"scope": "openid step_up"}, {"refresh": _mfa.claims, "done": [_pwd, _otp]}, _mfa],
		["not raised by what came after", {}, {"refresh": _normal.claims, "done": [_pwd, _otp]}, _normal],
		["not raised by what it says", {}, {"refresh": _mfa.claims}, _login_required],
		["by a level that nobody knows", {}, {"refresh": object.union(_normal.claims, {"authentication_level": "gold", "acr": "gold"})}, _login_required],
		["not made younger", {}, {"refresh": object.union(_normal.claims, {"auth_time": 9999})}, _login_required],
		["two levels", {}, {"refresh": object.union(_normal.claims, {"acr": "mfa"})}, _login_required],
		["methods that were not", {}, {"refresh": object.union(_normal.claims, {"amr": ["pwd", "otp"]})}, _login_required],
		["methods that are no list", {}, {"refresh": object.union(_normal.claims, {"amr": "pwd"})}, _login_required],
		["methods in an object", {}, {"refresh": object.union(_normal.claims, {"amr": {"first": "pwd"}})}, _login_required],
		["no age is asked for", {"max_age": "0"}, {"refresh": _mfa.claims, "done": [_pwd, _otp]}, _mfa],
		["no claims", {}, {"refresh": {}}, _login_required],
		["other claims are not repeated", {}, {"refresh": object.union(_normal.claims, {"sub": "auth0|mallory"})}, _normal],
		["not understood", {"max_age": "soon"}, {"refresh": _normal.claims}, _login_required],
	]) == {}
}

# Whatever is not of its kind is refused, however much was proved.
test_odd_requests if {
	{name: answer |
		some name, odd in {
			"scope": {"scope": ["step_up"]}, "acr_values": {"acr_values": 1}, "prompt": {"prompt": ["none"]},
			"max_age number": {"max_age": 300}, "max_age sign": {"max_age": "-1"}, "max_age text": {"max_age": "1h"},
			"max_age lines": {"max_age": "300\n"}, "max_age huge": {"max_age": "99999999999"},
			"claims text": {"claims": "{}"}, "claims null": {"claims": null}, "id_token": {"claims": {"id_token": "acr"}},
			"acr text": {"claims": {"id_token": {"acr": "mfa"}}}, "acr list": {"claims": {"id_token": {"acr": ["mfa"]}}},
			"essential": {"claims": {"id_token": {"acr": {"essential": "true"}}}},
			"essential null": {"claims": {"id_token": {"acr": {"essential": null}}}},
			"value": {"claims": _essential({"value": ["mfa"]})}, "values": {"claims": _essential({"values": "mfa"})},
			"values empty": {"claims": _essential({"values": []})}, "values odd": {"claims": _essential({"values": ["mfa", 2]})},
			"both": {"claims": _essential({"value": "normal", "values": ["normal"]})},
			"more": {"claims": _essential({"value": "normal", "vaule": "phr"})},
		}
		answer := _answers(_input(odd, {"done": [_pwd, _otp]}))
		answer != [_unmet]
	} == {}
}

test_odd_members if {
	{path: answer |
		some [path, value] in [
			["session/refresh", "false"], ["session/refresh", null], ["session/completed", {}], ["session/requested_at", "9990"],
			["user/factors", "pwd"], ["user/id", 7], ["now", "10000"], ["clock_skew", null],
		]
		answer := _answers(json.patch(_input({}, {"done": [_pwd, _otp]}), [{"op": "replace", "path": path, "value": value}]))
		answer != [_unmet]
	} == {}
	login.login == _unmet with input as {}
	login.login == _unmet with input as "step_up"
}

test_odd_proofs_prove_nothing if {
	{proof: answer |
		some proof in [
			"otp", null, {"factor": "otp"}, {"time": 9100}, {"factor": "otp", "time": "9100"}, {"factor": "otp", "time": 9100.5},
			{"factor": "otp", "time": -1}, {"factor": ["otp"], "time": 9100}, {"factor": "OTP", "time": 9100},
		]
		answer := _answers(_input({"scope": "step_up"}, {"done": [_pwd, proof]}))
		answer != [_still(["otp"])]
	} == {}
}

# Levels that a deployment adds, and that no other level implies.
test_incomparable_levels if {
	levels := object.union(data.stepup.levels, {"notary": {"implies": ["normal"]}})
	factors := object.union(data.stepup.factors, {"notary": {"class": "person", "alone": "notary", "amr": ["notary"]}})
	proved := {"enrolled": ["pwd", "otp", "notary"], "done": [{"factor": "notary", "time": 9400}]}
	login.login == {"claims": {"authentication_level": "notary", "acr": "notary", "amr": ["notary"], "auth_time": 9400}} with input as _input({"acr_values": "mfa notary"}, proved)
		with data.stepup.levels as levels
		with data.stepup.factors as factors
	login.login == _still(["otp"]) with input as _input({"acr_values": "mfa"}, proved)
		with data.stepup.levels as levels
		with data.stepup.factors as factors
	login.login == _unmet with input as _input({"scope": "step_up", "acr_values": "notary"}, proved)
		with data.stepup.levels as levels
		with data.stepup.factors as factors
}

# Factors that a deployment might have: what is a second factor beside what is a matter of
# classes, and of there being a first one.
test_classes if {
	factors := object.union(data.stepup.factors, {
		"card": {"class": "possession", "alone": "normal", "amr": ["sc"]},
		"face": {"class": "inherence", "second": "mfa", "amr": ["face"]},
	})
	every row in [
		["two of one class", ["card", "otp"], _unmet],
		["two of two classes", ["card", "face"], _still(["face"])],
		["two second ones", ["otp", "face"], _unmet],
	] {
		[_, enrolled, want] := row
		done := [{"factor": "card", "time": 9000}, _otp, {"factor": "face", "time": 9100}]
		proved := [proof | some proof in done; not proof.factor == enrolled[count(enrolled) - 1]]
		login.login == want with input as _input({"scope": "step_up"}, {"enrolled": enrolled, "done": proved})
			with data.stepup.factors as factors
	}
	every enrolled in [["card", "otp"], ["otp", "face"]] {
		all := [{"factor": factor, "time": 9000} | some factor in enrolled]
		login.login == _unmet with input as _input({"scope": "step_up"}, {"enrolled": enrolled, "done": all})
			with data.stepup.factors as factors
	}
}

# A level that does not imply the least one is none to let anybody in by.
test_level_beside_the_least if {
	factors := object.union(data.stepup.factors, {"badge": {"class": "possession", "alone": "kiosk", "amr": []}})
	levels := object.union(data.stepup.levels, {"kiosk": {}})
	person := {"enrolled": ["badge", "pwd"], "done": [{"factor": "badge", "time": 9000}]}
	login.login == _still(["pwd"]) with input as _input({}, person)
		with data.stepup.levels as levels
		with data.stepup.factors as factors
}

# Every factor is of a kind, gives levels that exist, and is a first or a second one.
test_factors_are_well_formed if {
	every factor in data.stepup.factors {
		object.keys(factor) in [{"class", "amr", "alone"}, {"class", "amr", "second"}]
		every word in factor.amr { is_string(word) }
		some level in [object.get(factor, "alone", null), object.get(factor, "second", null)]
		data.stepup.levels[level]
	}
}

# What a login by the shortest way claims is what the vocabulary of the demonstration's
# provider says that it claims.
test_claims_are_those_of_the_vocabulary if {
	every offered in data.stepup.vocabularies["stepup-demo"].logins {
		person := {"enrolled": _enrolled_for[offered.level], "done": []}
		remaining := login.login with input as _input(offered.request, person)
		done := [{"factor": factor, "time": 9995} | some factor in remaining.factors]
		answer := login.login with input as _input(offered.request, object.union(person, {"done": done}))
		answer == {"claims": object.union(offered.claims[0], {"auth_time": 9995})}
	}
}

_enrolled_for := {"normal": ["pwd"], "mfa": ["pwd", "otp"], "phr": ["webauthn"]}

# Of rows [name, authorization request, facts, wanted answer], the answers that differ.
_wrong(rows) := {name: answer |
	some [name, request, facts, want] in rows
	answer := _answers(_input(request, facts))
	answer != [want]
}

# The one answer, in a list so that none at all would be seen.
_answers(document) := answers if {
	answers := [answer | answer := login.login] with input as document
}

_input(request, facts) := {
	"authorization_request": request,
	"user": {"id": object.get(facts, "id", "alice"), "factors": object.get(facts, "enrolled", ["pwd", "otp"])},
	"session": {
		"completed": object.get(facts, "done", [_pwd]),
		"requested_at": _asked_at,
		"refresh": "refresh" in object.keys(facts),
		"claims": object.get(facts, "refresh", {}),
	},
	"client": {"id": "intranet", "properties": {}},
	"now": _now,
	"clock_skew": 30,
}
