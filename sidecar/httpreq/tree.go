package httpreq

// A tree holds routes by their segments, so that neither finding one nor holding a new one
// against the others grows with how many there are.
type tree struct {
	literals  map[string]*tree
	parameter *tree
	route     *route // that ends here; nil: none does
}

// add puts a route where no other ends.
func (t *tree) add(r *route) {
	for _, s := range r.segments {
		t = t.below(s)
	}
	t.route = r
}

func (t *tree) below(segment string) *tree {
	if isParameter(segment) {
		if t.parameter == nil {
			t.parameter = &tree{}
		}
		return t.parameter
	}
	if t.literals == nil {
		t.literals = map[string]*tree{}
	}
	if t.literals[segment] == nil {
		t.literals[segment] = &tree{}
	}
	return t.literals[segment]
}

// find returns the narrowest route of a path. Of two routes of one path one is within the
// other (see [route.against]), so it has the literal where they first differ: the first that
// is found by trying literals first is within all others.
func (t *tree) find(segments []string) *route {
	if len(segments) == 0 {
		return t.route
	}
	if next := t.literals[segments[0]]; next != nil {
		if found := next.find(segments[1:]); found != nil {
			return found
		}
	}
	if t.parameter == nil || segments[0] == "" {
		return nil
	}
	return t.parameter.find(segments[1:])
}

// meeting calls do with every route that has a path in common with these segments.
func (t *tree) meeting(segments []string, do func(*route)) {
	if len(segments) == 0 {
		if t.route != nil {
			do(t.route)
		}
		return
	}
	rest := segments[1:]
	if t.parameter != nil {
		t.parameter.meeting(rest, do)
	}
	if !isParameter(segments[0]) {
		if next := t.literals[segments[0]]; next != nil {
			next.meeting(rest, do)
		}
		return
	}
	for _, next := range t.literals {
		next.meeting(rest, do)
	}
}
