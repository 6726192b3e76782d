// Package packed owns how values are written into one text, one after the other, and read from
// it again: for what is kept in numbers too large for the garbage collector to walk through.
//
// A text is for the process that wrote it. It says nothing about what is in it: whoever reads
// takes the same values in the same order as they were written, and then asks [Reader.Done].
package packed
