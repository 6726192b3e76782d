package protocol

import (
	stdjson "encoding/json"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// encoding writes the members of maps in order, so that equal answers are equal bytes,
// and [encoding/json.Number] as the number it is; the library takes it for a string.
var encoding = json.JoinOptions(
	json.Deterministic(true),
	json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, n stdjson.Number) error {
		return e.WriteValue(jsontext.Value(n))
	})),
)

// Encode returns a value as JSON, with its digits and without HTML escapes.
func Encode(value any) ([]byte, error) { return json.Marshal(value, encoding) }
