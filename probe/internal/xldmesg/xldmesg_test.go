package xldmesg

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const x86 = ` Xen 4.18.2
(XEN) Built-in command line: ept=exec-sp
(XEN) Xen version 4.18.2 (builder@example.org) (gcc (Debian 12.2.0-14) 12.2.0) debug=y Mon Oct 14 15:32:05 CEST 2024
(XEN) Latest ChangeSet: Wed Aug 14 11:03:57 2024 +0200 git:0123456789
(XEN) build-id: 00112233445566778899aabbccddeeff
(XEN) Bootloader: GRUB 2.12
(XEN) Command line: placeholder dom0_mem=4G iommu=verbose quiet
(XEN) parameter "quiet" unknown!
(XEN) parameter "hap" has invalid value "maybe", rc=-22!
(XEN) CPU Vendor: Intel, Family 6 (0x6), Model 85 (0x55), Stepping 4 (raw 00050654)
(XEN) EFI RAM map:
(XEN)  [000000007ee8a000, 000000007ef8bfff] (reserved)
(XEN) System RAM: 16363MB (16755812kB)
(XEN) SMP: Allowing 8 CPUs (2 hotplug CPUs)
(XEN) Using scheduler: SMP Credit Scheduler rev2 (credit2)
(XEN) Intel VT-d iommu 0 supported page sizes: 4kB, 2MB, 1GB
(XEN) Intel VT-d Interrupt Remapping not enabled.
(XEN) I/O virtualisation enabled
(XEN)  - Dom0 mode: Relaxed
(XEN) Interrupt remapping disabled
(XEN) HVM: ASIDs enabled.
(XEN) HVM: VMX enabled
(XEN) HVM: Hardware Assisted Paging (HAP) detected but disabled
(XEN) Brought up 6 CPUs
(XEN) Scheduling granularity: core, 2 CPUs per sched-resource
(XEN) *** Building a PVH Dom0 ***
(XEN) Flask:  Starting in enforcing mode.
(d1) (XEN) Brought up 64 CPUs
(XEN) ----[ Xen-4.18.2  x86_64  debug=y  Tainted:  C   H ]----
`

const arm = `(XEN) Checking for initrd in /chosen
(XEN) Processor: 00000000411fd070: "ARM Limited", variant: 0x1, part 0xd07,rev 0x0
(XEN) enabled workaround for: ARM erratum 832075
(XEN) GICv3 initialization:
(XEN) GICv3: Found ITS @0x8080000
(XEN) smmu: /axi/smmu@fd800000: SMMUv2 with:
(XEN) Booting using Device Tree
(XEN) CPU4 MIDR (0x410fd082) does not match boot CPU MIDR (0x410fd034),
(XEN) I/O virtualisation disabled
(XEN) WARNING: SILO mode is not enabled.
(XEN) **** Guests without CPU erratum workarounds can deadlock the system! ****
(XEN) Xen dom0less mode detected
(XEN) *** LOADING DOMU cpus=1 memory=40000KB ***
`

type seen struct {
	Kind   Kind
	Values []string
}

func facts(l *Log) []seen {
	var all []seen
	for _, f := range l.Facts {
		all = append(all, seen{f.Kind, append([]string(nil), f.Values...)})
	}
	return all
}

func parse(t *testing.T, s string) *Log {
	t.Helper()
	l, err := Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestParse(t *testing.T) {
	l := parse(t, x86)
	want := []seen{
		{BuiltinLine, []string{"ept=exec-sp"}},
		{Banner, []string{"4.18.2", "(builder@example.org) (gcc (Debian 12.2.0-14) 12.2.0)", "y", "Mon Oct 14 15:32:05 CEST 2024"}},
		{Changeset, []string{"Wed Aug 14 11:03:57 2024 +0200 git:0123456789"}},
		{BuildID, []string{"00112233445566778899aabbccddeeff"}},
		{Bootloader, []string{"GRUB 2.12"}},
		{CommandLine, []string{"placeholder dom0_mem=4G iommu=verbose quiet"}},
		{UnknownParam, []string{"quiet"}},
		{InvalidParam, []string{"hap", "maybe"}},
		{CPUVendor, []string{"Intel", "6", "85", "4"}},
		{EFIMap, nil},
		{SystemRAM, []string{"16363", "16755812"}},
		{SMPAllowing, []string{"8", "2"}},
		{Scheduler, []string{"SMP Credit Scheduler rev2", "credit2"}},
		{VTdUnit, []string{"0"}},
		{VTdIntRemap, []string{"not enabled"}},
		{IOMMU, []string{"enabled"}},
		{IntRemap, []string{"disabled"}},
		{HVMASIDs, []string{"enabled"}},
		{HVMVendor, []string{"VMX"}},
		{HAP, []string{"detected but disabled"}},
		{BroughtUp, []string{"6"}},
		{Granularity, []string{"core", "2"}},
		{Dom0Type, []string{"PVH"}},
		{Flask, []string{"enforcing"}},
		{Tainted, []string{" C   H"}},
	}
	if d := cmp.Diff(want, facts(l)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if !l.FromBoot || l.Cut {
		t.Errorf("from boot %v, cut %v", l.FromBoot, l.Cut)
	}
	if f, _ := l.Seen(Banner); f.Line != 3 {
		t.Errorf("banner on line %d", f.Line)
	} else if on, stated := f.Debug(); !on || !stated {
		t.Errorf("debug %v, %v", on, stated)
	}
	if f, _ := l.Seen(BroughtUp); f.Value(0) != "6" {
		t.Errorf("a guest's line counts: %+v", f)
	}
}

func TestParseArm(t *testing.T) {
	l := parse(t, arm)
	want := []seen{
		{ArmProcessor, []string{"00000000411fd070", "ARM Limited", "0x1", "0xd07", "0x0"}},
		{ArmErratum, []string{"ARM erratum 832075"}},
		{GIC, []string{"3"}},
		{ITS, []string{"0x8080000"}},
		{SMMU, []string{"2"}},
		{DeviceTree, nil},
		{ArmMismatch, []string{"4"}},
		{IOMMU, []string{"disabled"}},
		{NoSILO, nil},
		{ArmUnsafe, nil},
		{Dom0less, nil},
		{LoadDomU, []string{"1", "40000KB"}},
	}
	if d := cmp.Diff(want, facts(l)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if l.FromBoot {
		t.Error("a ring without the banner is taken for whole")
	}
	f, _ := l.Seen(ArmProcessor)
	if midr, ok := f.ArmMIDR(); midr != 0x411fd070 || !ok {
		t.Errorf("MIDR %#x", midr)
	}
}

// The same lines in other dress say the same.
func TestParseDress(t *testing.T) {
	want := facts(parse(t, x86))
	replace := func(from, to string) string {
		var b strings.Builder
		for line := range strings.Lines(x86) {
			if strings.HasPrefix(line, from) {
				line = to + line[len(from):]
			}
			b.WriteString(line)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"date":     replace("(XEN) ", "(XEN) [2024-10-14 15:32:05] "),
		"datems":   replace("(XEN) ", "(XEN) [2024-10-14 15:32:05.123] "),
		"boot":     replace("(XEN) ", "(XEN) [    0.123456] "),
		"raw":      replace("(XEN) ", "(XEN) [00000012ab34cd56] "),
		"quoted":   replace("(XEN) ", "> > (XEN) "),
		"syslog":   replace("(XEN) ", "Oct 14 15:32:05 alpha xen: (XEN) "),
		"CRLF":     strings.ReplaceAll(x86, "\n", "\r\n"),
		"terminal": wrap(x86, 80),
	} {
		if d := cmp.Diff(want, facts(parse(t, text))); d != "" {
			t.Errorf("%s: -want +got:\n%s", name, d)
		}
	}
}

func TestParseFolded(t *testing.T) {
	l := parse(t, `(XEN) Command line: placeholder console=com1 com1=115200,8n1
dom0_mem=4G,max:4G iommu=verbose
(XEN) Brought up 8 CPUs
Linux version 6.1
`)
	f, _ := l.Seen(CommandLine)
	if f.Value(0) != "placeholder console=com1 com1=115200,8n1 dom0_mem=4G,max:4G iommu=verbose" || !f.Joined {
		t.Errorf("%+v", f)
	}
	if f, _ := l.Seen(BroughtUp); f.Joined {
		t.Errorf("a line of Linux belongs to %+v", f)
	}
}

func TestParseCut(t *testing.T) {
	l := parse(t, "(XEN) I/O virtualisation enabled\n(XEN) Brought up 1")
	if d := cmp.Diff([]seen{{IOMMU, []string{"enabled"}}}, facts(l)); d != "" || !l.Cut {
		t.Errorf("cut %v, -want +got:\n%s", l.Cut, d)
	}
	if _, err := Parse([]byte("hello\n(d1) (XEN) x\n")); !errors.Is(err, ErrNoLines) {
		t.Errorf("no line of Xen: %v", err)
	}
	many, _ := Parse([]byte(strings.Repeat("(XEN) HVM: VMX enabled\n", maxFacts+7)))
	if len(many.Facts) != maxFacts || many.More != 7 {
		t.Errorf("%d facts, %d more", len(many.Facts), many.More)
	}
}

func TestNumber(t *testing.T) {
	f := Fact{Values: []string{"12", "0x1f", "x"}}
	for i, want := range []uint64{12, 31} {
		if n, ok := f.Number(i); n != want || !ok {
			t.Errorf("%d: %d, %v", i, n, ok)
		}
	}
	for _, i := range []int{2, 3} {
		if n, ok := f.Number(i); ok {
			t.Errorf("%d: %d", i, n)
		}
	}
	f.Joined = true
	if n, ok := f.Number(0); ok {
		t.Errorf("a broken line has the number %d", n)
	}
}

// wrap breaks lines as a terminal of that width does.
func wrap(s string, width int) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(line, "\n")
		for len(line) > width {
			b.WriteString(line[:width] + "\n")
			line = line[width:]
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// FuzzParse holds that facts come in order from the text, that the same text
// said by a guest proves nothing, and that what follows takes nothing back.
func FuzzParse(f *testing.F) {
	f.Add([]byte(x86))
	f.Add([]byte(arm))
	f.Add([]byte(wrap(x86, 80)))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, _ := Parse(b)
		at := 0
		for _, fact := range l.Facts {
			if fact.Line <= at {
				t.Fatalf("%q: line %d after %d", b, fact.Line, at)
			}
			at = fact.Line
			if !fact.Joined && !strings.Contains(string(b), fact.Text) {
				t.Fatalf("%q: %q comes from nowhere", b, fact.Text)
			}
		}
		var guest strings.Builder
		for line := range strings.Lines(string(b)) {
			guest.WriteString("(d7) " + line)
		}
		if g, _ := Parse([]byte(guest.String())); len(g.Facts) > 0 || g.FromBoot {
			t.Fatalf("%q: a guest says %+v", b, g.Facts)
		}
		if l.Cut {
			return
		}
		more, _ := Parse(append(append([]byte{}, b...), "(XEN) HVM: SVM enabled\n"...))
		if n := len(more.Facts); n != len(l.Facts)+1 && l.More == 0 {
			t.Fatalf("%q: %d facts, then %d", b, len(l.Facts), n)
		}
	})
}
