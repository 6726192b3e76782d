// Package heap owns how much the process allocates between two runs of the garbage collector.
//
// The collector runs each time as much was allocated as was alive, which is little for a
// sidecar: a dozen MiB, that some thousand answers allocate. Then it ran ten times in a second
// of load, and marked on one of two processors while it did; it was the greater part of the
// slowest hundredth of answers. So at least a fixed amount lies between two runs. Where
// more is alive than that, nothing is changed: the collector's own rule gives more room, and
// no limit of memory can come about in which it would run without end.
//
// This is of the whole process, so it is for programs only, once, and yields to what their
// operators say (GOGC, see serve). GOMEMLIMIT works beside it as ever.
package heap
