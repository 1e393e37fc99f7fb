// Package facts is the vocabulary of what can be known of a host: values, each
// with where it was read, or with why it is not known.
//
// The package does no input or output. A [Host] is collected on one machine
// and judged anywhere, perhaps years later, so its JSON form is a contract:
// names are snake_case, sizes are bytes, identifiers that people write in
// hexadecimal are strings, times are RFC 3339 in UTC.
package facts

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// State tells the four ways a fact can stand.
type State string

const (
	// Unread is the zero value: nobody looked. A fact that does not concern
	// this architecture stays unread.
	Unread State = ""
	// Known means Value was read.
	Known State = "known"
	// Absent means that the place where the thing would be was read, and the
	// thing is not there. It is never used for "could not look".
	Absent State = "absent"
	// Unknown means that it could not be read; Problem says why.
	Unknown State = "unknown"
)

// Cause classifies why a fact is not known.
type Cause string

// The causes a [Problem] can have.
const (
	NoPermission Cause = "no_permission" // the kernel refused; root would be allowed
	HiddenByXen  Cause = "hidden_by_xen" // Linux in a Xen domain is shown something else than the host
	NotMounted   Cause = "not_mounted"   // the file system that shows it is not mounted
	NotRecorded  Cause = "not_recorded"  // a captured tree or file that does not hold this source
	NotExposed   Cause = "not_exposed"   // this kernel or machine has no such file
	Truncated    Cause = "truncated"     // shorter than its own length says
	Malformed    Cause = "malformed"     // bad checksum, bad structure, not the expected format
	TooLarge     Cause = "too_large"     // larger than any honest source of its kind
	NotAFile     Cause = "not_a_file"    // a FIFO, device or directory where a file was expected
	TimedOut     Cause = "timed_out"     // reading did not end in time
	ReadError    Cause = "read_error"    // any other error while reading
	WrongArch    Cause = "not_on_this_architecture"
	Conflicting  Cause = "conflict"   // two sources disagree; both are in Conflicts
	Incomplete   Cause = "incomplete" // read, but it does not say enough (a device tree names a core, not its revision)
	InContainer  Cause = "in_container"
)

// Problem says why a fact is not known, and what would make it known.
type Problem struct {
	Cause  Cause  `json:"cause"`
	Source string `json:"source,omitempty"` // the file or interface that was tried
	Detail string `json:"detail,omitempty"` // plain words, no full stop
	Remedy string `json:"remedy,omitempty"` // what to do, plain words; empty when nothing helps
}

// Error makes a Problem usable as an error inside the probes.
func (p *Problem) Error() string {
	s := string(p.Cause)
	if p.Detail != "" {
		s = p.Detail
	}
	if p.Source != "" {
		return p.Source + ": " + s
	}
	return s
}

// Conflict is what another source said of the same fact.
type Conflict struct {
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Observed is one fact: a value with where it was read, or the reason why
// there is none. The zero Observed means that nobody looked.
type Observed[T any] struct {
	State     State
	Value     T          // meaningful only when State is Known
	Source    string     // path or interface; several are joined with ", "
	Note      string     // what the value means, where that is not obvious
	Problem   *Problem   // set when and only when State is Unknown
	Conflicts []Conflict // what every disagreeing source said, the preferred one first
}

// Is returns a known fact.
func Is[T any](v T, source string) Observed[T] {
	return Observed[T]{State: Known, Value: v, Source: source}
}

// Missing returns a fact that was looked for in source and is not there.
func Missing[T any](source string) Observed[T] {
	return Observed[T]{State: Absent, Source: source}
}

// Not returns a fact that could not be learnt. A nil problem is replaced by
// one that says so little that a test can find it.
func Not[T any](p *Problem) Observed[T] {
	if p == nil {
		p = &Problem{Cause: ReadError, Detail: "no reason recorded"}
	}
	return Observed[T]{State: Unknown, Source: p.Source, Problem: p}
}

// Disagree returns a fact two or more sources tell differently: unknown, with
// every reading kept.
func Disagree[T any](readings ...Conflict) Observed[T] {
	o := Observed[T]{State: Unknown, Conflicts: readings, Problem: &Problem{
		Cause: Conflicting, Detail: "sources disagree",
		Remedy: "compare the sources named here with the machine itself",
	}}
	for i, r := range readings {
		if i > 0 {
			o.Source += ", "
			o.Problem.Detail += ";"
		} else {
			o.Problem.Detail += ":"
		}
		o.Source += r.Source
		o.Problem.Detail += fmt.Sprintf(" %s says %s", r.Source, r.Value)
	}
	return o
}

// Get returns the value and whether it is known.
func (o Observed[T]) Get() (T, bool) { return o.Value, o.State == Known }

// IsKnown reports whether a value was read.
func (o Observed[T]) IsKnown() bool { return o.State == Known }

// IsAbsent reports whether the thing was looked for and is not there.
func (o Observed[T]) IsAbsent() bool { return o.State == Absent }

// IsUnknown reports whether nobody knows: unread, or unreadable.
func (o Observed[T]) IsUnknown() bool { return o.State != Known && o.State != Absent }

// IsZero reports that nobody looked, so that omitzero leaves the fact out.
func (o Observed[T]) IsZero() bool { return o.State == Unread }

// WithNote returns the fact with a remark on what its value means.
func (o Observed[T]) WithNote(note string) Observed[T] { o.Note = note; return o }

type observedJSON struct {
	State     State           `json:"state"`
	Value     json.RawMessage `json:"value"`
	Source    string          `json:"source,omitempty"`
	Note      string          `json:"note,omitempty"`
	Problem   *Problem        `json:"problem,omitempty"`
	Conflicts []Conflict      `json:"conflicts,omitempty"`
}

// MarshalJSON writes value as null unless it is known.
func (o Observed[T]) MarshalJSON() ([]byte, error) {
	j := observedJSON{State: o.State, Source: o.Source, Note: o.Note, Problem: o.Problem, Conflicts: o.Conflicts, Value: json.RawMessage("null")}
	if j.State == Unread {
		j.State = "unread"
	}
	if o.State == Known {
		b, err := marshal(o.Value)
		if err != nil {
			return nil, err
		}
		j.Value = b
	}
	return marshal(j)
}

// marshal is json.Marshal without the escapes of <, > and & that only HTML
// needs; whoever encodes the whole decides about those.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// UnmarshalJSON is the inverse of MarshalJSON. It refuses a known fact without
// a value and a state it does not know, so that damaged input cannot turn into
// evidence.
func (o *Observed[T]) UnmarshalJSON(b []byte) error {
	var j observedJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*o = Observed[T]{State: j.State, Source: j.Source, Note: j.Note, Problem: j.Problem, Conflicts: j.Conflicts}
	switch j.State {
	case Known:
		if len(j.Value) == 0 || string(j.Value) == "null" {
			return fmt.Errorf("fact from %q is marked known but has no value", j.Source)
		}
		return json.Unmarshal(j.Value, &o.Value)
	case "unread":
		o.State = Unread
	case Absent:
	case Unknown:
		if j.Problem == nil {
			return fmt.Errorf("fact from %q is marked unknown but has no problem", j.Source)
		}
	default:
		return fmt.Errorf("unknown fact state %q", j.State)
	}
	return nil
}
