// Package cases reads cases: files that each hold one question, the facts of its token, the
// moment, and the answer that it must get. testdata/cases is our corpus of them, and the
// specification; `stepup test` runs those that authors write beside their policies.
//
// It owns the format and how an answer is held against it. It leaves to others: the sidecar
// that answers (sidecar), and the keys that sign (whoever puts the question).
//
//	file ─▶ Case ─▶ Body(sign) ─▶ a sidecar at Case.Now ─▶ Read ─▶ Answer ─▶ Expectation.Want
//
// A case states what it is about. What an author's case does not state is not looked at; a
// case of the corpus states everything ([Case.Whole]), and there silence is a statement:
// no assurance means that nobody was verified, no obligations that there are none.
//
// Unknown keys, a second document, and a case that would expect nothing are refused, so that
// no slip of the pen passes for a test.
package cases
