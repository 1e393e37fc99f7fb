package main

import (
	"os"
	"strings"
	"testing"
	"io"
	"time"
)

func BenchmarkFleetFile(b *testing.B) {
	args := strings.Fields(os.Getenv("FLEETARGS"))
	for b.Loop() {
		s := &streams{in: os.Stdin, out: io.Discard, err: io.Discard, env: func(string) string { return "" }, now: time.Now, environ: func() []string { return nil },
			columns: func() (int, bool) { return 0, false }}
		run(append([]string{"fleet"}, args...), s)
	}
}
