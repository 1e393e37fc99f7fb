package rules

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
)

// domainsInWords is what a panel has to say of domains: their grades, each
// once, and what hurts them, each once, in order.
func domainsInWords(bs []*DomainBrief) string {
	var grades, hurts []string
	add := func(list *[]string, s string) {
		if !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	for _, b := range bs {
		add(&grades, fmt.Sprint(b.Grade, " ", b.Complete, " ", b.Counted))
		for _, m := range b.Hurts {
			add(&hurts, fmt.Sprintf("%s %s %s %s %v %v %s %s; do %s; cause %s", m.Rule, m.Key, m.Title, m.Outcome, m.Stated, m.Level, m.Grade, m.Reason, m.Do, m.Cause))
		}
	}
	slices.Sort(grades)
	return strings.Join(grades, "\n") + "\n" + strings.Join(hurts, "\n")
}

// domainsInFull works the same out from the verdicts.
func domainsInFull(c *Judge, h *facts.Host, o Options) string {
	var bs []*DomainBrief
	p := NewPanel(o)
	for _, v := range c.HostDomains(h, o) {
		bs = append(bs, p.inBrief(&v))
	}
	return domainsInWords(bs)
}

// hostsWithDomains are the fixtures of hosts with domains of every kind, each
// of which uses what the fixtures of domains use.
func hostsWithDomains(t *testing.T, rng *rand.Rand) map[string]func() *facts.Host {
	out := map[string]func() *facts.Host{}
	for name, host := range fixtures() {
		arch, _ := host().Machine.Arch.Get()
		seed := rng.Uint64()
		out[name] = func() *facts.Host {
			h := host()
			r := rand.New(rand.NewPCG(seed, 1))
			var ds []facts.Domain
			for i := range 1 + r.IntN(3) {
				var edits []edit
				if arch == facts.X86_64 || arch == facts.Arm64 {
					edits = randomEdits(r, arch)
				}
				d, _ := domainOn(arch, edits...)
				if d = clone(t, d); r.IntN(2) == 0 {
					d.ID = facts.Set(i, 0)
				}
				ds = append(ds, d)
			}
			h.Domains = facts.Is(ds, "/etc/xen")
			h.Running = facts.Is([]facts.RunningDomain{{ID: 0}, {ID: 1, HVM: true, HAP: true}, {ID: 5}, {ID: 6, HVM: true, MaxPages: 1 << 20}, {ID: 7, Xenstore: true}}, "hypercall")
			return h
		}
		out[name+", flags"] = func() *facts.Host {
			h := host()
			h.Running = facts.Is([]facts.RunningDomain{{ID: 0}, {ID: 3, HVM: true, HAP: true}, {ID: 4, MaxPages: 1 << 18, BackendIDs: []int{2}}}, "hypercall")
			return h
		}
		out[name+", lost"] = func() *facts.Host {
			h := host()
			h.Running = facts.Not[[]facts.RunningDomain](&facts.Problem{Cause: facts.NoPermission, Source: "hypercall", Remedy: "run as root"})
			return h
		}
	}
	return out
}

// domainsAgree compares what a panel says of domains with the verdicts.
func domainsAgree(t *testing.T, p *Panel, judges []*Judge, k int, h *facts.Host, what string) {
	t.Helper()
	want, got := domainsInFull(judges[k], h, p.o), domainsInWords(p.Domains(k))
	if want != got {
		t.Fatalf("%s, %s: (-want +got)\n%s", what, judges[k].st.Name, cmp.Diff(want, got))
	}
}

func panelOf(t *testing.T, o Options, names ...string) (*Panel, []*Judge) {
	var judges []*Judge
	p := NewPanel(o)
	for _, r := range names {
		judges = append(judges, Compile(statement(t, r)))
		p.Add(judges[len(judges)-1])
	}
	return p, judges
}

// What a panel says of domains is what their verdicts say, whatever it
// remembers: of all fixtures by all releases, and of random ones.
func TestPanelDomainsAgree(t *testing.T) {
	p, judges := panelOf(t, Options{At: now}, releases...)
	for _, s := range []string{oddStatement, strangeStatement} {
		judges = append(judges, Compile(text(t, s)))
		p.Add(judges[len(judges)-1])
	}
	rng := rand.New(rand.NewPCG(5, 5))
	for i, f := range domainFixtures {
		for n, e := range []edit{nil, f.on, f.off} {
			edits := slices.Clip(f.base)
			if e != nil {
				edits = append(edits, e)
			}
			d, h := domainOn(f.arch, edits...)
			ds := []facts.Domain{d, d}
			if !h.Running.IsKnown() && n > 0 {
				ds[1].ID = facts.Set(2, 0)
				h.Running = facts.Is([]facts.RunningDomain{{ID: 2}, {ID: 2, HVM: rng.IntN(2) == 0}, {ID: 3}}, "hypercall")
			}
			if i%3 == 0 {
				h = dom0Of(h, 10+rng.IntN(13))
			}
			h.Domains = facts.Is(ds, "/etc/xen")
			p.Host(h)
			for k := range judges {
				if k%3 == i%3 {
					domainsAgree(t, p, judges, k, h, f.row)
				}
			}
		}
	}
	hosts := hostsWithDomains(t, rng)
	plain := fixtures()
	names := slices.Sorted(maps.Keys(hosts))
	for n := range 600 {
		name := names[n%len(names)]
		h, other, _ := strings.Cut(name, ",")
		host := hosts[name]()
		if other != "" || n%2 == 0 {
			vary(rng, host, plain[h]())
		}
		p.Host(host)
		for range 2 {
			domainsAgree(t, p, judges, rng.IntN(len(judges)), host, fmt.Sprint(name, ", variation ", n))
		}
	}
	t.Logf("%d of %d remembered", p.Remembered, p.Asked)
	if p.Remembered < p.Asked/10 {
		t.Error("hardly anything is remembered")
	}
}

// Every fact of a host is changed alone, on a host whose domains were judged.
func TestPanelDomainsSeeEveryFactOfAHost(t *testing.T) {
	p, judges := panelOf(t, Options{At: now}, "4.22", "4.17", "4.13")
	rng := rand.New(rand.NewPCG(9, 9))
	hosts := hostsWithDomains(t, rng)
	n := 0
	check := func(name string, h *facts.Host) {
		t.Helper()
		p.Host(h)
		domainsAgree(t, p, judges, n%len(judges), h, name)
		n++
	}
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		for range judges {
			check(name, hosts[name]())
		}
		all := observed(reflect.ValueOf(hosts[name]()).Elem(), nil)
		for i := range all {
			what := fmt.Sprint(name, ", fact ", i, ", ", all[i].Type())
			if _, ok := all[i].Interface().(facts.Observed[[]facts.Domain]); ok {
				continue // see the next test
			}
			each := func(change func(o reflect.Value)) {
				h := hosts[name]()
				change(observed(reflect.ValueOf(h).Elem(), nil)[i])
				check(what, h)
			}
			each(forget)
			each(func(o reflect.Value) { o.SetZero() })
			each(func(o reflect.Value) {
				forget(o)
				o.FieldByName("Problem").Interface().(*facts.Problem).Remedy = "look again"
			})
			each(func(o reflect.Value) { o.SetZero(); o.FieldByName("State").SetString(string(facts.Absent)) })
			for range 3 {
				each(func(o reflect.Value) {
					o.FieldByName("State").SetString(string(facts.Known))
					o.FieldByName("Problem").SetZero()
					if ls := leaves(o.FieldByName("Value"), nil); len(ls) > 0 {
						set(ls[rng.IntN(len(ls))], rng.IntN(26))
					}
				})
			}
		}
		for range 40 { // the same with options and symbols that domains ask for
			h := hosts[name]()
			line := []string{"hap=0", "iommu=0", "altp2m", "pv=no-32", "hap=0 altp2m", ""}[rng.IntN(6)]
			h.Xen.CommandLine = facts.Is(facts.CommandLine{Text: line, Cut: rng.IntN(3) == 0}, "hypercall")
			h.Xen.BuildConfig = facts.Is(facts.BuildConfig{Symbols: map[string]string{[]string{"CONFIG_ALTP2M", "CONFIG_PV32", "CONFIG_PV"}[rng.IntN(3)]: []string{"y", "n"}[rng.IntN(2)]}}, "config")
			h.Userspace = &facts.Userspace{System: facts.Is([]string{"Linux", "FreeBSD", "linux"}[rng.IntN(3)], "uname"),
				Xenstored: facts.Is([]string{"oxenstored", "xenstored"}[rng.IntN(2)], "/proc"),
				XLConf:    facts.Is(map[string]string{[]string{"vif.default.script", "bootloader_restrict", "bootloader_user"}[rng.IntN(3)]: []string{"vif-openvswitch", "0", "1"}[rng.IntN(3)]}, "xl.conf")}
			check(name+", "+line, h)
		}
	}
	t.Logf("%d hosts, %d of %d remembered", n, p.Remembered, p.Asked)
}

// Every setting of a domain is changed alone.
func TestPanelDomainsSeeEverySetting(t *testing.T) {
	p, judges := panelOf(t, Options{At: now}, "4.22", "4.17", "4.13")
	rng := rand.New(rand.NewPCG(11, 11))
	n := 0
	for _, f := range domainFixtures {
		edits := slices.Clip(f.base)
		if f.on != nil {
			edits = append(edits, f.on)
		}
		d, h := domainOn(f.arch, edits...)
		d = clone(t, d)
		n++
		for i, more := 0, true; more; i++ {
			c := clone(t, d)
			at := -1
			more = change(reflect.ValueOf(&c).Elem(), nil, func(setting *reflect.Value, leaf reflect.Value) bool {
				if at++; at != i {
					return false
				}
				if setting != nil {
					setting.FieldByName("Given").SetBool(true)
					setting.FieldByName("Bad").SetString("")
				}
				switch odd := rng.IntN(6); {
				case odd == 0 && setting != nil:
					setting.SetZero()
					setting.FieldByName("Bad").SetString("is no value")
				case odd == 1 && setting != nil:
					setting.SetZero()
				case leaf.Kind() == reflect.String:
					leaf.SetString(domainWords[rng.IntN(len(domainWords))])
				case leaf.Kind() == reflect.Int && n%2 == 0:
					leaf.SetInt(rng.Int64N(40))
				default:
					set(leaf, rng.IntN(18))
				}
				return true
			})
			if i%4 != n%4 {
				continue // each setting with every fourth fixture
			}
			h.Domains = facts.Is([]facts.Domain{d}, "/etc/xen")
			p.Host(h)
			domainsAgree(t, p, judges, i/4%len(judges), h, f.row)
			h.Domains = facts.Is([]facts.Domain{c}, "/etc/xen")
			p.Host(h)
			domainsAgree(t, p, judges, i/4%len(judges), h, fmt.Sprint(f.row, ", change ", i))
		}
	}
	t.Logf("%d of %d remembered", p.Remembered, p.Asked)
}

// domainWords are what settings of domains may be.
var domainWords = []string{"", "pv", "hvm", "pvh", "xl_cfg", "libxl_json", "boot_tree", "known", "absent", "raw", "qcow2", "vhd", "qed", "phy", "tap", "qdisk", "standalone", "virtio", "xen",
	"/dev/vg/disk", "/usr/lib/xen/bin/pygrub", "vif", "ioemu", "e1000", "virtio-net-pci", "vif-openvswitch", "pvgrub32", "pvgrub64", "uefi", "ovmf", "bios", "rombios", "seabios", "cn",
	"qemu-xen", "qemu-xen-traditional", "linux", "qusb", "devicemodel", "auto", "mixed", "external", "disabled", "optee", "ffa", "hw", "host:1", "tablet", "stdvga", "cirrus", "none", "igd", "ahci",
	"sb16", "all", "0", "Pool-1", "sched=credit", "sbsa_uart", "scmi_smc", "soft-reset", "destroy", "hda", "sda", "xvde", "4.19", "4.12", "altp2m", "hap", "other", "zImage", "qemu", "xen_9pfsd"}

// change calls try for each simple value in a domain, with the setting that it
// is part of, until try says that it made a change.
func change(v reflect.Value, setting *reflect.Value, try func(*reflect.Value, reflect.Value) bool) bool {
	switch v.Kind() {
	case reflect.Struct:
		if strings.HasPrefix(v.Type().Name(), "Setting[") {
			return change(v.FieldByName("Value"), &v, try)
		}
		for i := range v.NumField() {
			if change(v.Field(i), setting, try) {
				return true
			}
		}
		return false
	case reflect.Slice:
		if v.Len() == 0 {
			one := reflect.MakeSlice(v.Type(), 1, 1)
			if !change(one.Index(0), setting, try) {
				return false
			}
			v.Set(one)
			return true
		}
		for i := range v.Len() {
			if change(v.Index(i), setting, try) {
				return true
			}
		}
		return false
	case reflect.Pointer:
		if v.IsNil() {
			one := reflect.New(v.Type().Elem())
			if !change(one.Elem(), setting, try) {
				return false
			}
			v.Set(one)
			return true
		}
		return change(v.Elem(), setting, try)
	case reflect.Map:
		return false
	}
	return try(setting, v)
}
