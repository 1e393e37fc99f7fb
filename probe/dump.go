package probe

import (
	"errors"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/cpudump"
)

// answer is what a dump tells of one question.
type answer struct{ has, told bool }

// dumped is what a CPUID dump tells.
type dumped struct {
	source       string // the file's name
	x86          bool
	cpus         int  // logical CPUs in the dump
	all          bool // and these are all that the machine has
	models       []facts.X86Model
	features     map[string]answer // by the flag of /proc/cpuinfo
	qos          []string
	qosTold      bool
	hypervisor   answer
	hypervisorID string // signature of leaf 0x40000000
	cores        []facts.ArmCore
	problem      error // of the first line that could not be read
}

// readDump understands a CPUID dump. An error means that it holds no CPU.
func readDump(b []byte) (*dumped, error) {
	dump, err := cpudump.Parse(b)
	if err != nil {
		return nil, err
	}
	d := &dumped{
		x86: len(dump.CPUs) > 0, cpus: max(len(dump.CPUs), len(dump.Arm)), all: dump.Numbered,
		models: dump.Models(), cores: dump.Cores(),
	}
	if len(dump.Problems) > 0 {
		d.problem = errors.New("partly: " + dump.Problems[0].String())
	}
	if !d.x86 {
		if len(d.cores) == 0 {
			return nil, errors.New("it tells of no CPU")
		}
		return d, nil
	}
	ask := func(question func(cpudump.CPU) (bool, bool)) answer {
		has, told := dump.Every(question)
		return answer{has, told}
	}
	d.features = map[string]answer{
		"lm": ask(cpudump.CPU.LongMode), "vmx": ask(cpudump.CPU.VMX),
		"svm": ask(cpudump.CPU.SVM), "npt": ask(cpudump.CPU.NPT),
	}
	if vmx := d.features["vmx"]; vmx.told && !vmx.has {
		d.features["ept"] = answer{false, true}
	}
	d.hypervisor = ask(cpudump.CPU.Hypervisor)
	d.hypervisorID = dump.CPUs[0].HypervisorVendor()
	d.qos, d.qosTold = dump.CPUs[0].QoS()
	return d, nil
}
