package rules

import (
	"time"

	"github.com/xencheck/xencheck/support"
)

// Outcome is what kind of answer a finding is. The answers are deliberately
// many: a row that says nothing, a fact that nobody could read and a host that
// a row leaves out are different things.
type Outcome string

// The outcomes.
const (
	// Judged means that a row speaks of this host and says Level.
	Judged Outcome = "judged"
	// NotStated means that the release has no row for a property this host
	// has. It is a note: it lowers no verdict and meets no threshold.
	NotStated Outcome = "not_stated"
	// Outside means that a row exists and leaves this host out.
	Outside Outcome = "outside"
	// Unknown means that a fact that decides could not be read.
	Unknown Outcome = "unknown"
	// NotApplicable means that the row is about something this host is not or
	// does not have.
	NotApplicable Outcome = "not_applicable"
	// NotEvaluated means that the row, or what it depends on, is outside the
	// grammar, or that no rule claims it.
	NotEvaluated Outcome = "not_evaluated"
	// NotVisible means that the row is not about hardware: Needs says what
	// would answer it.
	NotVisible Outcome = "not_visible"
)

// Tri is yes, no or unknown.
type Tri string

// The three values.
const (
	Yes   Tri = "yes"
	No    Tri = "no"
	Maybe Tri = "unknown"
)

// Ref cites a row of a statement.
type Ref struct {
	Release   string `json:"release"`            // 4.22
	Revision  string `json:"revision,omitempty"` // commit of the text, abbreviated
	Date      string `json:"date,omitempty"`     // of the revision, YYYY-MM-DD
	Key       string `json:"key"`                // empty when a section is cited, not a row
	Section   string `json:"section"`
	Feature   string `json:"feature,omitempty"`
	Qualifier string `json:"qualifier,omitempty"`
	Value     string `json:"value"` // as written
	Line      int    `json:"line"`
}

// Seen is one fact a finding rests on.
type Seen struct {
	What   string `json:"what"`             // in words: "memory", "boot CPU"
	Value  string `json:"value"`            // in words; "unknown" when it could not be read
	Source string `json:"source,omitempty"` // the file or interface
	Line   int    `json:"line,omitempty"`   // in Source, where that is the configuration of a domain; 0 for a default
	Cause  string `json:"cause,omitempty"`  // why it is unknown
}

// Finding is the judgement of one row, or of one property that no row covers.
type Finding struct {
	Rule    string  `json:"rule"`          // id of the rule; empty when none claims the row
	Row     *Ref    `json:"row,omitempty"` // nil for a property without a row
	Title   string  `json:"title"`         // what it is about, in words
	Outcome Outcome `json:"outcome"`
	// Stated is what the row says of this host, Level what is left of it after
	// the release gate. Both are meaningful when Outcome is Judged, whether the
	// row is in use or merely available.
	Stated support.Level `json:"stated"`
	Level  support.Level `json:"level"`
	// Condition is what conditional security support depends on.
	Condition support.Condition `json:"condition,omitempty"`
	// Applies tells whether the row is about this host; InUse whether a Xen on
	// this host uses what the row is about without being told to.
	Applies Tri `json:"applies"`
	InUse   Tri `json:"in_use"`
	// For lists the intents this finding decides; empty when it decides none.
	For  []string `json:"for,omitempty"`
	Seen []Seen   `json:"seen,omitempty"`
	Why  string   `json:"why"`          // one or two plain sentences
	Do   string   `json:"do,omitempty"` // what to do about it; empty when nothing needs doing
	// Lacks names what the row asks for and this host has not: "VMX or SVM",
	// "an IOMMU".
	Lacks []string `json:"lacks,omitempty"`
	Notes []string `json:"notes,omitempty"` // what else a careful reader would want to know
	Needs string   `json:"needs,omitempty"` // of a row that is not visible: what would show it
	// Domain is the domain a finding is about, Line where its configuration
	// says so. Both are empty in the findings of the host.
	Domain string `json:"domain,omitempty"`
	Line   int    `json:"line,omitempty"`
	// Waived is the waiver that sets this finding aside; nil when none does.
	Waived *Waiver `json:"waived,omitempty"`
}

// Grade is a verdict's word: what combining findings comes to.
type Grade string

// The grades, best first. Unknown stands where nothing bad was found, but
// something that decides is not known: neither good nor bad.
const (
	GradeSupported    Grade = "supported"                 // functionally and security supported
	GradeSecurityOnly Grade = "security_supported"        // security fixes only: full support has ended
	GradeExternal     Grade = "security_support_external" // another project handles its security bugs
	GradeConditional  Grade = "conditional"               // security supported under a condition
	GradeNotSecurity  Grade = "not_security_supported"    // security bugs are not handled
	GradeOutside      Grade = "outside_the_statement"     // a row leaves this host out
	GradeUnknown      Grade = "unknown"
)

// Answer is the verdict for one intent.
type Answer struct {
	Intent string        `json:"intent"` // host, pv, hvm, …
	Title  string        `json:"title"`  // in words: "running Xen", "HVM guests"
	Grade  Grade         `json:"grade"`
	Level  support.Level `json:"level"` // worst of each axis over what is known
	// Complete is false when something that decides is unknown, whatever the
	// grade.
	Complete bool `json:"complete"`
	// Note says what else there is to know, such as that this release has no
	// row about it.
	Note string `json:"note,omitempty"`
	// Because holds indices into Verdict.Findings: those that make the grade,
	// worst first, then those that are unknown.
	Because []int `json:"because"`
	// Counted is what is left when waived findings are set aside; nil when that
	// changes nothing.
	Counted *Counted `json:"counted,omitempty"`
}

// Verdict is everything Evaluate has to say.
type Verdict struct {
	Release  string         `json:"release"` // 4.22
	Phase    support.Phase  `json:"phase"`
	At       time.Time      `json:"at"`      // the judging date
	Intents  []string       `json:"intents"` // as wanted
	Overall  Answer         `json:"overall"` // the worst of the wanted intents
	Answers  []Answer       `json:"answers"` // wanted intents first, then the others of this architecture
	Findings []Finding      `json:"findings"`
	Notes    []string       `json:"notes,omitempty"` // of the host or release as a whole
	Counts   map[string]int `json:"counts"`          // findings by outcome, every outcome present
	// Domains holds the verdict of each domain of the host that is known.
	// None of them counts for Overall or Answers.
	Domains []DomainVerdict `json:"domains,omitempty"`
	// Waivers holds every waiver of the options with what became of it.
	Waivers []WaiverUse `json:"waivers,omitempty"`
}
