package report

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/xencheck/xencheck/rules"
)

// Lines appends the lines of many reports, byte for byte those of
// [AppendLine], in a small part of the time. Nearly all of a report is
// findings, and nearly all of those are word for word what was found of an
// earlier host: what these were encoded to is remembered, and copied. The zero
// Lines is ready, and may be used by many goroutines.
type Lines struct {
	mu sync.RWMutex // also held, for reading, while a line is made
	// recent holds findings by fingerprint; when it is full it becomes older,
	// and what is met again there is taken over.
	recent, older map[uint64]*encoded
}

// encoded is a finding with its JSON.
type encoded struct {
	rules.Finding
	json []byte
}

// mostRecent bounds what is remembered: together twice as many findings, of
// about 1 KB each.
const mostRecent = 1 << 14

// Append appends the line of a report or a comparison. Of what cannot be
// encoded nothing is appended.
func (l *Lines) Append(dst []byte, v any) ([]byte, error) {
	var write appender
	switch v.(type) {
	case *Report:
		write = appenders().report
	case *Comparison:
		write = appenders().comparison
	default:
		return AppendLine(dst, v)
	}
	a := line{memory: l}
	l.mu.RLock()
	out, err := write(&a, dst, reflect.ValueOf(v))
	l.mu.RUnlock()
	if err != nil {
		return dst, fmt.Errorf("encode report: %w", err)
	}
	l.remember(a.met)
	return append(out, '\n'), nil
}

// remember adds what was met while a line was made.
func (l *Lines) remember(met []*encoded) {
	if len(met) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range met {
		if l.recent == nil || len(l.recent) >= mostRecent {
			l.recent, l.older = make(map[uint64]*encoded, mostRecent), l.recent
		}
		l.recent[fingerprint(&e.Finding)] = e
	}
}

// line is one line in the making.
type line struct {
	memory *Lines
	met    []*encoded // to be remembered
}

// finding appends a finding, by copying where an equal one is remembered.
func (a *line) finding(write appender, dst []byte, v reflect.Value) ([]byte, error) {
	f := v.Addr().Interface().(*rules.Finding)
	print := fingerprint(f)
	if e := a.memory.recent[print]; e != nil && same(&e.Finding, f) {
		return append(dst, e.json...), nil
	}
	if e := a.memory.older[print]; e != nil && same(&e.Finding, f) {
		a.met = append(a.met, e)
		return append(dst, e.json...), nil
	}
	from := len(dst)
	dst, err := write(a, dst, v)
	if err == nil {
		a.met = append(a.met, &encoded{keep(*f), bytes.Clone(dst[from:])})
	}
	return dst, err
}

var seed = maphash.MakeSeed()

// fingerprint is the same for equal findings, and seldom for others.
func fingerprint(f *rules.Finding) uint64 {
	h := uint64(f.Line)
	add := func(s string) { h = h*0x9e3779b97f4a7c15 ^ maphash.String(seed, s) }
	if f.Row != nil {
		h += uint64(f.Row.Line) << 32
		add(f.Row.Release)
	}
	add(f.Title)
	add(f.Why)
	add(f.Domain)
	for i := range f.Seen {
		add(f.Seen[i].Value)
		add(f.Seen[i].Source)
	}
	return h
}

// same reports whether two findings are equal in every field. Those of one row
// point to one [rules.Ref], those that are waived to one [rules.Waiver].
func same(a, b *rules.Finding) bool {
	return a.Rule == b.Rule && a.Row == b.Row && a.Title == b.Title && a.Outcome == b.Outcome &&
		a.Stated == b.Stated && a.Level == b.Level && a.Condition == b.Condition && a.Applies == b.Applies && a.InUse == b.InUse &&
		slices.Equal(a.For, b.For) && slices.Equal(a.Seen, b.Seen) && a.Why == b.Why && a.Do == b.Do &&
		slices.Equal(a.Lacks, b.Lacks) && slices.Equal(a.Notes, b.Notes) && a.Needs == b.Needs &&
		a.Domain == b.Domain && a.Line == b.Line && a.Waived == b.Waived
}

// keep returns a finding that shares nothing with the facts it was found by,
// which hold on to the whole record they were read from.
func keep(f rules.Finding) rules.Finding {
	words := func(list []string) []string {
		list = slices.Clone(list)
		for i := range list {
			list[i] = strings.Clone(list[i])
		}
		return list
	}
	f.Title, f.Why, f.Do, f.Domain = strings.Clone(f.Title), strings.Clone(f.Why), strings.Clone(f.Do), strings.Clone(f.Domain)
	f.For, f.Lacks, f.Notes, f.Seen = slices.Clone(f.For), words(f.Lacks), words(f.Notes), slices.Clone(f.Seen)
	for i := range f.Seen {
		s := &f.Seen[i]
		s.What, s.Value, s.Source, s.Cause = strings.Clone(s.What), strings.Clone(s.Value), strings.Clone(s.Source), strings.Clone(s.Cause)
	}
	return f
}
