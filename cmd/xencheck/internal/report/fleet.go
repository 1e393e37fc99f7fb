package report

import (
	"time"

	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// KindFleet is the kind of a [Fleet], KindError that of a [BadRecord].
const (
	KindFleet = "xencheck-fleet"
	KindError = "xencheck-error"
)

// Fleet is the summary of many hosts. It counts each host once, by its newest
// record; hosts without a name cannot be told apart, so each of their records
// counts.
type Fleet struct {
	Kind   string    `json:"kind"` // always KindFleet
	Schema int       `json:"schema"`
	Tool   string    `json:"tool"`
	At     time.Time `json:"at"` // the judging date
	// Interrupted is true when the run was ended before it had read everything.
	Interrupted bool     `json:"interrupted"`
	Asked       []string `json:"asked"` // the releases as asked for; auto is the one that fits each host
	Intents     []string `json:"intents"`
	Filter      string   `json:"filter,omitempty"` // the hosts that are counted; empty for all

	Records  int   `json:"records"`          // read, those that could not be used included
	Bad      int   `json:"bad"`              // could not be used
	Older    int   `json:"older"`            // set aside: a newer record of the same host was there
	Unlike   int   `json:"unlike,omitempty"` // of Older, those of other hardware than the newest of their name so far: perhaps another host
	Future   int   `json:"future,omitempty"` // hosts whose newest record says that it is of tomorrow or later
	Nameless int   `json:"nameless"`         // hosts without a name among Hosts
	LeftOut  int   `json:"left_out"`         // hosts that the filter leaves out
	Passed   int   `json:"passed"`           // files of directories and archives that hold no records
	Hosts    int   `json:"hosts"`            // that everything below counts
	Bytes    int64 `json:"bytes"`            // of all records

	// Statements lists every statement that hosts were judged by. Where a
	// statement is meant below, it is an index into this list.
	Statements []FleetStatement `json:"statements"`
	// Verdicts holds hosts by verdict, for each release that was asked for and
	// each statement that was used for it.
	Verdicts []FleetVerdicts `json:"verdicts"`
	// Hurts lists what keeps hosts from being supported, most hosts first.
	Hurts []FleetHurt `json:"hurts"`
	// Unknown lists what keeps hosts from being judged, most hosts first.
	Unknown []FleetHurt `json:"unknown"`
	// Upgrades tells, for each release that was asked for but the first, what
	// changes from the first to it.
	Upgrades []FleetUpgrade `json:"upgrades"`
	// Hardware groups hosts that are alike, largest group first.
	Hardware []FleetHardware `json:"hardware"`
	// Horizons tells when support ends for the Xen that hosts have.
	Horizons []FleetHorizon `json:"horizons"`
	// Waivers lists those of the configuration. What they set aside keeps its
	// verdict and stays in every count; it does not count for ExitCode.
	Waivers []FleetWaiver `json:"waivers,omitempty"`
	// BadRecords lists the first records that could not be used.
	BadRecords []BadRecord `json:"bad_records"`

	FailOn      FailOn   `json:"fail_on"`
	ExitCode    ExitCode `json:"exit_code"`
	ExitMeaning string   `json:"exit_meaning"`
}

// FleetStatement is one statement that hosts were judged by.
type FleetStatement struct {
	Statement
	Phase support.Phase `json:"phase"`
	Hosts int           `json:"hosts"`
}

// FleetVerdicts is how the hosts stand that were judged by one statement for
// one of the releases asked for.
type FleetVerdicts struct {
	Asked     int         `json:"asked"`     // index into Fleet.Asked
	Statement int         `json:"statement"` // index into Fleet.Statements
	Hosts     int         `json:"hosts"`
	Grades    FleetGrades `json:"grades"`
}

// FleetGrades counts hosts by verdict.
type FleetGrades map[rules.Grade]int

// FleetHurt is one reason and how many hosts it concerns.
type FleetHurt struct {
	Key   string      `json:"key,omitempty"` // of the row; empty for a property without a row
	Title string      `json:"title"`
	Grade rules.Grade `json:"grade"`
	// Cause says why it is unknown; empty for what is known.
	Cause string `json:"cause,omitempty"`
	Do    string `json:"do,omitempty"` // what to do in most of the cases
	// Domains is true for what domains of hosts are configured to use; it does
	// not count for the verdict of the host.
	Domains bool `json:"domains,omitempty"`
	Hosts   int  `json:"hosts"` // concerned for at least one release
	// ByAsked counts hosts for each release asked for.
	ByAsked []int `json:"by_asked"`
}

// FleetUpgrade is what a change of release does.
type FleetUpgrade struct {
	From      int `json:"from"` // index into Fleet.Asked
	To        int `json:"to"`
	Better    int `json:"better"`
	Worse     int `json:"worse"`
	Same      int `json:"same"`
	Undecided int `json:"undecided"` // unknown before or after
	// Gains lists what hurts before and not after, Losses what hurts only
	// after, most hosts first.
	Gains  []FleetHurt `json:"gains"`
	Losses []FleetHurt `json:"losses"`
}

// FleetHardware is a group of hosts that are alike.
type FleetHardware struct {
	Name   string        `json:"name"` // in words: product / CPU / CPUs / memory / IOMMU
	Hosts  int           `json:"hosts"`
	Grades []FleetGrades `json:"grades"` // for each release asked for
}

// FleetHorizon is when support ends for hosts that have one release of Xen.
type FleetHorizon struct {
	Release string `json:"release"` // 4.17; empty where no Xen was found
	How     How    `json:"how"`     // running or installed
	Hosts   int    `json:"hosts"`
	// Phase and dates are empty where no statement of the release is known.
	Phase                support.Phase `json:"phase,omitempty"`
	SupportedUntil       string        `json:"supported_until,omitempty"`
	SecuritySupportUntil string        `json:"security_support_until,omitempty"`
	// Days is how long security support lasts from the judging date, negative
	// when it is over; nil where the date is not known.
	Days *int `json:"days,omitempty"`
}

// FleetWaiver is a waiver, and what became of it.
type FleetWaiver struct {
	rules.Waiver
	State   rules.WaiverState `json:"state"`
	Hosts   int               `json:"hosts"`    // of which it sets something aside, for at least one release
	ByAsked []int             `json:"by_asked"` // hosts for each release asked for
}

// SoonDays is how near, in days, the end of security support is said to be
// near.
const SoonDays = 90

// BadRecord is one record that could not be used: what a stream of reports has
// in its place.
type BadRecord struct {
	Kind   string `json:"kind"` // always KindError
	Schema int    `json:"schema"`
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"` // from 1; left out where there are no lines
	Offset int64  `json:"offset"`         // in bytes, from 0
	Error  string `json:"error"`
}
