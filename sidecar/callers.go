package sidecar

import (
	"fmt"

	"stepup/sidecar/config"
	"stepup/sidecar/protocol"
)

// newCallers returns those who may ask; nil where that is whoever reaches the listener.
func newCallers(list []config.Caller) (*protocol.Callers, error) {
	var callers []protocol.Caller
	for _, c := range list {
		key, err := c.Key()
		if err != nil {
			return nil, fmt.Errorf("callers: key_hash of %s %w", c.Name, err)
		}
		uid, err := c.UID.Number()
		if err != nil {
			return nil, fmt.Errorf("callers: uid of %s is %w", c.Name, err)
		}
		callers = append(callers, protocol.Caller{Name: c.Name, SAN: c.SAN, Key: key, UID: uid, Doors: c.Doors})
	}
	known, err := protocol.NewCallers(callers)
	if err != nil {
		return nil, fmt.Errorf("callers: %w", err)
	}
	return known, nil
}
