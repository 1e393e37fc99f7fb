// Package support reads Xen's support statement (SUPPORT.md) and says what it
// means. It knows nothing of hosts.
//
// A [Statement] is data: every limit, CPU part, revision range and date that
// xencheck judges by comes out of its rows. Text that is not understood stays
// in the model, marked, so that what depends on it can be left unjudged.
package support

import (
	"strconv"
	"strings"
	"time"
)

// Statement is one support statement.
type Statement struct {
	Name       string     `json:"name"` // how it was asked for: 4.22, 4.18@37fcb4c206, or a path
	Provenance Provenance `json:"provenance"`
	Header     Header     `json:"header"`
	Sections   []Section  `json:"sections"` // every heading below "Feature Support", in document order
	Rows       []Row      `json:"rows"`     // every status row, in document order
	Problems   []Problem  `json:"problems"` // what was not understood or looks wrong, by line
}

// Provenance says which text a statement is.
type Provenance struct {
	Branch   string `json:"branch,omitempty"`   // 4.22
	Commit   string `json:"commit,omitempty"`   // abbreviated hash of the revision
	Date     string `json:"date,omitempty"`     // YYYY-MM-DD of the revision
	Origin   string `json:"origin"`             // embedded, /etc/xencheck/statements/…, or the path given
	Spelling string `json:"spelling,omitempty"` // markdown, text or html
	// Distilled is true for a text reduced to its facts: it tells that there is
	// a caveat, not what it says.
	Distilled bool `json:"distilled"`
	// Superseded names the newer revision of the same branch that is embedded;
	// empty when this is the newest.
	Superseded string `json:"superseded,omitempty"`
}

// Header is the block under "Release Support".
type Header struct {
	XenVersion           Field `json:"xen_version"`
	InitialRelease       Field `json:"initial_release"`
	SupportedUntil       Field `json:"supported_until"`
	SecuritySupportUntil Field `json:"security_support_until"`
}

// Field is one header value.
type Field struct {
	Text string `json:"text"`           // as written; empty when the line is missing
	Date string `json:"date,omitempty"` // YYYY-MM-DD when Text is a possible date
	Line int    `json:"line,omitempty"`
}

// Time returns the field's date at 00:00 UTC and whether it has one.
func (f Field) Time() (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, f.Date)
	return t, err == nil
}

// Release returns the release that Xen-Version names, as MAJOR.MINOR: 4.18 for
// "4.18", "4.18-rc" and "4.18.4"; empty when it names none ("unstable").
func (h Header) Release() string {
	major, rest, ok := strings.Cut(h.XenVersion.Text, ".")
	if !ok {
		return ""
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	if _, err := strconv.Atoi(major); err != nil || end == 0 {
		return ""
	}
	return major + "." + rest[:end]
}

// Phase is where a release stands on a day.
type Phase string

// The phases of a release's life.
const (
	Unreleased   Phase = "unreleased"    // nothing is security supported yet
	FullSupport  Phase = "full"          // until Supported-Until
	SecurityOnly Phase = "security_only" // until Security-Support-Until
	Ended        Phase = "ended"
	PhaseUnknown Phase = "unknown" // the dates are missing, impossible or not understood
)

// Phase returns where the release stands at a moment. The days named by the
// header are the last days of support.
func (h Header) Phase(at time.Time) Phase {
	v := strings.ToLower(h.XenVersion.Text)
	if strings.Contains(v, "unstable") || strings.Contains(v, "-rc") ||
		strings.HasPrefix(strings.ToLower(h.SecuritySupportUntil.Text), "unreleased") {
		return Unreleased
	}
	full, ok1 := h.SupportedUntil.Time()
	security, ok2 := h.SecuritySupportUntil.Time()
	if !ok1 || !ok2 || security.Before(full) {
		return PhaseUnknown
	}
	if start, ok := h.InitialRelease.Time(); ok {
		if full.Before(start) {
			return PhaseUnknown
		}
		if at.Before(start) {
			return Unreleased
		}
	} else {
		return PhaseUnknown
	}
	day := at.UTC().Truncate(24 * time.Hour)
	switch {
	case !day.After(full):
		return FullSupport
	case !day.After(security):
		return SecurityOnly
	}
	return Ended
}

// Section is one heading below "Feature Support".
type Section struct {
	Level   int    `json:"level"`            // 2 for a section, 3 for a feature
	Anchor  string `json:"anchor"`           // pandoc's identifier of the heading
	Title   string `json:"title"`            // as written, without markup and closing hashes
	Parent  string `json:"parent,omitempty"` // title of the section a feature stands in
	Line    int    `json:"line"`
	Text    string `json:"text,omitempty"`   // what stands before the rows (or all of it when there are none)
	Caveat  string `json:"caveat,omitempty"` // what stands after the rows; empty in a distilled statement
	Caveats bool   `json:"has_caveat"`       // whether text follows the rows
	Note    string `json:"note,omitempty"`   // what its prose says, in xencheck's own words, where a rule relies on it
}

// Row is one status line.
type Row struct {
	Key       string        `json:"key"`     // unique in the statement: heading's anchor, "--", qualifier
	Heading   string        `json:"heading"` // anchor of the heading it stands under
	Section   string        `json:"section"` // title of the level-2 heading
	Feature   string        `json:"feature"` // title of the level-3 heading; empty for a row directly under a section
	Qualifier string        `json:"qualifier"`
	Keyword   string        `json:"keyword"` // Status or Supported, as its author meant it
	Value     string        `json:"value"`   // as written; folded lines joined by one blank
	Line      int           `json:"line"`
	Meaning   Meaning       `json:"meaning"`
	Applies   Applicability `json:"applies"`
	HasCaveat bool          `json:"has_caveat"`     // text follows the rows of this heading
	Note      string        `json:"note,omitempty"` // the caveat or condition in xencheck's own words
}

// Functional is how far a feature works, as the statement grades it.
type Functional string

// Functional levels, best first.
const (
	Supported              Functional = "supported"
	Deprecated             Functional = "deprecated"
	TechPreview            Functional = "tech preview"
	Experimental           Functional = "experimental"
	NotFunctional          Functional = "not functional"
	NotImplemented         Functional = "not implemented"
	NotSupported           Functional = "not supported"
	FunctionalNotStated    Functional = "not stated"
	FunctionalUnrecognised Functional = "unrecognised"
)

// Security is whether security bugs in a feature are handled by the project.
type Security string

// Security support, best first.
const (
	SecurityYes          Security = "yes"
	SecurityExternal     Security = "external"    // another project does it
	SecurityConditional  Security = "conditional" // only under a condition
	SecurityNo           Security = "no"
	SecurityNotStated    Security = "not stated"
	SecurityUnrecognised Security = "unrecognised"
)

// Level is a place on both axes.
type Level struct {
	Functional Functional `json:"functional"`
	Security   Security   `json:"security"`
}

// NothingSaid is the level of what a statement leaves out.
var NothingSaid = Level{FunctionalNotStated, SecurityNotStated}

// Condition names what conditional security support depends on.
type Condition string

// The conditions the grammar knows.
const (
	NoCondition     Condition = ""
	WithCaveats     Condition = "caveats"       // "with caveats": the text after the rows says which
	LimitedSupport  Condition = "limited"       // "with limited support"
	WhenDeprivilege Condition = "de-privileged" // "only when run de-privileged"
	ScopeRestricted Condition = "scope"         // "Support scope restricted": the rows below are a positive list
)

// Meaning is a value in the normalised model: functional level × security
// support × limit × condition.
type Meaning struct {
	Level
	Limit     *Limit    `json:"limit,omitempty"`
	Condition Condition `json:"condition,omitempty"`
	Mode      string    `json:"mode,omitempty"`    // a mode written inside the value in parentheses
	Formats   []string  `json:"formats,omitempty"` // of a "Supported, x86: bzImage, ELF" row
	// Unrecognised holds the part of the value that is outside the grammar,
	// verbatim. When it is set, both levels are unrecognised.
	Unrecognised string `json:"unrecognised,omitempty"`
}

// Understood reports whether the whole value is in the grammar.
func (m Meaning) Understood() bool { return m.Unrecognised == "" }

// At returns the level for a quantity: m's own up to and including the limit,
// what the value says above it after that. Without a limit it is m's own.
func (m Meaning) At(n uint64) Level {
	l := m.Limit
	switch {
	case l == nil || n <= l.Max.N:
		return m.Level
	case l.Below != nil && n >= l.Below.N:
		return NothingSaid
	}
	return l.Above
}

// Unit is what a quantity counts.
type Unit string

// The units.
const (
	Bytes Unit = "bytes"
	CPUs  Unit = "cpus"
	Count Unit = "" // a bare number: the heading tells what it counts
)

// Quantity is a number with its unit: bytes for memory whatever the statement
// wrote (TiB is 2^40), else a count.
type Quantity struct {
	N    uint64 `json:"n"`
	Unit Unit   `json:"unit,omitempty"`
	Text string `json:"text"` // as written: 12 TiB, 4096
}

// Limit is "up to".
type Limit struct {
	Max   Quantity  `json:"max"`             // the last quantity that has the row's level
	Above Level     `json:"above"`           // NothingSaid when the value is silent above
	Below *Quantity `json:"below,omitempty"` // Above holds for less than this; nil when unbounded
}

// Relation tells how a row stands to the other rows of its heading.
type Relation string

// The relations.
const (
	Whole      Relation = "whole"       // no qualifier: the feature itself
	Variant    Relation = "variant"     // one of several implementations; several may apply
	Exception  Relation = "exception"   // narrows the other rows for some CPUs or for the shim
	SubFeature Relation = "sub-feature" // a part of the feature; does not weaken the rest
	CondRow    Relation = "condition"   // holds under a condition of use
	SectionRow Relation = "section"     // a default for the features below it
)

// TermKind is what a part of a qualifier speaks of.
type TermKind string

// The kinds of term.
const (
	TermArch      TermKind = "arch"        // x86, arm, arm32, arm64, riscv, ppc, loongarch
	TermGuest     TermKind = "guest"       // pv, hvm, pvh, hvm/pvh
	TermRole      TermKind = "role"        // domU, dom0
	TermXenState  TermKind = "xen_state"   // aarch64, aarch32, armv8-r
	TermCore      TermKind = "core"        // an Arm core with revisions: Core
	TermCPU       TermKind = "cpu"         // a named x86 CPU line: xeon phi
	TermIOMMU     TermKind = "iommu"       // amd-vi, vt-d, smmuv1, smmuv2, smmuv3, ipmmu-vmsa
	TermWidth     TermKind = "width"       // 32 or 64: width of a PV guest's kernel
	TermShim      TermKind = "shim"        // with, without
	TermPaging    TermKind = "paging"      // hap, shadow
	TermPageSize  TermKind = "page_size"   // 2MiB
	TermOS        TermKind = "os"          // linux, freebsd, netbsd, openbsd, windows
	TermImpl      TermKind = "impl"        // an implementation or driver: qemu, xen-blkback, blktap2, …
	TermFormat    TermKind = "format"      // raw, qcow, qcow2, vhd
	TermDevice    TermKind = "device"      // an emulated or host device: e1000, NS16550, …
	TermMode      TermKind = "mode"        // "backend allocation" mode, outside of it
	TermInit      TermKind = "init"        // SysV, systemd, BSD-style
	TermFirmware  TermKind = "firmware"    // SeaBIOS, ROMBIOS
	TermSub       TermKind = "sub_feature" // Liveupdate, Mandatory, MIGRATE_INFO_TYPE, …
	TermCondition TermKind = "condition"   // untrusted driver domains, …
)

// Term is one part of a qualifier.
type Term struct {
	Kind  TermKind   `json:"kind"`
	Value string     `json:"value"`
	Core  *CoreRange `json:"core,omitempty"`
}

// CoreRange is an Arm core with an inclusive range of revisions.
type CoreRange struct {
	Name string   `json:"name"` // as written: Cortex A57
	From Revision `json:"from"`
	To   Revision `json:"to"`
	// All is true when the qualifier names no revision: every one is meant.
	All bool `json:"all,omitempty"`
}

// Revision is rNpM: N the variant, M the revision of the MIDR.
type Revision struct {
	Variant  int `json:"variant"`
	Revision int `json:"revision"`
}

// Compare orders revisions as Arm does: variant first.
func (r Revision) Compare(o Revision) int {
	if r.Variant != o.Variant {
		return r.Variant - o.Variant
	}
	return r.Revision - o.Revision
}

// String returns rNpM.
func (r Revision) String() string {
	return "r" + strconv.Itoa(r.Variant) + "p" + strconv.Itoa(r.Revision)
}

// Contains reports whether a revision is in the range.
func (c CoreRange) Contains(r Revision) bool {
	return c.All || c.From.Compare(r) <= 0 && r.Compare(c.To) <= 0
}

// Applicability is what a row is about: its qualifier together with what the
// heading itself says (x86/…, ARM/…).
type Applicability struct {
	Relation Relation `json:"relation"`
	Terms    []Term   `json:"terms,omitempty"` // of the qualifier; all must hold
	Arch     string   `json:"arch,omitempty"`  // x86, arm, arm64, arm32 or a port without hosts (riscv, ppc), from qualifier or heading; empty when any
	// Unrecognised holds the part of the qualifier that is outside the
	// vocabulary, verbatim. Such a row might concern any host of Arch.
	Unrecognised string `json:"unrecognised,omitempty"`
}

// Understood reports whether the whole qualifier is in the vocabulary.
func (a Applicability) Understood() bool { return a.Unrecognised == "" }

// Term returns the first term of a kind.
func (a Applicability) Term(k TermKind) (Term, bool) {
	for _, t := range a.Terms {
		if t.Kind == k {
			return t, true
		}
	}
	return Term{}, false
}

// Severity of a [Problem].
type Severity string

// The severities.
const (
	Unrecognised Severity = "unrecognised" // outside the grammar: what depends on it is not evaluated
	Suspicious   Severity = "suspicious"   // read as its author meant, yet probably a slip
)

// Problem is one line that was not understood, or looks wrong.
type Problem struct {
	Line     int      `json:"line"`
	Severity Severity `json:"severity"`
	Text     string   `json:"text"` // the line
	Message  string   `json:"message"`
	Heading  string   `json:"heading,omitempty"` // anchor of the heading it stands under
	Row      string   `json:"row,omitempty"`     // key of the row it concerns; empty when the line is no row
	Arch     string   `json:"arch,omitempty"`    // the only architecture it can concern; empty when any
}

// Row returns the row with a key.
func (s *Statement) Row(key string) (Row, bool) {
	for _, r := range s.Rows {
		if r.Key == key {
			return r, true
		}
	}
	return Row{}, false
}

// Under returns the rows of one heading, by its anchor, in document order.
func (s *Statement) Under(anchor string) []Row {
	var rows []Row
	for _, r := range s.Rows {
		if r.Heading == anchor {
			rows = append(rows, r)
		}
	}
	return rows
}
