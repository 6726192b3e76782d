package sidecar

import (
	"stepup/sidecar/access"
	"stepup/sidecar/config"
	"stepup/sidecar/keep"
	"stepup/sidecar/protocol/extauthz"
	"stepup/sidecar/telemetry"
)

// keptQuestions names the caches of questions that were read, as metrics do; they have one part
// in shareOfQuestions of answers.memory, and tokens and answers have the others.
const (
	keptQuestions    = "questions"
	shareOfQuestions = 4
)

// questions are what doors keep of questions that were read, each kind of door for itself: the
// native one, the doors of proxies together, and Envoy's over gRPC.
type questions struct {
	native  int64 // bytes; the door makes its own
	proxies *keep.Cache[*access.Request]
	envoy   *extauthz.Known
}

// newQuestions gives all doors that are on the same part.
func newQuestions(c *config.Config, metrics *telemetry.Instruments) questions {
	doors := int64(1)
	proxied, envoy := false, c.Envoy.Address != ""
	for _, g := range c.Gateways.ByName() {
		proxied = proxied || len(g.Peers) > 0
	}
	for _, on := range []bool{proxied, envoy} {
		if on {
			doors++
		}
	}
	q := questions{native: int64(c.Answers.Memory) / shareOfQuestions / doors}
	if proxied {
		q.proxies = keep.NewOfRepeated[*access.Request](q.native, counters(metrics, keptQuestions))
	}
	if envoy {
		q.envoy = keep.NewOfRepeated[*extauthz.Check](q.native, counters(metrics, keptQuestions))
	}
	return q
}

// keptQuestionBytes tells how many bytes they all take, about.
func (c *Core) keptQuestionBytes() int64 {
	return c.door.Bytes() + c.questions.proxies.Bytes() + c.questions.envoy.Bytes()
}
