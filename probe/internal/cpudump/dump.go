// Package cpudump understands text dumps of CPUID, as people keep and share
// them to describe a machine that is not at hand:
//
//   - cpuid -r, with or without -1 (Todd Allen's cpuid)
//   - InstLatx64 and AIDA64
//   - libcpuid's raw data, of x86 and of Arm
//   - libvirt's cpuid.xml
//
// A dump holds what the instruction returned. What it means is in the methods
// of [CPU], by the Intel SDM, volume 2A, "CPUID", and the AMD APM, volume 3,
// appendix E.
package cpudump

import (
	"fmt"
	"slices"

	"github.com/xencheck/xencheck/probe/armcore"
	"github.com/xencheck/xencheck/probe/facts"
)

// Format is a spelling of a dump.
type Format string

// The formats that are understood.
const (
	CPUIDTool  Format = "cpuid -r"
	InstLatx64 Format = "InstLatx64"
	LibCPUID   Format = "libcpuid"
	Libvirt    Format = "libvirt"
)

// Dump is one file.
type Dump struct {
	Format Format
	CPUs   []CPU // of x86, in the order of appearance
	Arm    []Arm // of Arm, in the order of appearance
	// Numbered is true when every CPU has a heading with its number, so that
	// their count is the machine's.
	Numbered bool
	Problems []Problem // lines that could not be read; the rest holds
	More     int       // problems beyond those in Problems
}

// Problem is a line that could not be read.
type Problem struct {
	Line int // counted from 1
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("line %d: %s", p.Line, p.Text) }

// Arm is one logical CPU of an Arm machine.
type Arm struct {
	Number int
	MIDR   armcore.MIDR
}

// Registers is what CPUID returns.
type Registers struct {
	EAX, EBX, ECX, EDX uint32
}

// Leaf is one execution of CPUID.
type Leaf struct {
	EAXIn, ECXIn uint32 // leaf and subleaf
	Registers
}

// CPU is one logical x86 CPU.
type CPU struct {
	Number int
	Leaves []Leaf // in the order of appearance
}

// Leaf returns what CPUID gave for a leaf and subleaf. A leaf above the
// highest that the CPU has is not returned: Intel CPUs answer such a question
// with the data of another leaf.
func (c CPU) Leaf(eax, ecx uint32) (Registers, bool) {
	base := eax & 0xffff0000
	if eax != base && base != 0x40000000 {
		if highest, ok := c.find(base, 0); ok && eax > highest.EAX {
			return Registers{}, false
		}
	}
	return c.find(eax, ecx)
}

func (c CPU) find(eax, ecx uint32) (Registers, bool) {
	for _, l := range c.Leaves {
		if l.EAXIn == eax && l.ECXIn == ecx {
			return l.Registers, true
		}
	}
	return Registers{}, false
}

// lacks reports whether the CPU says itself that it has no such leaf.
func (c CPU) lacks(leaf uint32) bool {
	highest, ok := c.find(leaf&0xffff0000, 0)
	return ok && leaf > highest.EAX
}

// Models returns the distinct signatures with how many CPUs have them; the
// counts are 0 unless the dump is Numbered. CPUs that do not tell their
// identity are left out.
func (d *Dump) Models() []facts.X86Model {
	var models []facts.X86Model
	for _, c := range d.CPUs {
		m, ok := c.Model()
		if !ok {
			continue
		}
		i := slices.IndexFunc(models, func(k facts.X86Model) bool {
			return k.Vendor == m.Vendor && k.Family == m.Family && k.Model == m.Model && k.Stepping == m.Stepping && k.Name == m.Name
		})
		if i < 0 {
			i = len(models)
			models = append(models, m)
		}
		if d.Numbered {
			models[i].CPUs++
		}
	}
	return models
}

// Every combines a question to each CPU, such as [CPU.VMX]: it has the feature
// when all CPUs have it, and that is known when all of them tell or one lacks
// it.
func (d *Dump) Every(question func(CPU) (has, known bool)) (has, known bool) {
	has, known = len(d.CPUs) > 0, len(d.CPUs) > 0
	for _, c := range d.CPUs {
		h, k := question(c)
		if k && !h {
			return false, true
		}
		has, known = has && h, known && k
	}
	return has, known
}

// Cores returns the distinct Arm cores with how many CPUs have them.
func (d *Dump) Cores() []facts.ArmCore {
	var cores []facts.ArmCore
	for _, a := range d.Arm {
		i := slices.IndexFunc(cores, func(k facts.ArmCore) bool { return k.MIDR == a.MIDR.String() })
		if i < 0 {
			i = len(cores)
			core := facts.ArmCore{
				MIDR: a.MIDR.String(), Implementer: a.MIDR.Implementer(), Part: a.MIDR.Part(),
				Variant: a.MIDR.Variant(), Revision: a.MIDR.Revision(), RevisionKnown: true,
			}
			if known, ok := armcore.Lookup(core.Implementer, core.Part); ok {
				core.Name = known.Name
			}
			cores = append(cores, core)
		}
		if d.Numbered {
			cores[i].Count++
		}
	}
	return cores
}
