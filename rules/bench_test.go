package rules

import (
	"maps"
	"slices"
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
)

func BenchmarkEvaluate(b *testing.B) {
	hosts := map[string]*facts.Host{
		"x86":  x86(nil),
		"arm":  arm64(cores(a53(), a57(1, 0))),
		"dom0": dom0Of(x86(nil), 22, xenLine("sync_console vpmu=on com1=115200 console=com1")),
	}
	s := Compile(statement(b, "4.22"))
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		h := hosts[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Evaluate(h, Options{At: now})
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	s := statement(b, "4.22")
	b.ReportAllocs()
	for b.Loop() {
		Compile(s)
	}
}
