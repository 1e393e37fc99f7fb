package report

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"strconv"
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
	// When recent is full it becomes older; what is met again there is taken
	// over.
	recent, older map[content][]byte
}

// content is a finding but for what comes last in its JSON: the domain, its line
// and a waiver. What row points to never changes.
type content struct {
	row  *rules.Ref
	rest string // see appendContent
}

// mostRecent bounds what is remembered: together twice as many findings, of
// about 1 KB each.
const mostRecent = 1 << 13

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
	out, err := l.write(&a, dst, reflect.ValueOf(v), write)
	if err != nil {
		return dst, fmt.Errorf("encode report: %w", err)
	}
	l.remember(a.met)
	return append(out, '\n'), nil
}

// write makes a line while nothing is added to what is remembered.
func (l *Lines) write(a *line, dst []byte, v reflect.Value, write appender) ([]byte, error) {
	l.mu.RLock()
	defer l.mu.RUnlock() // also after a panic: others go on
	return write(a, dst, v)
}

// remember adds what was met while a line was made.
func (l *Lines) remember(met []encoded) {
	if len(met) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range met {
		if l.recent == nil || len(l.recent) >= mostRecent {
			l.recent, l.older = map[content][]byte{}, l.recent
		}
		l.recent[e.content] = e.json
	}
}

// encoded is the content of a finding with its JSON, which lacks the end.
type encoded struct {
	content
	json []byte
}

// line is one line in the making.
type line struct {
	memory *Lines
	met    []encoded // to be remembered
	rest   []byte    // of the present finding
}

// finding appends a finding, by copying where its content is remembered.
func (a *line) finding(write appender, dst []byte, v reflect.Value) ([]byte, error) {
	f := v.Addr().Interface().(*rules.Finding)
	if f.Waived != nil {
		return write(a, dst, v)
	}
	a.rest = appendContent(a.rest[:0], f)
	json := a.memory.recent[content{f.Row, string(a.rest)}]
	if json == nil {
		var err error
		if json, err = a.meet(write, f); err != nil {
			return dst, err
		}
	}
	dst = append(dst, json...)
	if f.Domain != "" {
		dst = appendString(append(dst, `,"domain":`...), f.Domain)
	}
	if f.Line != 0 {
		dst = strconv.AppendInt(append(dst, `,"line":`...), int64(f.Line), 10)
	}
	return append(dst, '}'), nil
}

// meet encodes what is not remembered, or only just.
func (a *line) meet(write appender, f *rules.Finding) ([]byte, error) {
	key := content{f.Row, string(a.rest)}
	json := a.memory.older[key]
	if json == nil {
		c := *f
		c.Domain, c.Line = "", 0
		b, err := write(a, nil, reflect.ValueOf(&c).Elem())
		if err != nil {
			return nil, err
		}
		json = bytes.Clone(b[:len(b)-1])
	}
	a.met = append(a.met, encoded{key, json})
	return json, nil
}

// appendContent appends every field of a content but its row, each so that one
// can see where it ends.
func appendContent(k []byte, f *rules.Finding) []byte {
	for _, s := range [...]string{
		f.Rule, f.Title, string(f.Outcome), string(f.Stated.Functional), string(f.Stated.Security), string(f.Level.Functional), string(f.Level.Security),
		string(f.Condition), string(f.Applies), string(f.InUse), f.Why, f.Do, f.Needs,
	} {
		k = appendText(k, s)
	}
	k = appendTexts(appendTexts(appendTexts(k, f.For), f.Lacks), f.Notes)
	k = binary.AppendUvarint(k, uint64(len(f.Seen)))
	for i := range f.Seen {
		s := &f.Seen[i]
		k = appendText(appendText(appendText(appendText(k, s.What), s.Value), s.Source), s.Cause)
		k = binary.AppendVarint(k, int64(s.Line))
	}
	return k
}

func appendTexts(k []byte, list []string) []byte {
	k = binary.AppendUvarint(k, uint64(len(list)))
	for _, s := range list {
		k = appendText(k, s)
	}
	return k
}

func appendText(k []byte, s string) []byte {
	return append(binary.AppendUvarint(k, uint64(len(s))), s...)
}
