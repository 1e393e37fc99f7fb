package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// MaxInput bounds the JSON that is read: the facts of 4096 CPUs are below 1 MiB.
const MaxInput = 64 << 20

// maxObjects bounds how many objects one input may hold.
const maxObjects = 100_000

// ErrNewer is returned for an object of a schema this version does not know.
var ErrNewer = errors.New("written by a newer xencheck; use that one or a newer one")

// object is as much of a JSON object as tells what it is. The facts of a host
// carry no kind.
type object struct {
	Kind    string          `json:"kind"`
	Schema  *int            `json:"schema"`
	Machine json.RawMessage `json:"machine"`
}

// Split cuts an input into its JSON objects: one, or a stream of several with
// nothing but white space between them. What is no JSON is an error that names
// the line. Editors put a byte order mark before it, which is passed over.
func Split(data []byte) ([][]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if len(data) > MaxInput {
		return nil, fmt.Errorf("larger than %s", rules.Size(MaxInput))
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("empty: expected facts or a report of xencheck in JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	var out [][]byte
	for {
		start := dec.InputOffset()
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, syntaxError(data, start, err)
		}
		if raw[0] != '{' {
			return nil, LineError{lineAt(data, dec.InputOffset()-int64(len(raw))), errors.New("expected a JSON object")}
		}
		if len(out) == maxObjects {
			return nil, fmt.Errorf("more than %d objects", maxObjects)
		}
		out = append(out, raw)
	}
}

// LineError is an error at a line of an input, counted from 1.
type LineError struct {
	Line int
	Err  error
}

// Error returns "LINE: reason", to follow a file name.
func (e LineError) Error() string { return strconv.Itoa(e.Line) + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e LineError) Unwrap() error { return e.Err }

// lineAt returns the line of an offset.
func lineAt(data []byte, offset int64) int {
	offset = min(max(offset, 0), int64(len(data)))
	return 1 + bytes.Count(data[:offset], []byte("\n"))
}

// syntaxError puts the line before what encoding/json says, which tells offsets
// only.
func syntaxError(data []byte, start int64, err error) error {
	var s *json.SyntaxError
	switch {
	case errors.As(err, &s):
		// The offset counts from the start of the stream.
		return LineError{lineAt(data, s.Offset), fmt.Errorf("not JSON: %s", strings.TrimPrefix(s.Error(), "json: "))}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return LineError{lineAt(data, int64(len(data))), errors.New("ends in the middle of a JSON object")}
	}
	return LineError{lineAt(data, start), err}
}

// DecodeHost reads the facts of a host: as xencheck collect writes them, or
// out of a report. Fields it does not know are passed over.
func DecodeHost(data []byte) (*facts.Host, error) {
	var o object
	if err := unmarshal(data, &o); err != nil {
		return nil, err
	}
	switch o.Kind {
	case KindReport:
		r, err := Decode(data)
		if err != nil {
			return nil, err
		}
		return r.Host, nil
	case KindComparison:
		c, err := DecodeComparison(data)
		if err != nil {
			return nil, err
		}
		return c.Host, nil
	case KindDomains:
		d, err := DecodeDomains(data)
		if err != nil {
			return nil, err
		}
		return d.Host, nil
	case KindError:
		var b BadRecord
		if err := unmarshal(data, &b); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("no host, but what an earlier run found wrong with %q: %s", b.File, b.Error)
	case "":
	default:
		return nil, fmt.Errorf("neither facts nor a report: kind is %q", o.Kind)
	}
	if o.Schema == nil || o.Machine == nil {
		if name, ok := envelope(data); ok {
			return nil, fmt.Errorf("neither facts nor a report, but an envelope: take what is in its member %q out of it first, as jq -r does", Clean(name))
		}
		return nil, errors.New("neither facts nor a report: no \"schema\" or no \"machine\"")
	}
	if err := newer(*o.Schema, facts.Schema, "facts"); err != nil {
		return nil, err
	}
	var h facts.Host
	if err := unmarshal(data, &h); err != nil {
		return nil, err
	}
	return &h, checkHost(&h)
}

// envelope returns the first member of an object that holds facts or a report,
// as an object or as text: what carries logs, and what runs commands elsewhere,
// wraps them so.
func envelope(data []byte) (member string, ok bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return "", false
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		inner := []byte(members[name])
		var text string
		if json.Unmarshal(inner, &text) == nil {
			inner = []byte(text)
		}
		var o object
		if json.Unmarshal(inner, &o) == nil && o.Schema != nil && (o.Machine != nil || o.Kind != "") {
			return name, true
		}
	}
	return "", false
}

// Decode reads a report. It refuses one whose parts contradict each other, so
// that damaged input cannot turn into an answer.
func Decode(data []byte) (*Report, error) {
	o, err := kindOf(data, KindReport)
	if err != nil {
		return nil, err
	}
	if err := newer(*o.Schema, Schema, "report"); err != nil {
		return nil, err
	}
	var r Report
	if err := unmarshal(data, &r); err != nil {
		return nil, err
	}
	if err := checkJudged(r.Host); err != nil {
		return nil, err
	}
	if r.At, err = day(r.At); err != nil {
		return nil, err
	}
	return &r, r.check()
}

// Kind tells what an object is, without reading it in full: [KindReport],
// [KindComparison], [KindDomains], or empty for facts.
func Kind(data []byte) string {
	var o object
	_ = json.Unmarshal(data, &o) // what is wrong with it is for the reader of that kind to say
	return o.Kind
}

// kindOf refuses an object of another kind and says what it is.
func kindOf(data []byte, want string) (object, error) {
	var o object
	if err := unmarshal(data, &o); err != nil {
		return o, err
	}
	switch {
	case o.Kind == want && o.Schema != nil:
		return o, nil
	case o.Kind == "" && o.Machine != nil:
		return o, errors.New("these are facts, not a report; judge them with xencheck evaluate")
	case o.Kind == want:
		return o, errors.New("schema: missing")
	}
	return o, fmt.Errorf("not a report of xencheck: kind is %q", o.Kind)
}

// newer refuses a schema that this version does not know: fields may have
// changed their meaning.
func newer(got, known int, what string) error {
	switch {
	case got > known:
		return fmt.Errorf("schema %d of the %s, but only %d is known here: %w", got, what, known, ErrNewer)
	case got < 1:
		return fmt.Errorf("schema %d: there is no such schema of the %s", got, what)
	}
	return nil
}

// day brings a judging date to UTC and refuses one that RFC 3339 cannot write.
func day(t time.Time) (time.Time, error) {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return t, errors.New("at: year out of range")
	}
	return t, nil
}

// checkJudged is checkHost for the host inside another object.
func checkJudged(h *facts.Host) error {
	if h == nil {
		return errors.New("host: missing")
	}
	if err := newer(h.Schema, facts.Schema, "facts"); err != nil {
		return fmt.Errorf("host: %w", err)
	}
	if err := checkHost(h); err != nil {
		return fmt.Errorf("host: %w", err)
	}
	return nil
}

// checkHost refuses what no collector writes and a rule would trip over.
func checkHost(h *facts.Host) error {
	if t := h.CollectedAt; t != nil {
		u, err := day(*t)
		if err != nil {
			return errors.New("collected_at: year out of range")
		}
		h.CollectedAt = &u
	}
	if r, ok := h.CPU.Physical.Get(); ok && r.Max != nil && *r.Max < r.Min {
		return errors.New("cpu.physical: max is less than min")
	}
	if r, ok := h.Memory.Physical.Get(); ok && r.Max != nil && *r.Max < r.Min {
		return errors.New("memory.physical: max is less than min")
	}
	if n := len(h.Running.Value); n > facts.MaxDomains {
		return fmt.Errorf("running: %d domains, more than the %d that facts hold at most", n, facts.MaxDomains)
	}
	if n := len(h.Domains.Value); n > facts.MaxDomains {
		return fmt.Errorf("domains: %d of them, more than the %d that facts hold at most", n, facts.MaxDomains)
	}
	return nil
}

// check refuses words nobody knows, indices that point nowhere, and an exit code
// that the answers contradict.
func (r *Report) check() error {
	if err := checkAnswers(append([]rules.Answer{r.Overall}, r.Answers...), len(r.Findings)); err != nil {
		return err
	}
	if err := checkFindings(r.Findings); err != nil {
		return err
	}
	if err := checkDomains(r.Domains); err != nil {
		return err
	}
	if err := checkWaivers(r.Waivers, r.Findings, r.Domains); err != nil {
		return err
	}
	if !slices.Contains(Thresholds(), r.FailOn) {
		return fmt.Errorf("fail_on: unknown threshold %q", r.FailOn)
	}
	if want := r.exit(); r.ExitCode != want {
		return fmt.Errorf("exit_code: %d does not follow from the answers, which come to %d", r.ExitCode, want)
	}
	return nil
}

// outcomes lists every outcome.
func outcomes() []rules.Outcome {
	return []rules.Outcome{rules.Judged, rules.NotStated, rules.Outside, rules.Unknown, rules.NotApplicable, rules.NotEvaluated, rules.NotVisible}
}

// checkFindings refuses outcomes nobody knows.
func checkFindings(fs []rules.Finding) error {
	for i, f := range fs {
		if !slices.Contains(outcomes(), f.Outcome) {
			return fmt.Errorf("findings[%d].outcome: unknown outcome %q", i, f.Outcome)
		}
	}
	return nil
}

// checkDomains is checkAnswers for the verdicts on domains.
func checkDomains(ds []rules.DomainVerdict) error {
	for i, d := range ds {
		if !slices.Contains(grades(), d.Grade) {
			return fmt.Errorf("domains[%d]: unknown grade %q", i, d.Grade)
		}
		if d.Level == (support.Level{}) {
			return fmt.Errorf("domains[%d]: level is missing", i)
		}
		if err := checkCounted(d.Grade, d.Counted); err != nil {
			return fmt.Errorf("domains[%d].%w", i, err)
		}
		for _, k := range d.Because {
			if k < 0 || k >= len(d.Findings) {
				return fmt.Errorf("domains[%d]: there is no finding %d", i, k)
			}
		}
		if err := checkFindings(d.Findings); err != nil {
			return fmt.Errorf("domains[%d].%w", i, err)
		}
	}
	return nil
}

// checkState refuses a state that no waiver is in.
func checkState(s rules.WaiverState) error {
	if s != rules.WaiverUsed && s != rules.WaiverUnused && s != rules.WaiverExpired {
		return fmt.Errorf("state: unknown state %q", s)
	}
	return nil
}

// checkWaivers refuses a finding that is waived by nobody: what is set aside
// must be named.
func checkWaivers(ws []rules.WaiverUse, host []rules.Finding, ds []rules.DomainVerdict) error {
	known := map[rules.Waiver]bool{}
	for i, w := range ws {
		if err := checkState(w.State); err != nil {
			return fmt.Errorf("waivers[%d].%w", i, err)
		}
		if w.State == rules.WaiverUsed {
			known[w.Waiver] = true
		}
	}
	check := func(fs []rules.Finding) error {
		for i, f := range fs {
			if f.Waived != nil && !known[*f.Waived] {
				return fmt.Errorf("findings[%d].waived: no such waiver in use", i)
			}
		}
		return nil
	}
	if err := check(host); err != nil {
		return err
	}
	for i, d := range ds {
		if err := check(d.Findings); err != nil {
			return fmt.Errorf("domains[%d].%w", i, err)
		}
	}
	return nil
}

// checkCounted refuses a verdict without its waived findings that is worse than
// the one with them.
func checkCounted(g rules.Grade, c *rules.Counted) error {
	switch {
	case c == nil:
	case !slices.Contains(grades(), c.Grade):
		return fmt.Errorf("counted: unknown grade %q", c.Grade)
	case c.Grade != g && c.Grade.AtLeast(g):
		return fmt.Errorf("counted: %q is worse than the grade %q itself", c.Grade, g)
	}
	return nil
}

// grades lists every grade.
func grades() []rules.Grade {
	return []rules.Grade{
		rules.GradeSupported, rules.GradeSecurityOnly, rules.GradeExternal, rules.GradeConditional,
		rules.GradeNotSecurity, rules.GradeOutside, rules.GradeUnknown,
	}
}

// checkAnswers refuses grades nobody knows and reasons that are not there.
func checkAnswers(answers []rules.Answer, findings int) error {
	for _, a := range answers {
		if !slices.Contains(grades(), a.Grade) {
			return fmt.Errorf("answer for %q: unknown grade %q", a.Intent, a.Grade)
		}
		if a.Level == (support.Level{}) {
			return fmt.Errorf("answer for %q: level is missing", a.Intent)
		}
		if err := checkCounted(a.Grade, a.Counted); err != nil {
			return fmt.Errorf("answer for %q: %w", a.Intent, err)
		}
		for _, i := range a.Because {
			if i < 0 || i >= findings {
				return fmt.Errorf("answer for %q: there is no finding %d", a.Intent, i)
			}
		}
	}
	return nil
}

// unmarshal is json.Unmarshal with an error that names the field.
func unmarshal(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return syntaxError(data, 0, err)
	}
	path, cause := locate(data, reflect.TypeOf(v).Elem(), err)
	var typed *json.UnmarshalTypeError
	if errors.As(cause, &typed) {
		cause = fmt.Errorf("expected %s, found %s", kindWords(typed.Type), typed.Value)
	}
	if path == "" {
		return cause
	}
	return fmt.Errorf("%s: %w", path, cause)
}

// locate finds the innermost field that a value of type t refuses. Facts
// decode themselves, and the errors of such types tell no path.
func locate(data []byte, t reflect.Type, err error) (path string, cause error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	try := func(name string, raw json.RawMessage, ft reflect.Type) bool {
		if e := json.Unmarshal(raw, reflect.New(ft).Interface()); e != nil {
			path, cause = locate(raw, ft, e)
			if path != "" && path[0] != '[' {
				path = "." + path
			}
			path = name + path
			return true
		}
		return false
	}
	switch t.Kind() {
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return "", fmt.Errorf("expected a time such as 2026-11-21T13:14:15Z, found %s", Clean(string(data[:min(len(data), 40)])))
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(data, &fields) != nil {
			return "", err
		}
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				name = strings.ToLower(f.Name) // of an Observed, which has no tags
			}
			raw, ok := fields[name]
			if !ok || f.Anonymous || string(raw) == "null" {
				continue
			}
			if try(name, raw, f.Type) {
				return path, cause
			}
		}
	case reflect.Slice:
		var items []json.RawMessage
		if json.Unmarshal(data, &items) != nil {
			return "", err
		}
		for i, raw := range items {
			name := "[" + strconv.Itoa(i) + "]"
			if try(name, raw, t.Elem()) {
				return path, cause
			}
		}
	}
	return "", err
}

// kindWords says in JSON's words what a Go type expects.
func kindWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Uint, reflect.Uint64, reflect.Uint32:
		return "a whole number, not negative"
	}
	return "a whole number"
}
