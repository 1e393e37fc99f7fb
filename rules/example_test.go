package rules_test

import (
	"fmt"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// A host with more memory than the statement's limit, judged on a fixed day.
func ExampleEvaluate() {
	library, _ := support.NewLibrary(nil)
	statement, err := library.Open("4.22")
	if err != nil {
		panic(err)
	}
	host := &facts.Host{
		Machine: facts.Machine{Arch: facts.Is(facts.X86_64, "/proc/cpuinfo"), Kind: facts.Is(facts.Bare, "/proc/cpuinfo")},
		CPU: facts.CPU{
			Physical: facts.Is(facts.Exactly(448), "/sys/devices/system/cpu/present"),
			X86: &facts.X86CPU{
				Models: facts.Is([]facts.X86Model{{Vendor: "GenuineIntel", Family: 6, Model: 143, Stepping: 8}}, "/proc/cpuinfo"),
			},
		},
		Memory: facts.Memory{Physical: facts.Is(facts.Exactly(16<<40), "SMBIOS")},
	}
	v := rules.Evaluate(statement, host, rules.Options{At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)})
	fmt.Println(v.Overall.Grade)
	for _, i := range v.Overall.Because {
		f := v.Findings[i]
		fmt.Println(f.Row.Key, f.Level.Functional, f.Level.Security)
		fmt.Println(f.Why)
	}
	// Output:
	// not_security_supported
	// physical-memory--x86 supported no
	// The host has 16 TiB, more than the 12 TiB up to which the row is security supported.
}
