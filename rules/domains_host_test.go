package rules

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// A row that domains decide stays one finding of the host.
func TestDomainsOfAHost(t *testing.T) {
	s := statement(t, "4.22")
	named := func(name string, id int, edits ...edit) facts.Domain {
		d, _ := domainOn("", edits...)
		d.Name = facts.Set(name, 1)
		if id > 0 {
			d.ID = facts.Set(id, 0)
		}
		return d
	}
	nested := flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.CPU.NestedHVM }, true)
	on, off := named("web", 1, kind(facts.HVM), nested), named("mail", 2, kind(facts.HVM))
	damaged := named("broken", 3)
	damaged.Problems = []facts.DomainProblem{{Line: 4, Message: "no value"}}
	running := func(ids ...int) func(*facts.Host) {
		return func(h *facts.Host) {
			var all []facts.RunningDomain
			for _, id := range ids {
				all = append(all, facts.RunningDomain{ID: id, HVM: id > 0, HAP: true})
			}
			h.Running = facts.Is(all, "hypercall")
		}
	}
	plain := func(h *facts.Host) *facts.Host { return h }
	xen := func(h *facts.Host) *facts.Host { return dom0Of(h, 22) }
	tests := []struct {
		name    string
		host    func(*facts.Host) *facts.Host
		change  func(*facts.Host)
		domains []facts.Domain
		outcome Outcome
		use     Tri
		says    string
	}{
		{"a domain uses it", plain, nil, []facts.Domain{off, on}, Judged, Yes, "Used by web."},
		{"none does", plain, nil, []facts.Domain{off}, Judged, No, "No domain that was read uses it."},
		{"there are none", plain, nil, nil, Judged, No, "No domain"},
		{"one file is damaged", plain, nil, []facts.Domain{off, damaged}, NotVisible, Maybe, ""},
		{"all that run were read", xen, running(0, 2), []facts.Domain{off}, Judged, No, "No domain"},
		{"another one runs", xen, running(0, 2, 5), []facts.Domain{off}, NotVisible, Maybe, ""},
		{"Xen was not asked which run", xen, nil, []facts.Domain{off}, NotVisible, Maybe, ""},
		{"another one runs, but one uses it", xen, running(0, 1, 5), []facts.Domain{on}, Judged, Yes, "Used by web."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := tt.host(x86(nil))
			if tt.change != nil {
				tt.change(h)
			}
			before := Evaluate(s, h, Options{At: now})
			h.Domains = facts.Is(tt.domains, "/etc/xen")
			v := Evaluate(s, h, Options{At: now})
			f := finding(t, v, "x86nested-hvm--x86-hvm")
			if f.Outcome != tt.outcome || f.InUse != tt.use || !strings.Contains(f.Why, tt.says) {
				t.Errorf("%s, in use %s: %s", f.Outcome, f.InUse, f.Why)
			}
			if tt.outcome == NotVisible && f.Needs == "" {
				t.Error("does not say what it needs")
			}
			if diff := cmp.Diff(before.Answers, v.Answers); diff != "" {
				t.Errorf("domains changed the host's answers: %s", diff)
			}
		})
	}
}

// A running domain without a configuration is judged by its flags.
func TestRunningDomains(t *testing.T) {
	h := dom0Of(x86(nil), 22)
	h.Running = facts.Is([]facts.RunningDomain{{ID: 0}, {ID: 1, Xenstore: true}, {ID: 4, HVM: true}, {ID: 5, HVM: true, HAP: true}}, "hypercall")
	v := Evaluate(statement(t, "4.22"), h, Options{At: now})
	if len(v.Domains) != 2 || v.Domains[0].Name != "domain 4" || *v.Domains[1].ID != 5 {
		t.Fatalf("dom0 and xenstore are no guests, the others are: %+v", v.Domains)
	}
	shadow, nested := v.Domains[0], v.Domains[1]
	if shadow.Grade != GradeNotSecurity || shadow.Complete || shadow.of(t, "shadow-paging").InUse != Yes {
		t.Errorf("an HVM domain without HAP is %s", shadow.Grade)
	}
	if nested.Grade != GradeUnknown || nested.of(t, "shadow-paging").InUse != No || nested.of(t, "super-page-support--x86-hvmpvh-hap").InUse != Yes {
		t.Errorf("an HVM domain with HAP is %s", nested.Grade)
	}
	if f := finding(t, v, "shadow-paging"); f.InUse != Yes {
		t.Errorf("shadow paging of the host: in use %s", f.InUse)
	}
	// dom0 in a list of domains is no guest either.
	d := facts.Domain{Form: facts.LibxlJSON, ID: facts.Set(0, 0), Name: facts.Set("Domain-0", 0), Type: facts.Set(facts.PV, 0)}
	if v := EvaluateDomains(statement(t, "4.22"), h, []facts.Domain{d}, Options{At: now})[0]; v.Grade != GradeSupported || len(v.Findings) != 0 || len(v.Notes) != 1 {
		t.Errorf("dom0: %s, %d findings", v.Grade, len(v.Findings))
	}
}

// Devices are known by the statement's own lists: what another statement names
// is on its list, and what the value of a limit says is the limit.
func TestDomainRowsAreData(t *testing.T) {
	s := text(t, `## Guest Limits

### Memory

    Status, x86: Supported up to 2 GiB

## Virtual Hardware, QEMU

    Status: Support scope restricted

### x86/Emulated network (QEMU):

    Status, e1000e: Supported, not security supported
`)
	d, h := domainOn("", kind(facts.HVM), vif(facts.DomainNIC{Model: "e1000e"}), word(vga, "none"))
	d.Memory.Start = facts.Set(uint64(3*gib), 2)
	v := EvaluateDomains(s, h, []facts.Domain{d}, Options{At: now})[0]
	if f := v.of(t, "memory--x86"); f.Outcome != Outside {
		t.Errorf("memory: %s: %s", f.Outcome, f.Why)
	}
	if f := v.of(t, "x86emulated-network-qemu--e1000e"); f.InUse != Yes || f.Stated.Security != support.SecurityNo {
		t.Errorf("e1000e: in use %s: %s", f.InUse, f.Why)
	}
	if f := v.of(t, "virtual-hardware-qemu"); strings.Contains(f.Why, "e1000e") || !strings.Contains(f.Why, "piix3") {
		t.Errorf("the list: %s", f.Why)
	}
}

// What is outside the grammar leaves a domain that might use it unknown, and
// one that does not as it was.
func TestDomainsUnrecognised(t *testing.T) {
	s := text(t, `## Virtual Hardware, Hypervisor

### x86/Nested HVM

    Status, x86 HVM: Wonderful
`)
	for nested, grade := range map[bool]Grade{true: GradeUnknown, false: GradeSupported} {
		d, h := domainOn("", kind(facts.HVM), flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.CPU.NestedHVM }, nested))
		if v := EvaluateDomains(s, h, []facts.Domain{d}, Options{At: now})[0]; v.Grade != grade {
			t.Errorf("nested %v: %s", nested, v.Grade)
		}
	}
}

// A limit of guests under a name nobody has heard of leaves every domain open
// that it may be about.
func TestDomainsBoundByStrangers(t *testing.T) {
	const head = "## Guest Limits\n\n"
	for _, tt := range []struct {
		name, features string
		want           Grade
		unstated       bool // it is said that no limit is stated
	}{
		{"memory under another name", head + "### Guest memory\n\n    Status, x86: Supported up to 8 TiB\n", GradeUnknown, false},
		{"memory under another name, about Arm", head + "### Guest memory\n\n    Status, Arm64: Supported up to 8 TiB\n", GradeSupported, true},
		{"virtual CPUs", head + "### Memory\n\n    Status, x86: Supported up to 8 TiB\n\n### Virtual CPUs\n\n    Status, x86 HVM: Supported up to 128\n", GradeUnknown, false},
		{"in words", head + "### Memory\n\n    Status, x86: Supported up to 8 TiB\n\n### Virtual CPUs\n\n    Status: Supported within reason\n", GradeUnknown, false},
		{"hosts", head + "### Memory\n\n    Status, x86: Supported up to 8 TiB\n\n## Host hardware support\n\n### NUMA nodes\n\n    Status: Supported up to 64\n", GradeSupported, false},
	} {
		d, h := domainOn("", kind(facts.HVM), func(d *facts.Domain, _ *facts.Host) { d.Memory.Start = facts.Set[uint64](4<<30, 1) })
		v := EvaluateDomains(text(t, tt.features), h, []facts.Domain{d}, Options{At: now})[0]
		unstated := slices.ContainsFunc(v.Findings, func(f Finding) bool { return strings.Contains(f.Why, "states no limit") })
		if v.Grade != tt.want || unstated != tt.unstated {
			t.Errorf("%s: %s, want %s; no limit stated: %v", tt.name, v.Grade, tt.want, unstated)
		}
	}
	d, h := domainOn("", kind(facts.HVM))
	s := text(t, head+"### Virtual CPUs\n\n    Status, x86 PV: Supported up to 128\n    Status, x86 HVM: Supported up to 512\n")
	for _, f := range EvaluateDomains(s, h, []facts.Domain{d}, Options{At: now})[0].Findings {
		if f.Row != nil && f.Row.Qualifier == "x86 PV" {
			t.Errorf("a limit of PV guests, for an HVM guest: %s", f.Why)
		}
	}
}

// Every entry is about rows that some release has, belongs to a documented
// rule, and every row of the statement that needs a configuration has one.
func TestGuestRowsAreValid(t *testing.T) {
	ids := map[string]bool{}
	for _, r := range domainRules {
		ids[r.ID] = true
	}
	known := map[string]bool{}
	for _, r := range append([]string{"4.10-unstable"}, releases...) {
		for _, row := range statement(t, r).Rows {
			known[row.Key], known[row.Heading] = true, true
		}
	}
	claimed := map[string]bool{}
	for _, table := range guestRows {
		for _, e := range table {
			if !ids[e.rule] || e.test == nil {
				t.Errorf("%v: rule %q is not documented", e.rows, e.rule)
			}
			for _, r := range e.rows {
				if !known[r] {
					t.Errorf("no release has %s", r)
				}
				if claimed[r] {
					t.Errorf("%s is claimed twice", r)
				}
				claimed[r] = true
			}
		}
	}
	for _, e := range guestExtras {
		if !ids[e.rule] || e.title == "" || e.why == "" || e.test == nil {
			t.Errorf("%q is not documented", e.title)
		}
	}
	// Only the boot device tree tells of these.
	tree := []string{"static-allocation", "static-memory-sharing", "dom0less", "static-event-channel"}
	for _, row := range statement(t, "4.22").Rows {
		if o := observations[row.Heading]; o.needs == fromDomain && guestRowOf(&row) == nil && usageOf(&row) == nil && !slices.Contains(tree, row.Heading) {
			t.Errorf("no entry for %s", row.Key)
		}
	}
}

// Every entry that is judged decisively has its pair of fixtures.
func TestEveryGuestRowHasFixtures(t *testing.T) {
	tested := map[string]bool{
		"memory--x86": true, "memory--arm32": true, "memory--arm64": true, // TestDomainVerdicts
		"arm": true, "super-page-support--arm": true, "alternative-p2m--arm": true, // the machine decides
		"arm-guest-device-tree-support": true, "arm-guest-psci-support--mandatory": true, "arm-guest-psci-support--migrateinfotype": true,
	}
	for _, f := range domainFixtures {
		tested[f.row] = true
	}
	for _, row := range statement(t, "4.22").Rows {
		g := guestRowOf(&row)
		if g == nil || g.reach(&row) != Decisive || tested[row.Key] {
			continue
		}
		// Blktap2 is in the statement to this day, and left Xen with 4.13.
		if !strings.HasPrefix(row.Key, "x86pvh--dom0") {
			t.Errorf("no pair of domains tells %s on from off", row.Key)
		}
	}
}

// Nothing that a configuration may hold breaks the judgement, every finding
// says why, and what was not read never makes a verdict better.
func TestLessOfADomainNeverHelps(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	statements := map[string]*support.Statement{}
	for _, r := range []string{"4.10", "4.14", "4.17", "4.20", "4.22"} {
		statements[r] = statement(t, r)
	}
	for range 150 {
		release := []string{"4.10", "4.14", "4.17", "4.20", "4.22"}[rng.IntN(5)]
		arch := []facts.Arch{"", facts.Arm64}[rng.IntN(2)]
		edits := randomEdits(rng, arch)
		d, h := domainOn(arch, edits...)
		judge := func(d facts.Domain, h *facts.Host) DomainVerdict {
			return EvaluateDomains(statements[release], h, []facts.Domain{d}, Options{At: now})[0]
		}
		before := judge(d, h)
		for _, f := range before.Findings {
			if f.Why == "" || f.Title == "" || f.Rule == "" || f.Outcome == NotEvaluated {
				t.Errorf("%s: %+v", release, f)
			}
		}
		// Make each setting in turn unreadable.
		n := len(settings(reflect.ValueOf(&d).Elem()))
		for i := range n {
			worse := clone(t, d)
			s := settings(reflect.ValueOf(&worse).Elem())
			if i >= len(s) {
				continue
			}
			name := s[i].Type().String()
			s[i].Set(reflect.Zero(s[i].Type()))
			s[i].FieldByName("Bad").SetString("unreadable")
			s[i].FieldByName("Line").SetInt(3)
			after := judge(worse, h)
			if badness(after.Grade) < badness(before.Grade) && after.Complete {
				t.Errorf("%s: without setting %d (%s) a domain went from %s to %s", release, i, name, before.Grade, after.Grade)
			}
		}
	}
}

// What is not known of the host never makes a domain better either, but for
// the two facts that only tell whether, or by whom, it could be run at all.
func TestLessOfAHostNeverHelpsADomain(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	s := statement(t, "4.22")
	for range 60 {
		arch := []facts.Arch{"", facts.Arm64}[rng.IntN(2)]
		edits := randomEdits(rng, arch)
		if arch == "" && rng.IntN(2) == 0 {
			edits = append(edits, onHost(xenLine([]string{"hap=0 altp2m=1", "iommu=off", "pv=no-32"}[rng.IntN(3)])))
		}
		fresh := func() (facts.Domain, *facts.Host) { return domainOn(arch, edits...) }
		d, h := fresh()
		before := EvaluateDomains(s, h, []facts.Domain{d}, Options{At: now})[0]
		for i := range observed(reflect.ValueOf(h).Elem(), nil) {
			d, h := fresh()
			fact := observed(reflect.ValueOf(h).Elem(), nil)[i]
			if fact.Addr().Interface() == any(&h.Userspace.System) || h.CPU.X86 != nil && fact.Addr().Interface() == any(&h.CPU.X86.VMX) {
				continue
			}
			if !fact.Addr().Interface().(interface{ IsUnknown() bool }).IsUnknown() {
				forget(fact)
			}
			after := EvaluateDomains(s, h, []facts.Domain{d}, Options{At: now})[0]
			if badness(after.Grade) < badness(before.Grade) && after.Complete {
				t.Errorf("without fact %d, a %s, a domain went from %s to %s", i, fact.Type(), before.Grade, after.Grade)
			}
		}
	}
}

func randomEdits(rng *rand.Rand, arch facts.Arch) []edit {
	edits := []edit{kind([]facts.DomainType{facts.PV, facts.HVM, facts.PVH}[rng.IntN(3)])}
	for range 1 + rng.IntN(4) {
		f := domainFixtures[rng.IntN(len(domainFixtures))]
		if f.arch != arch {
			continue
		}
		for _, e := range append(slices.Clip(f.base), f.on, f.off) {
			if e != nil && rng.IntN(3) > 0 {
				edits = append(edits, e)
			}
		}
	}
	return edits
}

// settings returns every setting of a domain that is given.
func settings(v reflect.Value) []reflect.Value {
	if v.Kind() != reflect.Struct {
		return nil
	}
	if strings.HasPrefix(v.Type().Name(), "Setting[") {
		if v.FieldByName("Given").Bool() {
			return []reflect.Value{v}
		}
		return nil
	}
	var out []reflect.Value
	for i := range v.NumField() {
		if v.Type().Field(i).Name == "ID" {
			continue // without its number it is another domain, one that does not run
		}
		out = append(out, settings(v.Field(i))...)
	}
	return out
}

func clone(t *testing.T, d facts.Domain) facts.Domain {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var out facts.Domain
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// BenchmarkDomains judges a hundred domains, as a large host has.
func BenchmarkDomains(b *testing.B) {
	s := statement(b, "4.22")
	d, h := domainOn("", kind(facts.HVM), disk(file), vif(facts.DomainNIC{}))
	ds := slices.Repeat([]facts.Domain{d}, 100)
	b.ReportAllocs()
	for b.Loop() {
		EvaluateDomains(s, h, ds, Options{At: now})
	}
}

// Where the list of domains cannot be read, a host has perhaps none: no row is
// said to be in use by them.
func TestUnlistedDomainsUseNothing(t *testing.T) {
	st := statement(t, "4.22")
	h := arm64()
	h.Machine.Kind = facts.Not[facts.Kind](&facts.Problem{Cause: facts.TimedOut, Source: "/proc/xen"})
	h.Running = facts.Not[[]facts.RunningDomain](&facts.Problem{Cause: facts.TimedOut, Source: "/proc/xen"})
	for _, f := range Evaluate(st, h, Options{At: now}).Findings {
		if f.Row != nil && f.Row.Key == "arm-guest-psci-support--mandatory" && (f.Outcome != NotVisible || f.InUse != Maybe) {
			t.Errorf("%s is %s, in use %s", f.Title, f.Outcome, f.InUse)
		}
	}
}
