// Package hostjson decodes streams of facts fast.
//
// It returns exactly what report.DecodeHost does, in a small part of the time:
// facts written the way any JSON writer writes them are decoded here, in one
// pass; whatever is out of the ordinary (another schema, a report, a doubled
// or oddly spelled key, a number of another kind, an error) is left to
// report.DecodeHost, which alone decides about it.
package hostjson

import (
	"encoding/json"
	"math"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
)

// Decoder decodes the facts of one host after the other. Its zero value is
// ready; it is not safe for use by several goroutines at a time.
type Decoder struct {
	scanner
	lists lists // room that is used again for the next host
	host  facts.Host
	// Fast and Slow count the inputs decoded here and those left to
	// report.DecodeHost.
	Fast, Slow uint64
}

// Decode decodes the facts of one host, or those inside of a report. The
// result is good until the next call; a string of it that is kept for longer
// keeps the whole input in memory and is better cloned. Errors are those of
// report.DecodeHost.
func (d *Decoder) Decode(data []byte) (*facts.Host, error) {
	d.lists.reset()
	d.host = facts.Host{}
	d.load(data)
	if d.whole() {
		d.Fast++
		return &d.host, nil
	}
	d.Slow++
	return report.DecodeHost(data)
}

// whole decodes the facts and checks what report.DecodeHost checks.
func (d *Decoder) whole() bool {
	h := &d.host
	d.space()
	seen, ok := d.readHost(h)
	d.space()
	if !ok || d.i != d.end || seen&hostNeeds != hostNeeds || h.Schema < 1 || h.Schema > facts.Schema {
		return false
	}
	if h.CollectedAt != nil {
		t := h.CollectedAt.UTC()
		if y := t.Year(); y < 0 || y > 9999 {
			return false
		}
		*h.CollectedAt = t
	}
	return ordered(h.CPU.Physical) && ordered(h.Memory.Physical) && max(len(h.Running.Value), len(h.Domains.Value)) <= facts.MaxDomains
}

func ordered(o facts.Observed[facts.Range]) bool {
	return !o.IsKnown() || o.Value.Max == nil || *o.Value.Max >= o.Value.Min
}

// The functions below read a value each. They return false where the input is
// not what is usually written; it may be good all the same.

// observed reads a fact (facts.Observed.UnmarshalJSON).
func observed[T any](d *Decoder, o *facts.Observed[T], value func(*Decoder, *T) bool) bool {
	const state, val, source, note, problem, conflicts, unknown = 1, 2, 4, 8, 16, 32, 0
	seen := state | val
	at := -1 // where the value stands, when it came before the state
	switch {
	case d.is(`{"state":"known","value":`):
		o.State = facts.Known
		if d.s[d.i] == 'n' || !value(d, &o.Value) {
			return false
		}
	case d.is(`{"state":"unread","value":null}`):
		return true
	case d.is(`{"state":"absent","value":null`):
		o.State = facts.Absent
	default:
		seen = 0
		if !d.is(`{`) {
			return false
		}
	}
	if seen != 0 && d.is(`,"source":`) {
		if !text(d, &o.Source) {
			return false
		}
		seen |= source
		if d.is(`}`) {
			return true
		}
	}
	for first := seen == 0; ; first = false {
		d.space()
		if d.is(`}`) {
			break
		}
		if !first && !d.comma() {
			return false
		}
		key, ok := d.key()
		if !ok {
			return false
		}
		field := unknown
		switch key {
		case "state":
			field = state
		case "value":
			field = val
		case "source":
			field = source
		case "note":
			field = note
		case "problem":
			field = problem
		case "conflicts":
			field = conflicts
		}
		if seen&field != 0 {
			return false
		}
		seen |= field
		switch field {
		case state:
			ok = text(d, &o.State)
		case val:
			at = d.i
			ok = d.skip(0)
		case source:
			ok = text(d, &o.Source)
		case note:
			ok = text(d, &o.Note)
		case problem:
			ok = pointer(d, &o.Problem, (*Decoder).readProblem)
		case conflicts:
			ok = list(d, &d.lists.conflict, &o.Conflicts, (*Decoder).readConflict)
		default:
			ok = odd(key) && d.skip(0)
		}
		if !ok {
			return false
		}
	}
	switch o.State {
	case facts.Known:
		if seen&val == 0 {
			return false
		}
		if at < 0 {
			return true
		}
		after := d.i
		d.i = at
		if d.s[d.i] == 'n' || !value(d, &o.Value) {
			return false
		}
		d.i = after
	case "unread":
		o.State = facts.Unread
	case facts.Absent:
	case facts.Unknown:
		return o.Problem != nil
	default:
		return false
	}
	return true
}

// setting reads a setting of a configuration (facts.Setting.UnmarshalJSON).
func setting[T any](d *Decoder, s *facts.Setting[T], value func(*Decoder, *T) bool) bool {
	if d.is(`null`) {
		return true
	}
	const val, line, bad, unknown = 1, 2, 4, 0
	seen := unknown
	if !d.is(`{`) {
		return false
	}
	for first := true; ; first = false {
		d.space()
		if d.is(`}`) {
			break
		}
		if !first && !d.comma() {
			return false
		}
		key, ok := d.key()
		if !ok {
			return false
		}
		field := unknown
		switch key {
		case "value":
			field = val
			if !d.is(`null`) {
				s.Given = true
				ok = value(d, &s.Value)
			}
		case "line":
			field = line
			ok = integer(d, &s.Line)
		case "bad":
			field = bad
			ok = text(d, &s.Bad)
		default:
			ok = odd(key) && d.skip(0)
		}
		if !ok || seen&field != 0 {
			return false
		}
		seen |= field
	}
	return s.Given == (s.Bad == "")
}

// list reads a list of values, into room that is used again.
func list[T any](d *Decoder, room *slab[T], v *[]T, value func(*Decoder, *T) bool) bool {
	if d.is(`null`) {
		return true
	}
	if !d.is(`[`) {
		return false
	}
	d.space()
	if d.is(`]`) {
		*v = []T{}
		return true
	}
	start := len(room.of)
	for {
		d.space()
		var zero T
		room.of = append(room.of, zero)
		if !value(d, &room.of[len(room.of)-1]) {
			return false
		}
		d.space()
		switch d.s[d.i] {
		case ',':
			d.i++
		case ']':
			d.i++
			*v = room.of[start:len(room.of):len(room.of)]
			return true
		default:
			return false
		}
	}
}

// slab is room for lists of one type. A list that is still being read is at
// its end.
type slab[T any] struct{ of []T }

func (s *slab[T]) reset() {
	clear(s.of)
	s.of = s.of[:0]
	if cap(s.of) > 1<<12 {
		s.of = nil // one enormous host does not set the measure for all
	}
}

// pointer reads a value that may be missing.
func pointer[T any](d *Decoder, v **T, value func(*Decoder, *T) bool) bool {
	if d.is(`null`) {
		return true
	}
	p := new(T)
	if !value(d, p) {
		return false
	}
	*v = p
	return true
}

// texts reads a map of strings.
func texts(d *Decoder, v *map[string]string) bool {
	if d.is(`null`) {
		return true
	}
	if !d.is(`{`) {
		return false
	}
	m := map[string]string{}
	for first := true; ; first = false {
		d.space()
		if d.is(`}`) {
			*v = m
			return true
		}
		if !first && !d.comma() {
			return false
		}
		var key, value string
		if !text(d, &key) {
			return false
		}
		d.space()
		if !d.is(`:`) {
			return false
		}
		d.space()
		if !text(d, &value) {
			return false
		}
		m[key] = value
	}
}

// moment reads a time.
func moment(d *Decoder, v *time.Time) bool {
	start := d.i
	if d.s[start] != '"' || !d.skip(0) {
		return false
	}
	return v.UnmarshalJSON([]byte(d.s[start:d.i])) == nil
}

// text reads a string.
func text[T ~string](d *Decoder, v *T) bool {
	s, plain, ok := d.str()
	if !ok {
		return false
	}
	if !plain {
		var unescaped string
		if json.Unmarshal([]byte(s), &unescaped) != nil {
			return false
		}
		s = unescaped
	}
	*v = T(s)
	return true
}

// truth reads true or false.
func truth(d *Decoder, v *bool) bool {
	*v = d.is(`true`)
	return *v || d.is(`false`)
}

// integer reads a whole number.
func integer(d *Decoder, v *int) bool {
	minus := d.is(`-`)
	var n uint64
	if !natural(d, &n) || n > math.MaxInt64 {
		return false
	}
	if minus {
		*v = -int(n)
		return int64(*v) == -int64(n)
	}
	*v = int(n)
	return int64(*v) == int64(n) // an int may have 32 bits
}

// natural reads a whole number that is not negative. Numbers of more than 19
// digits are left to others.
func natural(d *Decoder, v *uint64) bool {
	start := d.i
	var n uint64
	for c := d.s[d.i]; c >= '0' && c <= '9'; c = d.s[d.i] {
		n = n*10 + uint64(c-'0')
		d.i++
	}
	*v = n
	digits := d.i - start
	c := d.s[d.i]
	return digits > 0 && digits <= 19 && (digits == 1 || d.s[start] != '0') && c != '.' && c != 'e' && c != 'E'
}
