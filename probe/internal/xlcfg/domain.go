package xlcfg

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/discreet"
)

// Domain gives the assignments of a file their meaning (xl.cfg(5)). It keeps
// what was given apart from what was not: defaults differ between releases and
// architectures and are the business of whoever judges.
func Domain(f *File) facts.Domain {
	r := &reader{d: facts.Domain{Form: facts.XLConfig}, settings: map[string]Setting{}}
	for _, p := range f.Problems {
		r.d.Problems = append(r.d.Problems, facts.DomainProblem{
			Line: p.Line, Column: p.Column, Message: discreet.Text(p.Message), Tolerated: p.Tolerated})
	}
	table := map[string]key{}
	for _, k := range keys() {
		table[k.name] = k
	}
	settings := f.Settings()
	for _, s := range settings {
		r.settings[s.Name] = s
	}
	for _, s := range settings {
		k, known := table[s.Name]
		used := facts.DomainKey{Name: s.Name, Line: s.Line, Since: k.since, Until: k.until, Use: k.use}
		switch {
		case !known:
			r.d.Unknown = append(r.d.Unknown, used)
			continue
		case k.use != "":
			r.d.Deprecated = append(r.d.Deprecated, used)
		case k.since != "" || k.until != "":
			r.d.Limited = append(r.d.Limited, used)
		}
		if k.read != nil {
			k.read(r, s)
		}
	}
	r.typ()
	r.deprecations()
	slices.SortStableFunc(r.d.Problems, func(a, b facts.DomainProblem) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column)
	})
	return r.d
}

// reader is a domain while the settings of a file are put into it.
type reader struct {
	d        facts.Domain
	settings map[string]Setting // by key, for the few that depend on another
}

// typ reads type= and builder=, which xl compares as prefixes: "p" is pv.
func (r *reader) typ() {
	s, given := r.settings["type"]
	if given {
		store(r, s, &r.d.Type, convert(s, func(v string) (facts.DomainType, string) {
			for _, t := range []facts.DomainType{facts.HVM, facts.PV, facts.PVH} {
				if strings.HasPrefix(string(t), v) {
					return t, ""
				}
			}
			return "", quote(v) + " is no domain type"
		}))
	}
	b, given := r.settings["builder"]
	if !given {
		return
	}
	builder := convert(b, func(v string) (facts.DomainType, string) {
		switch {
		case strings.HasPrefix("hvm", v):
			return facts.HVM, ""
		case strings.HasPrefix("generic", v):
			return facts.PV, ""
		}
		return "", quote(v) + " is no domain builder"
	})
	switch {
	case r.d.Type.IsZero() || builder.IsBad():
		store(r, b, &r.d.Type, builder)
	case r.d.Type.Given && builder.Given && r.d.Type.Value != builder.Value:
		store(r, b, &r.d.Type, facts.BadSetting[facts.DomainType]("type and builder contradict each other", b.Line))
	}
}

// deprecations notes older spellings inside of values.
func (r *reader) deprecations() {
	note := func(name string, line int, use string) {
		r.d.Deprecated = append(r.d.Deprecated, facts.DomainKey{Name: name, Line: line, Use: use})
	}
	for _, disk := range r.d.Devices.Disks.Value {
		if disk.Prefix != "" {
			note("disk "+disk.Prefix, disk.Line, "format=, script= or nothing in its place")
		}
	}
	if s, ok := r.settings["vif"]; ok {
		for _, item := range s.Value.Items {
			if _, old := newDevice(item.Text).take("netdev"); old {
				note("vif netdev", item.Line, "gatewaydev")
			}
		}
	}
	if s, ok := r.settings["bootloader_args"]; ok && s.Bad == "" && !s.Value.List {
		note("bootloader_args as one string", s.Line, "a list of arguments")
	}
	if k, ok := r.d.Boot.Kernel.Get(); ok && r.d.Type.Value == facts.HVM && path.Base(k) == "hvmloader" {
		// xl ignores such a kernel, so nothing is booted directly.
		note("kernel of hvmloader", r.d.Boot.Kernel.Line, "firmware_override")
		r.d.Boot.Kernel = facts.Setting[string]{}
	}
}

// The readers of one kind of value each. They are given where the value goes.

type read func(*reader, Setting)

// store puts a setting in its place and reports a bad one, unless the grammar
// has done so.
func store[T any](r *reader, s Setting, to *facts.Setting[T], v facts.Setting[T]) {
	*to = v
	if v.IsBad() && s.Bad == "" {
		r.report(s.Value, s.Name+": "+v.Bad)
	}
}

func (r *reader) report(at Value, message string) {
	r.d.Problems = append(r.d.Problems, facts.DomainProblem{Line: at.Line, Column: at.Column, Message: message})
}

// convert turns a single value into a setting; to returns why it cannot.
func convert[T any](s Setting, to func(string) (T, string)) facts.Setting[T] {
	switch {
	case s.Bad != "":
		return facts.BadSetting[T](discreet.Text(s.Bad), s.Line)
	case s.Value.List:
		return facts.BadSetting[T]("a list where a single value is expected", s.Line)
	}
	v, why := to(s.Value.Text)
	if why != "" {
		return facts.BadSetting[T](why, s.Line)
	}
	return facts.Set(v, s.Line)
}

func text(at func(*facts.Domain) *facts.Setting[string]) read {
	return func(r *reader, s Setting) {
		store(r, s, at(&r.d), convert(s, func(v string) (string, string) { return discreet.Text(v), "" }))
	}
}

// choice reads one of several words.
func choice(at func(*facts.Domain) *facts.Setting[string], known ...string) read {
	return func(r *reader, s Setting) {
		store(r, s, at(&r.d), convert(s, func(v string) (string, string) {
			if !slices.Contains(known, v) {
				return "", quote(v) + " is none of " + strings.Join(known, ", ")
			}
			return v, ""
		}))
	}
}

// long converts a number as strtol does with base 0. xl takes none from +=.
func long(s Setting) facts.Setting[int64] {
	return convert(s, func(v string) (int64, string) {
		if s.Appended {
			return 0, "+= on a number"
		}
		n, ok := parseLong(v)
		if !ok {
			return 0, quote(v) + " is no number"
		}
		return n, ""
	})
}

func flag(at func(*facts.Domain) *facts.Setting[bool]) read {
	return func(r *reader, s Setting) {
		n := long(s)
		store(r, s, at(&r.d), facts.Setting[bool]{Given: n.Given, Value: n.Value != 0, Line: n.Line, Bad: n.Bad})
	}
}

// number reads a count, size a quantity in units of so many bytes.
func number(at func(*facts.Domain) *facts.Setting[uint64]) read { return size(1, at) }

func size(unit uint64, at func(*facts.Domain) *facts.Setting[uint64]) read {
	return func(r *reader, s Setting) {
		n := long(s)
		v := facts.Setting[uint64]{Given: n.Given, Line: n.Line, Bad: n.Bad}
		switch {
		case n.Value < 0:
			v = facts.BadSetting[uint64]("less than nothing", n.Line)
		case uint64(n.Value) > (1<<63-1)/unit:
			v = facts.BadSetting[uint64]("larger than any memory", n.Line)
		default:
			v.Value = uint64(n.Value) * unit
		}
		store(r, s, at(&r.d), v)
	}
}

// list reads a list of texts; a single value counts as a list of one.
func list(at func(*facts.Domain) *facts.Setting[[]string]) read {
	return func(r *reader, s Setting) { store(r, s, at(&r.d), texts(s)) }
}

// entries is list for entries that xl refuses unless they have a form.
func entries(form func(string) bool, at func(*facts.Domain) *facts.Setting[[]string]) read {
	return func(r *reader, s Setting) {
		v := texts(s)
		store(r, s, at(&r.d), v)
		if !v.Given || !s.Value.List {
			return
		}
		for _, item := range s.Value.Items {
			if !form(item.Text) {
				r.report(item, s.Name+": "+quote(item.Text)+" is none")
			}
		}
	}
}

func texts(s Setting) facts.Setting[[]string] {
	if s.Bad != "" {
		return facts.BadSetting[[]string](discreet.Text(s.Bad), s.Line)
	}
	if !s.Value.List {
		return facts.Set([]string{discreet.Text(s.Value.Text)}, s.Line)
	}
	out := make([]string, 0, len(s.Value.Items))
	for _, v := range s.Value.Items {
		if v.List {
			return facts.BadSetting[[]string]("a list inside the list", s.Line)
		}
		out = append(out, v.Text)
	}
	return facts.Set(discreet.Args(out), s.Line)
}

// devices reads a list of device specifications. Each is understood or bad by
// itself.
func devices[T any](at func(*facts.Domain) *facts.Setting[[]T], one func(*reader, string) T, common func(*T) *facts.DomainDevice) read {
	return func(r *reader, s Setting) {
		if why := noList(s); why != "" {
			store(r, s, at(&r.d), facts.BadSetting[[]T](why, s.Line))
			return
		}
		out := make([]T, 0, len(s.Value.Items))
		for _, v := range s.Value.Items {
			var dev T
			if v.List {
				common(&dev).Bad = "a list where text is expected"
			} else {
				dev = one(r, v.Text)
			}
			c := common(&dev)
			c.Line = v.Line
			if c.Bad != "" {
				c.Bad = discreet.Text(c.Bad)
				r.report(v, s.Name+": "+c.Bad)
			}
			out = append(out, dev)
		}
		*at(&r.d) = facts.Set(out, s.Line)
	}
}

// noList returns why a setting is no list, or nothing.
func noList(s Setting) string {
	switch {
	case s.Bad != "":
		return discreet.Text(s.Bad)
	case !s.Value.List:
		return "a single value where a list is expected"
	}
	return ""
}

// sounds is devices for vsnd, whose every card is a list.
func sounds(r *reader, s Setting) {
	to := &r.d.Devices.VSnds
	if why := noList(s); why != "" {
		store(r, s, to, facts.BadSetting[[]facts.DomainDevice](why, s.Line))
		return
	}
	out := make([]facts.DomainDevice, 0, len(s.Value.Items))
	for _, v := range s.Value.Items {
		dev := vsnd(v)
		if !v.List {
			dev.Bad = "text where a list is expected"
		}
		if dev.Line = v.Line; dev.Bad != "" {
			r.report(v, s.Name+": "+dev.Bad)
		}
		out = append(out, dev)
	}
	*to = facts.Set(out, s.Line)
}

// The settings that are like no other.

// altp2m is a mode by name or number.
func altp2m(r *reader, s Setting) {
	modes := []string{"disabled", "mixed", "external", "limited"}
	store(r, s, &r.d.CPU.Altp2m, convert(s, func(v string) (string, string) {
		if n, ok := parseLong(v); ok && n >= 0 && n < int64(len(modes)) {
			return modes[n], ""
		}
		if !slices.Contains(modes, v) {
			return "", quote(v) + " is no altp2m mode"
		}
		return v, ""
	}))
}

// gfxPassthru is a boolean or the kind of card.
func gfxPassthru(r *reader, s Setting) {
	store(r, s, &r.d.Model.GfxPassthru, convert(s, func(v string) (string, string) {
		n, isNumber := parseLong(v)
		switch {
		case isNumber && n == 0:
			return "off", ""
		case isNumber:
			return "default", ""
		case v == "igd" || v == "default":
			return v, ""
		}
		return "", quote(v) + " is no kind of graphics card"
	}))
}

// sve is disabled, hw or a vector length in bits, a multiple of 128.
func sve(r *reader, s Setting) {
	store(r, s, &r.d.CPU.SVE, convert(s, func(v string) (string, string) {
		n, ok := parseLong(v)
		if ok && (n < 0 || n > 2048 || n%128 != 0) || !ok && v != "hw" && v != "disabled" {
			return "", quote(v) + " is no vector length"
		}
		if ok && n == 0 {
			return "disabled", ""
		}
		return v, ""
	}))
}

// armSCI is a list of parameters, of which only the type matters here.
func armSCI(r *reader, s Setting) {
	store(r, s, &r.d.ArmSCI, convert(s, func(v string) (string, string) {
		d := newDevice(v)
		t := d.choice("type", "none", "scmi_smc", "scmi_smc_multiagent")
		if t == "" && d.bad == "" {
			d.bad = "no type"
		}
		return t, d.bad
	}))
}

// llcColors is a list of colours and ranges, or one text of them.
func llcColors(r *reader, s Setting) {
	l := texts(s)
	store(r, s, &r.d.Memory.LLCColors, facts.Setting[string]{Given: l.Given, Value: strings.Join(l.Value, ","), Line: l.Line, Bad: l.Bad})
}

// vnuma counts the virtual NUMA nodes.
func vnuma(r *reader, s Setting) {
	v := facts.Set(len(s.Value.Items), s.Line)
	if why := noList(s); why != "" {
		v = facts.BadSetting[int](why, s.Line)
	}
	store(r, s, &r.d.CPU.VNUMANodes, v)
}
