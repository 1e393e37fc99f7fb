package rules

import (
	"slices"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/xencmdline"
	"github.com/xencheck/xencheck/support"
)

// cpuRows are a domain's virtual CPUs and what they show.
var cpuRows = []guestRow{
	{rule: "domain-cpu", rows: []string{"virtual-cpu-hotplug"}, test: func(g *guest, _ support.Row) use {
		start := setting(g, "vcpus", g.d.CPU.VCPUs, 1)
		most := setting(g, "maxvcpus", g.d.CPU.MaxVCPUs, start.is)
		if !most.known || !start.known {
			return both(when(start, func(uint64) bool { return true }), when(most, func(uint64) bool { return true }))
		}
		u := when(most, func(n uint64) bool { return n > start.is })
		u.seen = append(u.seen, start.seen)
		return u
	}, blind: "The domain starts with all the vCPUs it may have; taking some away and giving them back is an event that leaves no trace.",
		do: "Give the domain as many vcpus= as maxvcpus=."},
	{rule: "domain-cpu", rows: []string{"cpu-pools"}, test: func(g *guest, _ support.Row) use {
		if g.run != nil {
			return of(verdictOf(g.run.Pool != 0, Seen{What: "cpupool of the running domain", Value: itoa(g.run.Pool), Source: g.j.h.Running.Source}))
		}
		return when(setting(g, "pool", g.d.CPU.Pool, "Pool-0"), func(p string) bool { return p != "Pool-0" && p != "0" })
	}, do: "Take pool= out."},
	{rule: "domain-cpu", rows: []string{"numa-scheduler-affinity"}, test: func(g *guest, _ support.Row) use {
		given := func(l []string) bool { return len(l) > 0 && !slices.Equal(l, []string{"all"}) }
		return either(
			when(setting(g, "cpus", g.d.CPU.Affinity, nil), given),
			when(setting(g, "cpus_soft", g.d.CPU.SoftAffinity, nil), given),
			when(setting(g, "vnuma", g.d.CPU.VNUMANodes, 0), func(n int) bool { return n > 0 }))
	}, blind: "Without affinities of its own a domain is placed by the toolstack."},
	{rule: "domain-cpu", rows: []string{"x86vmce"}, test: func(g *guest, _ support.Row) use {
		return both(g.kind(facts.HVM, facts.PVH), when(setting(g, "mca_caps", g.d.CPU.MCACaps, nil), func(l []string) bool { return len(l) > 0 }))
	}, blind: "A machine check reaches a guest only when one occurs.", do: "Take mca_caps= out."},
	{rule: "domain-cpu", rows: []string{"processor-trace-support"}, test: func(g *guest, _ support.Row) use {
		return both(g.kind(facts.HVM, facts.PVH), when(setting(g, "vmtrace_buf_kb", g.d.CPU.VMTrace, 0), func(n uint64) bool { return n > 0 }))
	}, do: "Take vmtrace_buf_kb= out."},
	{rule: "domain-cpu", rows: []string{"alternative-p2m--x86-hvm"}, test: altp2m, do: "Set altp2m=\"disabled\"."},
	{rule: "domain-cpu", rows: []string{"alternative-p2m--arm"}, test: func(g *guest, _ support.Row) use {
		return never("Xen on Arm runs without altp2m in every release, whatever a configuration says.")
	}},
	{rule: "domain-cpu", rows: []string{"arm-scalable-vector-extension-svesve2"}, test: func(g *guest, _ support.Row) use {
		u := both(g.arm(), when(setting(g, "sve", g.d.CPU.SVE, "disabled"), func(v string) bool { return v != "disabled" && v != "" && v != "0" }))
		if cpu := g.j.h.CPU.Arm; u.in == Yes && cpu != nil && (cpu.SVE.IsAbsent() || cpu.SVE.IsKnown() && !cpu.SVE.Value) {
			return use{in: No, seen: []Seen{seen("SVE", cpu.SVE, yesno)}, why: "The domain asks for it, and the host's CPU has none."}
		}
		return u
	}, do: "Set sve=\"disabled\"."},
	{rule: "domain-cpu", rows: []string{"vpmu--arm"}, test: func(g *guest, _ support.Row) use {
		return both(g.arm(), g.flag("vpmu", g.d.CPU.VPMU, false))
	}, do: "Take vpmu=1 out."},
}

// altp2m judges alternate page tables: what the domain asks for is nothing
// unless Xen was booted with altp2m.
func altp2m(g *guest, _ support.Row) use {
	mode := when(setting(g, "altp2m", g.d.CPU.Altp2m, "disabled"), func(m string) bool { return m != "disabled" && m != "" })
	if !g.d.CPU.Altp2m.Given && !g.d.CPU.Altp2m.IsBad() {
		if old := g.flag("altp2mhvm", g.d.CPU.Altp2mHVM, false); old.in != No {
			mode = old
		}
	}
	u := both(g.kind(facts.HVM), mode)
	if u.in == No {
		return u
	}
	if r := withoutAltp2m(g.j); r.use == Yes {
		not := of(verdictOf(false, r.seen))
		not.why = "The domain asks for it, and Xen was built without altp2m."
		return not
	}
	xen := of(altp2mOption(g.j))
	if xen.in == No {
		xen.why = "The domain asks for it, and Xen was booted without altp2m."
		return xen
	}
	line := u.line
	u = both(u, xen)
	u.line = line
	if g.d.CPU.Altp2m.Value == "mixed" || g.d.CPU.Altp2mHVM.Value {
		u.notes = append(u.notes, "Mode mixed lets the guest change its own page tables; the header of Xen's domain control interface (public/domctl.h) declares it unsupported.")
	}
	return u
}

// The signs of a Xen that alternate page tables need.
var (
	withoutAltp2m = unbuilt("CONFIG_ALTP2M", "4.20")
	altp2mOption  = option("altp2m", false)
)

// noPV32 reads pv=no-32 off Xen's command line, which Xen has since 4.14.
func noPV32(j *judging, l xencmdline.Line) (use, given bool, value string) {
	if j.before("4.14") {
		return false, true, "not an option of this release"
	}
	v, given := l.SubBool("pv", "32", true)
	if !given {
		return false, false, "not given"
	}
	if !v {
		return true, true, "no-32"
	}
	return false, true, "32"
}
