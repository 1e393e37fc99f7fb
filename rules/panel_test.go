package rules

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// inShort is what a panel has to say of a host, worked out from the verdict.
func inShort(st *support.Statement, v *Verdict) Brief {
	b := Brief{Statement: st, Phase: v.Phase, Grade: v.Overall.Grade, Level: v.Overall.Level, Complete: v.Overall.Complete}
	for i := range v.Findings {
		f := &v.Findings[i]
		if !slices.ContainsFunc(f.For, func(id string) bool { return id == Base || slices.Contains(v.Intents, id) }) {
			continue
		}
		m := Mark{Rule: f.Rule, Title: f.Title, Outcome: f.Outcome, Stated: f.Stated, Level: f.Level, Do: f.Do}
		if f.Row != nil {
			m.Key = f.Row.Key
		}
		counts := false
		if m.Grade, counts = f.Grade(); !counts {
			continue
		}
		m.Reason = m.Grade
		if f.Outcome == Judged && f.Rule != releaseRule.ID {
			m.Reason = f.stated()
		}
		if m.Reason == GradeSupported {
			continue
		}
		if m.Grade == GradeUnknown {
			m.Cause = f.cause()
		}
		b.Hurts = append(b.Hurts, &m)
	}
	return b
}

func TestEveryRuleHasOneFacet(t *testing.T) {
	for _, r := range List() {
		n := 0
		for _, f := range facets {
			if slices.Contains(f.rules, r.ID) {
				n++
			}
		}
		if r.ID == usageRuleID || r.ID == elsewhereRule.ID {
			n++ // see usesOf
		}
		host := r.ID == releaseRule.ID || r.ID == runningRule.ID || r.ID == elsewhereRule.ID || r.ID == usageRuleID || len(r.Rows) > 0
		if want := map[bool]int{true: 1}[host]; n != want {
			t.Errorf("rule %s is in %d facets, want %d", r.ID, n, want)
		}
	}
}

// fixtures are hosts of every kind.
func fixtures() map[string]func() *facts.Host {
	return map[string]func() *facts.Host{
		"x86": func() *facts.Host { return x86(nil) },
		"x86-32": func() *facts.Host {
			return x86(func(h *facts.Host) { h.Machine.Arch = facts.Is(facts.X86_32, "cpuinfo") })
		},
		"riscv": func() *facts.Host {
			return x86(func(h *facts.Host) { h.Machine.Arch, h.CPU.X86 = facts.Is(facts.Arch("riscv64"), "uname"), nil })
		},
		"arm64":        func() *facts.Host { return arm64() },
		"arm64 A57":    func() *facts.Host { return arm64(cores(a57(1, 0), a53())) },
		"arm64 parked": func() *facts.Host { return arm64(cores(a53(), a57(1, 0))) },
		"arm32":        func() *facts.Host { return arm32() },
		"arm32 no VE":  func() *facts.Host { return arm32(noVE) },
		"domU it seems": func() *facts.Host {
			return x86(func(h *facts.Host) {
				h.Machine.Kind = facts.Observed[facts.Kind]{State: facts.Unknown, Problem: &facts.Problem{Cause: facts.HiddenByXen}}
				h.Machine.DomainType = facts.Is("pvh", "guest_type")
			})
		},
		"dom0": func() *facts.Host {
			return dom0Of(x86(nil), 22, xenLine("sync_console vpmu=on console=com1 com1=115200"))
		},
		"dom0 4.17": func() *facts.Host { return dom0Of(x86(nil), 17, config("CONFIG_EXPERT", "y"), pool("null")) },
		"dom0 Arm": func() *facts.Host {
			return dom0Of(arm64(cores(a53(), a57(1, 0))), 20, xenLine("hmp-unsafe llc-coloring"))
		},
		"next boot": func() *facts.Host {
			return x86(func(h *facts.Host) {
				h.Xen.CommandLine = facts.Is(facts.CommandLine{Text: "sched=null psr=cat argo dom0=pvh", NextBoot: true}, "grub.cfg")
			})
		},
		"boot tree": func() *facts.Host {
			return arm64(func(h *facts.Host) {
				h.Xen.BootTree = facts.Is([]string{"xen,domain", "xen,static-mem"}, "board.dtb")
				h.Xen.BootConsole = facts.Is([]string{"arm,pl011"}, "board.dtb")
			})
		},
	}
}

// vary changes facts at random: takes them away, says that there is nothing,
// flips and nudges what is known, and mixes in those of another host.
func vary(rng *rand.Rand, h, other *facts.Host) {
	all, others := observed(reflect.ValueOf(h).Elem(), nil), observed(reflect.ValueOf(other).Elem(), nil)
	for range rng.IntN(6) {
		o := all[rng.IntN(len(all))]
		switch rng.IntN(6) {
		case 0:
			forget(o)
			causes := []facts.Cause{facts.NoPermission, facts.HiddenByXen, facts.NotExposed, facts.Malformed}
			o.FieldByName("Problem").Set(reflect.ValueOf(&facts.Problem{Cause: causes[rng.IntN(len(causes))]}))
		case 1:
			o.SetZero()
			o.FieldByName("State").SetString(string(facts.Absent))
		case 2:
			o.SetZero()
		case 3:
			if same := slices.IndexFunc(others, func(x reflect.Value) bool { return x.Type() == o.Type() }); same >= 0 {
				o.Set(others[same])
			}
		default:
			nudge(rng, o.FieldByName("Value"))
		}
	}
	sizes := []uint64{0, 1, 4, 8, 9, 12 * gib, 12*gib + 1, 16 * tib, 12 * tib, 12*tib + 1, 2 * tib, 5 * tib, 128, 256, 4096, 4097}
	if rng.IntN(3) == 0 {
		a, b := sizes[rng.IntN(len(sizes))], sizes[rng.IntN(len(sizes))]
		r := facts.Range{Min: min(a, b)}
		if rng.IntN(4) > 0 {
			most := max(a, b)
			r.Max = &most
		}
		if rng.IntN(2) == 0 {
			h.Memory.Physical = facts.Is(r, "SMBIOS")
		} else {
			h.CPU.Physical = facts.Is(r, "present")
		}
	}
}

// nudge changes a known value a little.
func nudge(rng *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int:
		v.SetInt(rng.Int64N(6))
	case reflect.Uint64:
		v.SetUint(rng.Uint64N(3))
	case reflect.String:
		words := []string{"", "efi", "bios", "pvh", "hvm", "pv", "GenuineIntel", "AuthenticAMD", "Cortex-A57", "Cortex-A77", "Cortex-R82", "xenstored", "null", "xen-domu", "xen-dom0", "vm",
			"sched=null", "vpmu=on", "dom0=sve=128", "gnttab=max-ver:2", "xsm=flask"}
		v.SetString(words[rng.IntN(len(words))])
	case reflect.Struct:
		if v.NumField() > 0 {
			nudge(rng, v.Field(rng.IntN(v.NumField())))
		}
	case reflect.Slice:
		if v.Len() > 0 {
			nudge(rng, v.Index(rng.IntN(v.Len())))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if rng.IntN(4) == 0 {
				c := reflect.MakeMap(v.Type())
				for _, o := range v.MapKeys() {
					c.SetMapIndex(o, v.MapIndex(o))
				}
				c.SetMapIndex(k, reflect.ValueOf([]string{"y", "n", "m"}[rng.IntN(3)]))
				v.Set(c)
				return
			}
		}
	}
}

// A panel says what Evaluate says, whatever it remembers of other hosts.
func TestPanelAgrees(t *testing.T) {
	hosts := fixtures()
	names := slices.Sorted(maps.Keys(hosts))
	var judges []*Judge
	for _, r := range releases {
		judges = append(judges, Compile(statement(t, r)))
	}
	judges = append(judges, Compile(text(t, oddStatement)), Compile(text(t, strangeStatement)), Compile(text(t, wordyStatement)),
		CompileForRunning(statement(t, "4.22")), CompileForRunning(statement(t, "4.17")))
	var intents []string
	for _, in := range Intents() {
		intents = append(intents, in.ID)
	}
	for _, o := range []Options{{At: now}, {At: now, For: []string{"hvm", "passthrough", "sve"}}, {At: now, For: intents}, {At: now, XenArch: facts.Arm32}} {
		t.Run(fmt.Sprint(len(o.For), o.XenArch), func(t *testing.T) {
			p := NewPanel(o)
			for _, c := range judges {
				p.Add(c)
			}
			rng := rand.New(rand.NewPCG(7, 7))
			for n := range 400 {
				name := names[n%len(names)]
				h := hosts[name]()
				vary(rng, h, hosts[names[rng.IntN(len(names))]]())
				p.Host(h)
				for k := range judges {
					if n%3 == 1 && k%4 != 0 {
						continue // not every host is judged by all
					}
					got := p.By(k)
					want := inShort(judges[k].st, judges[k].Evaluate(h, o))
					if d := cmp.Diff(inWords(want), inWords(*got)); d != "" {
						t.Fatalf("%s, variation %d, %s: (-want +got)\n%s", name, n, judges[k].st.Name, d)
					}
				}
			}
			t.Logf("%d of %d remembered", p.Remembered, p.Asked)
		})
	}
}

// A panel remembers nothing that one changed fact makes wrong: each fact, and
// each part of one, is changed alone on a host that was judged before.
func TestPanelSeesEveryFact(t *testing.T) {
	var judges []*Judge
	for _, r := range []string{"4.22", "4.17", "4.13"} {
		judges = append(judges, Compile(statement(t, r)))
	}
	o := Options{At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	for _, in := range Intents() {
		o.For = append(o.For, in.ID)
	}
	p := NewPanel(o)
	for _, c := range judges {
		p.Add(c)
	}
	hosts := fixtures()
	rng := rand.New(rand.NewPCG(3, 3))
	n := 0
	check := func(name string, h *facts.Host) {
		t.Helper()
		p.Host(h)
		for k := range judges {
			if k != n%len(judges) && strings.Contains(name, ",") {
				continue // one judge for each change
			}
			got := p.By(k)
			if want := inShort(judges[k].st, judges[k].Evaluate(h, o)); inWords(want) != inWords(*got) {
				t.Errorf("%s, %s: (-want +got)\n%s", name, judges[k].st.Name, cmp.Diff(inWords(want), inWords(*got)))
			}
		}
		n++
	}
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		check(name, hosts[name]())
		each := func(what string, change func([]reflect.Value) bool) {
			h := hosts[name]()
			if change(observed(reflect.ValueOf(h).Elem(), nil)) {
				check(name+", "+what, h)
			}
		}
		count := len(observed(reflect.ValueOf(hosts[name]()).Elem(), nil))
		for i := range count {
			each(fmt.Sprint("fact ", i, " taken"), func(all []reflect.Value) bool { forget(all[i]); return true })
			each(fmt.Sprint("fact ", i, " unread"), func(all []reflect.Value) bool { all[i].SetZero(); return true })
			each(fmt.Sprint("fact ", i, " hidden"), func(all []reflect.Value) bool {
				forget(all[i])
				all[i].FieldByName("Problem").Interface().(*facts.Problem).Cause = facts.HiddenByXen
				return true
			})
			each(fmt.Sprint("fact ", i, " with a remedy"), func(all []reflect.Value) bool {
				forget(all[i])
				all[i].FieldByName("Problem").Interface().(*facts.Problem).Remedy = "look again"
				return true
			})
			each(fmt.Sprint("fact ", i, " absent"), func(all []reflect.Value) bool {
				all[i].SetZero()
				all[i].FieldByName("State").SetString(string(facts.Absent))
				return true
			})
			for leaf, more := 0, true; more; leaf++ {
				for v, again := rng.IntN(3), true; again && more; v += 8 + rng.IntN(24) {
					each(fmt.Sprint("fact ", i, " part ", leaf, " value ", v), func(all []reflect.Value) bool {
						o := all[i]
						o.FieldByName("State").SetString(string(facts.Known))
						o.FieldByName("Problem").SetZero()
						ls := leaves(o.FieldByName("Value"), nil)
						if more = leaf < len(ls); !more {
							return false
						}
						again = set(ls[leaf], v)
						return again
					})
				}
			}
		}
	}
	t.Logf("%d hosts, %d of %d remembered", n, p.Remembered, p.Asked)
}

// leaves collects the simple values in a value.
func leaves(v reflect.Value, into []reflect.Value) []reflect.Value {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			into = leaves(v.Field(i), into)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			into = leaves(v.Index(i), into)
		}
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		into = leaves(v.Elem(), into)
	case reflect.Bool, reflect.Int, reflect.Uint64, reflect.String:
		into = append(into, v)
	}
	return into
}

// set sets a simple value to the nth of some values; ok is false when there are
// no more.
func set(v reflect.Value, n int) (ok bool) {
	words := []string{"", "efi", "pvh", "hvm", "GenuineIntel", "AuthenticAMD", "Cortex-A57", "Cortex-R82", "xenstored", "null", "credit", "xen-domu", "xen-dom0", "core", "params", "other", "vt-d", "smmuv3",
		"xen,domain", "sched=null xsm=flask", "vpmu=on psr=cat hmp-unsafe", "armv7l", "xen_blkback", "applied", "FreeBSD", "x86-64", "arm32"}
	numbers := []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 0x41, 0x57, 2 * tib, 2*tib + 1, 12 * tib, 12*tib + 1, 16 * tib, 4096, 4097}
	switch {
	case v.Kind() == reflect.Bool && n < 2:
		v.SetBool(n == 1)
	case v.Kind() == reflect.Int && n < 11:
		v.SetInt(int64(numbers[n]))
	case v.Kind() == reflect.Uint64 && n < len(numbers):
		v.SetUint(numbers[n])
	case v.Kind() == reflect.String && n < len(words):
		v.SetString(words[n])
	default:
		return false
	}
	return true
}

// oddStatement has what no release had, and text that nobody understands.
const oddStatement = "## Host Architecture\n\n### x86-64\n\n    Status: Supported\n    Status, martian: Wobbly\n\n" +
	"## Host hardware support\n\n### Physical Memory\n\n    Status, x86: Supported up to 96 GiB. Hosts with more memory, but less than 1 TiB, are supported, but not security supported.\n\n### Foo\n\n    Status: Blah\n"

// strangeStatement says what all releases say, under other names.
const strangeStatement = "## Host Architecture\n\n### x86-64\n\n    Status: Supported\n\n### ARM v8\n\n    Status: Supported\n\n" +
	"## Host hardware support\n\n### x86/Intel Platform QoS Technologies\n\n    Status: Supported, with caveats\n\n### Host Memory\n\n    Status: Supported up to 96 GiB\n\n### ARM/GICv2\n\n    Status: Tech Preview\n\n" +
	"## Guest Type\n\n### HVM guests\n\n    Status: Supported\n\n### SVE in guests\n\n    Status: Supported\n\n## Guest Limits\n\n### Virtual CPUs\n\n    Status, x86: Supported up to 128\n"

// wordyStatement has conditions that nobody has read before.
const wordyStatement = "## Host Architecture\n\n### x86-64\n\n    Status: Supported, with caveats\n\n### ARM v8\n\n    Status: Supported, with caveats\n\nOnly some.\n\n" +
	"## Memory Management\n\n### Alternative p2m\n\n    Status, x86 HVM: Supported, with caveats\n"

func inWords(b Brief) string {
	var s strings.Builder
	fmt.Fprintln(&s, b.Phase, b.Grade, b.Level, b.Complete)
	for _, m := range b.Hurts {
		fmt.Fprintf(&s, "%s %s %s %s %v %v %s %s; do %s; cause %s\n", m.Rule, m.Key, m.Title, m.Outcome, m.Stated, m.Level, m.Grade, m.Reason, m.Do, m.Cause)
	}
	return s.String()
}
