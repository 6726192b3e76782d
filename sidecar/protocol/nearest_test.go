package protocol

import "testing"

// TestNearest asks often, for maps have no order.
func TestNearest(t *testing.T) {
	known := Members[int]{"type": nil, "id": nil, "properties": nil, "host": nil, "path": nil}
	for name, want := range map[string]string{
		"Ye": "type", "tipe": "type", "ID": "id", "idd": "id", "x": "", "propertis": "properties", "hast": "host", "hosst": "host",
	} {
		for range 50 {
			if got := Nearest(known, name); got != want {
				t.Fatalf("Nearest to %q: %q, want %q", name, got, want)
			}
		}
	}
}
