// Package derive finds out which login would do: the search behind "write allow, get
// step-up".
//
// When a policy refuses, the same policy is asked the counterfactual: would it allow this
// very request, had this person just signed in in one of the ways their provider offers?
// The logins are tried in the vocabulary's order, weakest first. Those that work are the
// answer; each with the largest age up to which it was evaluated to work.
//
// It owns the search and its bounds, and knows neither Rego nor tokens: an [Oracle] says
// what the policy would answer and at which ages that could change. A challenge made of
// what it finds is
//
//   - minimal: no login earlier in the list would be allowed;
//   - sufficient: the login is allowed at every age from 0 to its max_age, evaluated, not
//     guessed. Accepted ages need not be an interval, so there is no bisection: the policy
//     is asked at every age at which its answer can change;
//   - obtainable: the provider offers the login, for at least [Floor] seconds.
//
// Before it is known who asks, the same walk finds what a resource needs: [Requirements].
// Its doubts go the other way, towards the weaker answer.
//
// The words max_age and auth_time are those of OpenID Connect Core, section 3.1.2.1, and
// RFC 9470.
package derive
