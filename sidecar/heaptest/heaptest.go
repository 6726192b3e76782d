package heaptest

import "runtime"

// InUse is how many bytes of the heap are reachable. It collects twice: what pools kept is let go of
// by the second. The difference of two calls is what was kept between them, provided that it is
// still used after the later one ([runtime.KeepAlive]) and that nothing else goes on meanwhile.
func InUse() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
