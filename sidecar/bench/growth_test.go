package main

import (
	"fmt"
	"testing"
)

// BenchmarkGrowth asks sidecars of which something grows, so that a profile shows what.
func BenchmarkGrowth(b *testing.B) {
	w, err := newWorld(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer w.keys.Close()
	for _, g := range growths() {
		for _, size := range g.sizes {
			of, asked, err := g.sized(b.Context(), w, size)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprint("start/", size, " ", g.what), func(b *testing.B) {
				for b.Loop() {
					if _, err := of.core(b.Context(), b.TempDir(), "64MiB"); err != nil {
						b.Fatal(err)
					}
				}
			})
			for _, a := range asked {
				b.Run(fmt.Sprint(a.name, "/", size, " ", g.what), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := a.do(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
