package rules

import (
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/xencmdline"
)

// flaskUnbuilt is FLASK left out; the symbol was CONFIG_FLASK before 4.12.
var flaskUnbuilt = renamed("4.12", unbuilt("CONFIG_FLASK", ""), unbuilt("CONFIG_XSM_FLASK", ""))

// siloUnbuilt is SILO left out, likewise.
var siloUnbuilt = renamed("4.12", unbuilt("CONFIG_SILO", ""), unbuilt("CONFIG_XSM_SILO", ""))

// xsmModule is the security module in force: xsm= says, else the build's
// default.
func xsmModule(name string) sign { return xsmIs(name, true) }

// xsmModuleOther is any other module in force.
func xsmModuleOther(name string) sign { return xsmIs(name, false) }

// runningModule is what the running Xen says itself of its security module: its
// name, or by the evidence alone that it is not FLASK.
func runningModule(j *judging) (name string, s Seen) {
	x := &j.h.Xen
	if j.nextBoot() {
		return "", Seen{}
	}
	if mode, ok := x.Flask.Get(); ok {
		return "flask", Seen{What: "XSM module of the running Xen", Value: "flask, " + mode, Source: x.Flask.Source}
	}
	if r := siloOnConsole(j); r.use == Yes {
		return "silo", r.seen
	}
	if r := flaskOnConsole(j); r.use == Yes {
		return "flask", r.seen
	}
	if x.Flask.IsAbsent() {
		return "", Seen{What: "XSM module of the running Xen", Value: "another one than flask", Source: x.Flask.Source}
	}
	return "", Seen{}
}

var (
	siloOnConsole  = console("XSM module", "xsm SILO")
	flaskOnConsole = console("FLASK", "flask enforcing", "flask permissive")
)

// xsmOption returns the module that xsm= chooses. A word that names none of this
// build leaves an earlier choice in force.
func xsmOption(j *judging, l xencmdline.Line) (module string, given bool) {
	for _, o := range l.All("xsm") {
		missing, isModule := xsmUnbuilt[o.Value]
		if o.Negated || !isModule || missing != nil && missing(j).use == Yes {
			continue
		}
		module, given = o.Value, true
	}
	return module, given
}

// xsmUnbuilt holds the modules, and what tells that one is left out of a build;
// the dummy is in all.
var xsmUnbuilt = map[string]sign{"dummy": nil, "flask": flaskUnbuilt, "silo": siloUnbuilt}

func xsmIs(name string, want bool) sign {
	return func(j *judging) reading {
		const what = "XSM module"
		switch m, ran := runningModule(j); {
		case m != "":
			return verdictOf((m == name) == want, ran)
		case ran.What != "" && name == "flask":
			return verdictOf(!want, ran)
		}
		l, o := j.line()
		if name == "flask" {
			if v, given := l.String("flask"); o.IsKnown() && given && v == "disabled" {
				return verdictOf(!want, Seen{What: "flask= on Xen's command line", Value: v, Source: o.Source})
			}
		}
		if v, given := xsmOption(j, l); o.IsKnown() && given {
			return verdictOf((v == name) == want, Seen{What: what + " (xsm=)", Value: v, Source: o.Source})
		}
		b, ok := j.h.Xen.BuildConfig.Get()
		ok = ok && !b.Partial
		switch {
		case ok && b.Value("CONFIG_XSM") != "y":
			return verdictOf(!want, Seen{What: what, Value: "none built", Source: j.h.Xen.BuildConfig.Source})
		case !o.IsKnown():
			return reading{use: Maybe, seen: seen(what+" (xsm=)", o, func(facts.CommandLine) string { return "" }), remedy: remedyText(o)}
		case l.Cut:
			return reading{use: Maybe, seen: Seen{What: what, Value: "unknown", Cause: "the end of the command line may be lost"}}
		case !ok:
			return reading{use: Maybe, seen: seen(what+" (the build's default)", j.h.Xen.BuildConfig, func(facts.BuildConfig) string { return "" }), remedy: remedyText(j.h.Xen.BuildConfig)}
		}
		def := "dummy"
		for _, m := range []string{"silo", "flask"} {
			if b.Value("CONFIG_XSM_"+strings.ToUpper(m)+"_DEFAULT") == "y" {
				def = m
			}
		}
		return verdictOf((def == name) == want, Seen{What: what + " (the build's default)", Value: def, Source: j.h.Xen.BuildConfig.Source})
	}
}
