package access

// Entities are those that a policy's data lists, for whoever asks which of them are
// allowed. The zero value lists none.
type Entities struct {
	Subjects  map[string][]string // ids by type
	Resources map[string][]string // ids by type
	Actions   []string            // names
}
