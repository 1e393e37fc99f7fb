package probe_test

import (
	"context"
	"fmt"

	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
)

// A board on paper: the boot CPU's MIDR_EL1 and the amount of memory.
func ExampleCollect() {
	host, err := probe.Collect(context.Background(), probe.Options{
		MIDR:   []string{"0x411fd070"},
		Memory: 8 << 30,
		CPUs:   4,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	boot, _ := host.CPU.Arm.Boot.Get()
	fmt.Printf("%s r%dp%d\n", boot.Name, boot.Variant, boot.Revision)

	// What was not given is unknown, with the reason.
	gic := host.Interrupts.GIC
	fmt.Println(gic.State, gic.Problem.Cause)

	arch, ok := host.Machine.Arch.Get()
	fmt.Println(arch == facts.Arm64, ok)
	// Output:
	// Cortex-A57 r1p0
	// unknown not_recorded
	// true true
}
