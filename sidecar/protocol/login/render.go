package login

import (
	"errors"

	"stepup/sidecar/access"
)

// answer is a rule's answer as it is written. A provider that reads only claims finds them
// only where they follow.
type answer struct {
	Factors          []string `json:"factors,omitempty"`
	RememberedDevice string   `json:"remembered_device,omitzero"`
	Claims           *claims  `json:"claims,omitzero"`
	Error            string   `json:"error,omitzero"`
}

type claims struct {
	Level    string   `json:"authentication_level"`
	ACR      string   `json:"acr"`
	Methods  []string `json:"amr"`
	AuthTime int64    `json:"auth_time"`
}

// render returns an answer as it is written. One that says nothing, or two things, is a
// fault of ours.
func render(a access.LoginAnswer) (answer, error) {
	switch {
	case a.Claims != nil && len(a.Factors) == 0 && a.Error == "":
		c := claims(*a.Claims)
		return answer{Claims: &c}, nil
	case a.Claims == nil && len(a.Factors) > 0 && a.Error == "":
		return answer{Factors: a.Factors, RememberedDevice: "ignore"}, nil
	case a.Claims == nil && len(a.Factors) == 0 && a.Error != "":
		return answer{Error: a.Error}, nil
	}
	return answer{}, errors.New("the login rule's answer is not one of three")
}
