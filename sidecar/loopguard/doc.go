// Package loopguard owns the sidecar's small memory of step-ups that were asked for, and
// notices when asking does not help: a provider that ignores what it is asked for sends
// people back with a new login that fails as the old one did, and without an end they
// would be sent there again (RFC 9470 leaves that to implementations).
//
//	pdp: refused, a login would do ─▶ Check ─▶ step_up, or deny with step_up_unmet
//	pdp: allowed                   ─▶ Met        what was asked for came about
//
// What counts is logins, never questions or tokens. After the second newer login that
// still fails the same requirement within ten minutes, it is unmet. A login is newer by
// its auth_time, and by the token's iat where the provider tells no login time. One that
// began before anybody was asked is no answer to the asking and does not count. So these
// are no loops: the same login asked about many times, another tab, a refresh (which moves
// no auth_time), an abandoned code, a second device with a session of its own or with an
// older login.
//
// The person is who the issuer, subject, client and sid say, kept as a digest under a key
// that each Guard makes for itself. The requirement is policy package, action, resource
// and the level that was asked for; another level is progress. The maximum age is no part
// of it: a policy that reads the clock may ask for another age each time, and its loop is
// one all the same.
//
// The memory is bounded in size and time. What it forgets it would have counted, so that
// forgetting can only ask once more and never refuses anybody. It holds back no allow.
package loopguard
