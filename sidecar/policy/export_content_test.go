package policy

// SharesRules reports whether two snapshots were compiled once.
func SharesRules(a, b *Snapshot) bool { return a.policy.compiler == b.policy.compiler }
