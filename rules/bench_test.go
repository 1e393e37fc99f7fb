package rules

import "testing"

func BenchmarkEvaluate(b *testing.B) {
	s := statement(b, "4.22")
	h := x86(nil)
	b.ReportAllocs()
	for b.Loop() {
		Evaluate(s, h, Options{At: now})
	}
}
