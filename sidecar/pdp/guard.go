package pdp

import (
	"stepup/sidecar/access"
	"stepup/sidecar/loopguard"
)

// inVain reports that newer logins of this person did not help before, so that asking for
// one more would only go on. The step-up is then denied instead; what the policy allows is
// never held back.
func (q *question) inVain() bool {
	if q.Guard == nil {
		return false
	}
	verdict := q.Guard.Check(q.now, loopguard.Attempt{
		Requirement: q.requirement(), Level: q.advice.Level, Why: q.why,
		AuthTime: q.doc.Assurance.AuthTime, IssuedAt: q.issuedAt(),
	})
	if verdict.Unmet {
		q.why, q.unchanged = access.StepUpUnmet, verdict.Unchanged
	}
	return verdict.Unmet
}

// met forgets what was asked of somebody who may do it now.
func (q *question) met() {
	if q.Guard != nil && q.claims != nil {
		q.Guard.Met(q.requirement())
	}
}

// requirement is what this person wants to do.
func (q *question) requirement() loopguard.Requirement {
	return loopguard.Requirement{
		Issuer: q.claims.Issuer, Subject: q.claims.Subject, Client: q.claims.ClientID, Session: q.claims.Session,
		Action: q.req.Action.Name, ResourceType: q.req.Resource.Type, ResourceID: q.req.Resource.ID,
	}
}
