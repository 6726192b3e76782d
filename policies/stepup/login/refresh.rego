package stepup.login

# METADATA
# title: Refresh
# description: Nobody is there who could prove anything.
_refreshing if input.session.refresh == true

# METADATA
# title: Refreshed
# description: >-
#   The claims of the original login, never more and never younger: what was completed for
#   it must still bear them. Else the person has to sign in again.
default _refreshed := {"error": "login_required"}

_refreshed := {"claims": {name: original[name] | some name in ["authentication_level", "acr", "amr", "auth_time"]}} if {
	_understood
	original := input.session.claims
	original.acr == original.authentication_level
	original.auth_time in _proofs[original.authentication_level]
	is_array(original.amr)
	every word in original.amr { word in _methods(original.authentication_level) }
}
