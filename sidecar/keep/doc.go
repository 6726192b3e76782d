// Package keep owns what may be kept of an answer, and until when: the digests by which a
// question is known again, the span of time in which an answer is the same, and places
// that are bounded by bytes: a [Cache] of values, [Texts] for what there are too many of for the garbage
// collector, and the [Last] of these as values.
//
// A kept answer must equal a fresh one at every instant. So a [Digest] covers everything
// that decides: whoever keeps shows it, value by value, to a [Sight]. A [Span] ends before
// time alone could change anything; and what else can change (keys, policies) is not told
// here but held against the present by whoever keeps: see pdp.
//
//	what decides ─▶ Sight ─▶ Digest ─▶ Cache ─▶ what was said, if its Span holds
//
// Nothing here knows tokens or policies, and nothing is ever kept that refused a token.
// What is not certain is not kept: the price is time, and never a wrong answer.
package keep
