// Package config reads config.toml: what an administrator wants of xencheck on
// a host, and what of its findings somebody answers for.
package config

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/rules"
)

// MaxSize bounds a file, in bytes; an honest one has a hundred lines.
const MaxSize = 1 << 20

// The settings a file can hold. They are called like the flags they stand for;
// those of the gate stand below [gate].
const (
	Xen      = "xen"
	For      = "for"
	FailOn   = "fail-on"
	XenArch  = "xen-arch"
	GateMode = "gate.mode"
	Packages = "gate.packages"
)

// Setting is a value with the line that it was given in.
type Setting struct {
	Value []string // one, or the items of a list
	Line  int
}

// File is a configuration.
type File struct {
	Name     string
	Settings map[string]Setting // by the names above; what is not given is not there
	Waivers  []rules.Waiver     // in the order of the file, each with its Source
}

// Error is what is wrong with a file, in one line: FILE:LINE: reason.
type Error struct {
	Name string
	Line int // 0 when the whole file is meant
	Err  error
}

// Error returns FILE:LINE: reason.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.Name, e.Line, e.Err)
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Parse reads the text of a file. Its errors are of type [*Error] and name the
// first place that is wrong: a setting that nobody knows is an error, since it
// might be a waiver with a spelling mistake.
func Parse(name string, text []byte) (*File, error) {
	if len(text) > MaxSize {
		return nil, &Error{Name: name, Err: fmt.Errorf("larger than %s", rules.Size(MaxSize))}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as some editors begin a file
	doc, lines, err := decode(name, text)
	if err != nil {
		return nil, err
	}
	f := &File{Name: name, Settings: map[string]Setting{}}
	for _, s := range []struct {
		key   string
		given bool
		value []string
		check func(string) error
	}{
		{Xen, doc.Xen != nil, single(doc.Xen), notEmpty},
		{For, doc.For != nil, doc.For, oneOf(intents()...)},
		{FailOn, doc.FailOn != nil, single(doc.FailOn), oneOf(thresholds()...)},
		{XenArch, doc.XenArch != nil, single(doc.XenArch), oneOf("arm64", "arm32")},
		{GateMode, doc.Gate.Mode != nil, single(doc.Gate.Mode), oneOf(Modes()...)},
		{Packages, doc.Gate.Packages != nil, doc.Gate.Packages, Pattern},
	} {
		if !s.given {
			continue
		}
		line := lines.of(s.key, 0)
		for _, v := range s.value {
			if err := s.check(v); err != nil {
				return nil, &Error{name, line, fmt.Errorf("%s: %q %w", s.key, v, err)}
			}
		}
		f.Settings[s.key] = Setting{s.value, line}
	}
	for i, w := range doc.Waiver {
		if f.Waivers, err = f.waiver(w, i, lines); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// waiver adds one that is complete: it names one thing, a reason, somebody who
// answers for it, and a day.
func (f *File) waiver(w waiver, i int, lines lines) ([]rules.Waiver, error) {
	start := lines.of("waiver", i)
	fail := func(key, format string, args ...any) error {
		line := lines.of("waiver."+key, i)
		if line == 0 {
			line = start
		}
		return &Error{f.Name, line, fmt.Errorf("waiver: "+format, args...)}
	}
	for _, field := range []struct {
		key   string
		value *string
	}{{"rule", &w.Rule}, {"row", &w.Row}, {"reason", &w.Reason}, {"owner", &w.Owner}} {
		*field.value = strings.TrimSpace(*field.value)
		if len(*field.value) > 500 {
			return nil, fail(field.key, "%s is longer than 500 bytes", field.key)
		}
	}
	expires, err := day(w.Expires)
	switch {
	case w.Rule == "" && w.Row == "":
		return nil, fail("", "names neither a rule nor a row")
	case w.Rule != "" && w.Row != "":
		return nil, fail("row", "names both a rule and a row; write two waivers")
	case w.Rule != "" && !slices.Contains(ruleIDs(), w.Rule):
		return nil, fail("rule", "%q is no rule; there is %s", w.Rule, strings.Join(ruleIDs(), ", "))
	case w.Reason == "":
		return nil, fail("reason", "has no reason")
	case w.Owner == "":
		return nil, fail("owner", "has no owner, who answers for it")
	case w.Expires == nil:
		return nil, fail("expires", "does not say when it expires, such as expires = 2027-01-31")
	case err != nil:
		return nil, fail("expires", "expires: %w", err)
	}
	out := rules.Waiver{Rule: w.Rule, Row: w.Row, Reason: w.Reason, Owner: w.Owner, Expires: expires}
	if slices.ContainsFunc(f.Waivers, func(o rules.Waiver) bool { return o.Rule == out.Rule && o.Row == out.Row }) {
		return nil, fail("", "%s is waived twice", w.Rule+w.Row)
	}
	out.Source = fmt.Sprintf("%s:%d", f.Name, start)
	return append(f.Waivers, out), nil
}

// Modes lists what a gate can do about a host that speaks against a package.
func Modes() []string { return []string{"advise", "ask", "refuse"} }

// Pattern refuses what is no shell pattern of a package's name.
func Pattern(p string) error {
	if p == "" || len(p) > 200 || strings.Trim(p, "*?") == "" || strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`,"'`, r) }) {
		return fmt.Errorf("must be a pattern of package names, such as xen-hypervisor-*")
	}
	if _, err := path.Match(p, ""); err != nil {
		return fmt.Errorf("is no pattern of package names: %w", err)
	}
	return nil
}

// Date reads a day, and refuses what is none.
func day(v any) (string, error) {
	text := fmt.Sprint(v)
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 2000 || t.Year() > 9998 {
		return "", fmt.Errorf("%q is no date such as 2027-01-31", text)
	}
	return text, nil
}

func single(s *string) []string {
	if s == nil {
		return nil
	}
	return []string{*s}
}

func notEmpty(s string) error {
	if strings.TrimSpace(s) == "" {
		return fmt.Errorf("must not be empty")
	}
	return nil
}

func oneOf(allowed ...string) func(string) error {
	return func(s string) error {
		if !slices.Contains(allowed, s) {
			return fmt.Errorf("must be of %s", strings.Join(allowed, ", "))
		}
		return nil
	}
}

func intents() []string {
	var ids []string
	for _, i := range rules.Intents() {
		ids = append(ids, i.ID)
	}
	return ids
}

func thresholds() []string {
	var out []string
	for _, t := range report.Thresholds() {
		out = append(out, string(t))
	}
	return out
}

func ruleIDs() []string {
	var ids []string
	for _, r := range rules.List() {
		ids = append(ids, r.ID)
	}
	return ids
}
