package porttest

import "testing"

// TestNoPortTwice lets every port go at once, as its callers do, and asks two processes' worth
// of blocks by turns.
func TestNoPortTwice(t *testing.T) {
	var one, other taken
	defer one.end()
	defer other.end()
	seen := map[string]bool{}
	for range 3 * size {
		for _, process := range []*taken{&one, &other} {
			l, err := process.listen()
			if err != nil {
				t.Fatal(err)
			}
			if address := l.Addr().String(); seen[address] {
				t.Fatalf("%s was given twice", address)
			} else {
				seen[address] = true
			}
			_ = l.Close()
		}
	}
}

// end lets the blocks go, as the end of a process does.
func (t *taken) end() {
	for _, hold := range t.holds {
		_ = hold.Close()
	}
}
