package token

// KnownHeaders tells how many headers a verifier knows.
func (v *Verifier) KnownHeaders() int {
	v.seen.mu.RLock()
	defer v.seen.mu.RUnlock()
	return len(v.seen.by)
}

// ForgetHeaders makes a verifier as new.
func (v *Verifier) ForgetHeaders() {
	v.seen.mu.Lock()
	defer v.seen.mu.Unlock()
	v.seen.by = nil
}

// The bounds of what is known of headers.
const (
	MaxForms  = maxForms
	MaxHeader = maxHeader
)
