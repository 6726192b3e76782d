package loopguard

// places are memories in the order in which they were last asked about. They lie in one piece, without a
// pointer, so that the garbage collector passes thousands of them by; the links are their
// numbers. The zero value is empty; it is for one goroutine.
type places struct {
	all  []place // the first is the end of both lists, and no memory
	free int32   // the first of those that are free, linked by next
}

type place struct {
	memory
	next, prev int32
}

// first returns the number of the one that was asked about least recently; 0: there is none.
func (p *places) first() int32 {
	if len(p.all) == 0 {
		return 0
	}
	return p.all[0].next
}

func (p *places) at(n int32) *memory { return &p.all[n].memory }

// add puts a memory at the end of the order and returns its number. Memories may have moved after that.
func (p *places) add(m memory) int32 {
	if len(p.all) == 0 {
		p.all = append(p.all, place{})
	}
	n := p.free
	if n != 0 {
		p.free = p.all[n].next
	} else {
		n = int32(len(p.all))
		p.all = append(p.all, place{})
	}
	p.all[n].memory = m
	p.link(n)
	return n
}

// drop forgets a memory.
func (p *places) drop(n int32) {
	p.unlink(n)
	p.all[n] = place{next: p.free}
	p.free = n
}

// last moves a memory to the end of the order.
func (p *places) last(n int32) {
	p.unlink(n)
	p.link(n)
}

func (p *places) link(n int32) {
	end := p.all[0].prev
	p.all[n].prev, p.all[n].next = end, 0
	p.all[end].next, p.all[0].prev = n, n
}

func (p *places) unlink(n int32) {
	prev, next := p.all[n].prev, p.all[n].next
	p.all[prev].next, p.all[next].prev = next, prev
}
