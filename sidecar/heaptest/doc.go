// Package heaptest tells tests how much memory is in use, so that what is told of kept things can be
// held against what they take. No program imports it.
//
// It owns the measuring alone; which difference is too large is for the test to say, and generously:
// the rest of the process keeps things too.
package heaptest
