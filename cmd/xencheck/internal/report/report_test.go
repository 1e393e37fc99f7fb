package report

import (
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

var (
	good = support.Level{Functional: support.Supported, Security: support.SecurityYes}
	weak = support.Level{Functional: support.Supported, Security: support.SecurityNo}
)

// bigServer is a bare x86 machine with more memory than the statement covers.
func bigServer() *facts.Host {
	collected := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	h := &facts.Host{
		Schema: facts.Schema, Tool: "xencheck test", CollectedAt: &collected, Name: "big1",
		Origin: facts.Origin{Kind: facts.Live, Privileged: true},
	}
	h.Machine = facts.Machine{
		Arch: facts.Is(facts.X86_64, "/proc/cpuinfo"), Kind: facts.Is(facts.Bare, "CPUID"),
		Hypervisor: facts.Missing[string]("CPUID"), Firmware: facts.Is("efi", "/sys/firmware/efi"),
		SecureBoot: facts.Not[bool](&facts.Problem{Cause: facts.NotMounted, Source: "/sys/firmware/efi/efivars", Detail: "efivarfs is not mounted"}),
		Vendor:     facts.Is("Example Corp.", "/sys/class/dmi/id/sys_vendor"), Product: facts.Is("Monolith 9000", "/sys/class/dmi/id/product_name"),
	}
	h.CPU.Physical = facts.Is(facts.Exactly(896), "/sys/devices/system/cpu/present")
	h.CPU.X86 = &facts.X86CPU{Models: facts.Is([]facts.X86Model{{Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 7, Name: "Intel(R) Xeon(R) Platinum 8280L CPU @ 2.70GHz", CPUs: 896}}, "/proc/cpuinfo")}
	h.Memory.Physical = facts.Is(facts.Exactly(24<<40), "SMBIOS type 17")
	h.IOMMU.Units = facts.Is([]facts.IOMMUUnit{{Kind: facts.VTd, Count: 32, Source: "/sys/firmware/acpi/tables/DMAR"}}, "/sys/firmware/acpi/tables/DMAR")
	return h
}

// board is an Arm machine known from its device tree only.
func board() *facts.Host {
	h := &facts.Host{Schema: facts.Schema, Tool: "xencheck test", Origin: facts.Origin{Kind: facts.Files, What: []string{"board.dtb"}}}
	h.Machine = facts.Machine{Arch: facts.Is(facts.Arm64, "board.dtb"), Kind: facts.Is(facts.Bare, "board.dtb"), Product: facts.Is("Example Board", "board.dtb")}
	h.CPU.Physical = facts.Is(facts.Exactly(4), "board.dtb")
	h.CPU.Arm = &facts.ArmCPU{Cores: facts.Is([]facts.ArmCore{{Implementer: 0x41, Part: 0xd07, Name: "Cortex-A57", Count: 4}}, "board.dtb")}
	h.Interrupts.GIC = facts.Is(2, "board.dtb")
	h.IOMMU.Units = facts.Missing[[]facts.IOMMUUnit]("board.dtb")
	return h
}

func statement422() Statement {
	return Statement{
		Name: "4.22", Release: "4.22", Revision: "41f0cbc765", Date: "2026-07-29", Origin: "embedded",
		InitialRelease: "2026-07-30", SupportedUntil: "2029-07-30", SecuritySupportUntil: "2031-07-30", Rows: 211,
	}
}

var newest = Choice{How: Newest, Why: "no Xen was found here, so by the newest release"}

func ref(key, section, feature, qualifier, value string, line int) *rules.Ref {
	return &rules.Ref{Release: "4.22", Revision: "41f0cbc765", Date: "2026-07-29", Key: key, Section: section, Feature: feature, Qualifier: qualifier, Value: value, Line: line}
}

// finding returns a judged one.
func finding(row *rules.Ref, l support.Level, intents ...string) rules.Finding {
	f := rules.Finding{Rule: "test", Row: row, Title: row.Feature, Outcome: rules.Judged, Stated: l, Level: l, Applies: rules.Yes, InUse: rules.Yes, For: intents}
	if row.Qualifier != "" {
		f.Title += ", " + row.Qualifier
	}
	return f
}

// overLimit is the verdict on bigServer.
func overLimit() *rules.Verdict {
	memory := finding(ref("physical-memory--x86", "Host hardware support", "Physical Memory", "x86", "Supported up to 12 TiB. Hosts with more memory are supported, but not security supported.", 52), weak, "host")
	memory.Seen = []rules.Seen{{What: "memory", Value: "24 TiB", Source: "SMBIOS type 17"}}
	memory.Why = "The host has more memory than the row gives security support for."
	memory.Do = "Limit what Xen uses with mem=12T, or accept that security bugs are not handled."

	boot := finding(ref("host-efi-secure-boot--x86", "Host hardware support", "Host EFI Secure Boot", "x86", "Experimental", 78), support.Level{Functional: support.Experimental, Security: support.SecurityNo}, "secure-boot")
	boot.Outcome, boot.InUse = rules.Unknown, rules.Maybe
	boot.Seen = []rules.Seen{{What: "Secure Boot", Value: "unknown", Source: "/sys/firmware/efi/efivars", Cause: "efivarfs is not mounted"}}
	boot.Do = "Mount efivarfs and run xencheck again."

	qos := finding(ref("x86intel-platform-qos-technologies", "Host hardware support", "x86/Intel Platform QoS Technologies", "", "Tech Preview", 84), support.Level{Functional: support.TechPreview, Security: support.SecurityNo}, "qos")
	qos.InUse = rules.No
	qos.Why = "Xen leaves it alone unless psr= is given."

	cli := rules.Finding{Row: ref("credit2-scheduler", "Resource Management", "Credit2 Scheduler", "", "Supported", 310), Title: "Credit2 Scheduler", Outcome: rules.NotVisible, Applies: rules.Maybe, InUse: rules.Maybe, Needs: "needs the Xen command line", Stated: good, Level: good, Why: "It is about how Xen is set up."}
	none := rules.Finding{Rule: "test", Title: "memory bandwidth", Outcome: rules.NotStated, Applies: rules.Yes, InUse: rules.Maybe, Stated: support.NothingSaid, Level: support.NothingSaid, Why: "This release has no row about it."}

	host := rules.Answer{Intent: "host", Title: "running Xen", Grade: rules.GradeNotSecurity, Level: weak, Complete: true, Because: []int{1}}
	return &rules.Verdict{
		Release: "4.22", Phase: support.FullSupport, At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
		Intents: []string{"host"}, Overall: host,
		Answers: []rules.Answer{
			host,
			{Intent: "hvm", Title: "HVM guests", Grade: rules.GradeNotSecurity, Level: weak, Complete: true, Because: []int{1}},
			{Intent: "secure-boot", Title: "EFI Secure Boot", Grade: rules.GradeNotSecurity, Level: weak, Complete: false, Because: []int{1, 2}},
		},
		Findings: []rules.Finding{none, memory, boot, qos, cli},
		Counts:   map[string]int{"judged": 2, "not_stated": 1, "outside": 0, "unknown": 1, "not_applicable": 0, "not_evaluated": 0, "not_visible": 1},
	}
}

// allWell is a verdict with nothing to say against the host.
func allWell() *rules.Verdict {
	cpu := finding(ref("x86-64", "Host Architecture", "x86-64", "", "Supported", 40), good, "host")
	cpu.Seen = []rules.Seen{{What: "flag lm", Value: "present", Source: "/proc/cpuinfo"}}
	host := rules.Answer{Intent: "host", Title: "running Xen", Grade: rules.GradeSupported, Level: good, Complete: true, Because: []int{}}
	return &rules.Verdict{
		Release: "4.22", Phase: support.FullSupport, At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
		Intents: []string{"host"}, Overall: host, Answers: []rules.Answer{host}, Findings: []rules.Finding{cpu},
		Counts: map[string]int{"judged": 1, "not_stated": 0, "outside": 0, "unknown": 0, "not_applicable": 0, "not_evaluated": 0, "not_visible": 0},
	}
}

func overLimitReport() *Report {
	return New("xencheck test", bigServer(), statement422(), newest, overLimit(), FailNotSecurity)
}

func allWellReport() *Report {
	v := allWell()
	return New("xencheck test", board(), statement422(), newest, v, FailNotSecurity)
}
