package report

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// An appender appends the JSON of values of one type, exactly as [AppendLine]
// does. What there is to know of the type was found out when it was made. It
// wants values that are addressable.
type appender func(*line, []byte, reflect.Value) ([]byte, error)

// appenders returns those of whole objects.
var appenders = sync.OnceValue(func() (a struct{ report, comparison appender }) {
	m := maker{}
	a.report, a.comparison = m.of(reflect.TypeFor[*Report]()), m.of(reflect.TypeFor[*Comparison]())
	return a
})

// maker makes the appender of each type once.
type maker map[reflect.Type]*appender

func (m maker) of(t reflect.Type) appender {
	w := m[t]
	if w == nil {
		w = new(appender)
		m[t] = w
		*w = m.make(t)
	}
	if *w == nil { // t holds itself, and is being made
		return func(a *line, dst []byte, v reflect.Value) ([]byte, error) { return (*w)(a, dst, v) }
	}
	return *w
}

func (m maker) make(t reflect.Type) appender {
	p := reflect.PointerTo(t)
	switch {
	case t == reflect.TypeFor[time.Time]():
		return appendTime
	case t == reflect.TypeFor[rules.Finding]():
		write := m.object(t)
		return func(a *line, dst []byte, v reflect.Value) ([]byte, error) { return a.finding(write, dst, v) }
	case ofFacts(t, "Observed"):
		return m.observed(t)
	case ofFacts(t, "Setting"):
		return m.setting(t)
	case p.Implements(reflect.TypeFor[json.Marshaler]()), p.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return appendOther
	}
	switch t.Kind() {
	case reflect.String:
		return func(_ *line, dst []byte, v reflect.Value) ([]byte, error) { return appendString(dst, v.String()), nil }
	case reflect.Bool:
		return func(_ *line, dst []byte, v reflect.Value) ([]byte, error) {
			return strconv.AppendBool(dst, v.Bool()), nil
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(_ *line, dst []byte, v reflect.Value) ([]byte, error) {
			return strconv.AppendInt(dst, v.Int(), 10), nil
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(_ *line, dst []byte, v reflect.Value) ([]byte, error) {
			return strconv.AppendUint(dst, v.Uint(), 10), nil
		}
	case reflect.Struct:
		return m.object(t)
	case reflect.Pointer:
		return m.pointer(t)
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 { // bytes are written in base64
			return m.list(t)
		}
	case reflect.Map:
		if t == reflect.TypeFor[map[string]int]() || t == reflect.TypeFor[map[string]string]() {
			return m.table(t)
		}
	}
	return appendOther
}

// ofFacts reports whether a type is one of the generic types of package facts.
func ofFacts(t reflect.Type, name string) bool {
	return t.PkgPath() == reflect.TypeFor[facts.Host]().PkgPath() && strings.HasPrefix(t.Name(), name+"[")
}

// member is a field of an object.
type member struct {
	index []int
	start string // its name, as in JSON, with the colon
	leave func(reflect.Value) bool
	write appender
}

// object writes structs by their tags, embedded ones in their place.
func (m maker) object(t reflect.Type) appender {
	members, ok := m.members(nil, nil, t)
	if !ok {
		return appendOther
	}
	return func(a *line, dst []byte, v reflect.Value) (_ []byte, err error) {
		start := byte('{')
		for i := range members {
			f := &members[i]
			value := v.Field(f.index[0])
			for _, k := range f.index[1:] {
				value = value.Field(k)
			}
			if f.leave != nil && f.leave(value) {
				continue
			}
			dst = append(append(dst, start), f.start...)
			if dst, err = f.write(a, dst, value); err != nil {
				return dst, err
			}
			start = ','
		}
		if start == '{' {
			dst = append(dst, '{')
		}
		return append(dst, '}'), nil
	}
}

// members adds the fields of a struct. It reports false where their tags, or
// names that stand there twice, ask for more than is done here.
func (m maker) members(out []member, index []int, t reflect.Type) ([]member, bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		at := append(slices.Clone(index), i)
		switch {
		case name == "-" && options == "" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "":
			if f.Type.Kind() != reflect.Struct {
				return nil, false
			}
			var ok bool
			if out, ok = m.members(out, at, f.Type); !ok {
				return nil, false
			}
			continue
		case name == "":
			name = f.Name
		}
		one := member{index: at, start: string(appendString(nil, name)) + ":", write: m.of(f.Type)}
		switch options {
		case "":
		case "omitempty":
			one.leave = empty(f.Type)
		case "omitzero":
			one.leave = zero(f.Type)
		default:
			return nil, false
		}
		if slices.ContainsFunc(out, func(other member) bool { return other.start == one.start }) {
			return nil, false
		}
		out = append(out, one)
	}
	return out, true
}

// empty returns what omitempty means for a type.
func empty(t reflect.Type) func(reflect.Value) bool {
	switch t.Kind() {
	case reflect.String, reflect.Slice, reflect.Map, reflect.Array:
		return func(v reflect.Value) bool { return v.Len() == 0 }
	case reflect.Struct:
		return nil
	}
	return reflect.Value.IsZero
}

// zero returns what omitzero means for a type.
func zero(t reflect.Type) func(reflect.Value) bool {
	type zeroer interface{ IsZero() bool }
	switch {
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(reflect.TypeFor[zeroer]()):
		return func(v reflect.Value) bool { return v.Addr().Interface().(zeroer).IsZero() }
	case t.Implements(reflect.TypeFor[zeroer]()):
		return func(v reflect.Value) bool { return v.IsNil() || v.Interface().(zeroer).IsZero() }
	}
	return reflect.Value.IsZero
}

func (m maker) pointer(t reflect.Type) appender {
	write := m.of(t.Elem())
	return func(a *line, dst []byte, v reflect.Value) ([]byte, error) {
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return write(a, dst, v.Elem())
	}
}

func (m maker) list(t reflect.Type) appender {
	write := m.of(t.Elem())
	return func(a *line, dst []byte, v reflect.Value) (_ []byte, err error) {
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = write(a, dst, v.Index(i)); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
}

// table writes maps of words and of numbers, sorted by key.
func (m maker) table(t reflect.Type) appender {
	write := m.of(t.Elem())
	return func(a *line, dst []byte, v reflect.Value) (_ []byte, err error) {
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		start := byte('{')
		for _, k := range keys {
			dst = append(appendString(append(dst, start), k.String()), ':')
			if dst, err = write(a, dst, v.MapIndex(k)); err != nil {
				return dst, err
			}
			start = ','
		}
		if start == '{' {
			dst = append(dst, '{')
		}
		return append(dst, '}'), nil
	}
}

// observed writes facts (facts.Observed.MarshalJSON).
func (m maker) observed(t reflect.Type) appender {
	field := func(name string) (int, appender) {
		f, _ := t.FieldByName(name)
		return f.Index[0], m.of(f.Type)
	}
	state, _ := field("State")
	value, writeValue := field("Value")
	source, _ := field("Source")
	note, _ := field("Note")
	problem, writeProblem := field("Problem")
	conflicts, writeConflicts := field("Conflicts")
	return func(a *line, dst []byte, v reflect.Value) (_ []byte, err error) {
		s := facts.State(v.Field(state).String())
		word := s
		if s == facts.Unread {
			word = "unread"
		}
		dst = append(appendString(append(dst, `{"state":`...), string(word)), `,"value":`...)
		if s != facts.Known {
			dst = append(dst, "null"...)
		} else if dst, err = writeValue(a, dst, v.Field(value)); err != nil {
			return dst, err
		}
		if s := v.Field(source).String(); s != "" {
			dst = appendString(append(dst, `,"source":`...), s)
		}
		if s := v.Field(note).String(); s != "" {
			dst = appendString(append(dst, `,"note":`...), s)
		}
		if p := v.Field(problem); !p.IsNil() {
			if dst, err = writeProblem(a, append(dst, `,"problem":`...), p); err != nil {
				return dst, err
			}
		}
		if c := v.Field(conflicts); c.Len() > 0 {
			if dst, err = writeConflicts(a, append(dst, `,"conflicts":`...), c); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	}
}

// setting writes settings of domains (facts.Setting.MarshalJSON).
func (m maker) setting(t reflect.Type) appender {
	f, _ := t.FieldByName("Value")
	write := m.of(f.Type)
	return func(a *line, dst []byte, v reflect.Value) (_ []byte, err error) {
		given, bad := v.FieldByName("Given").Bool(), v.FieldByName("Bad").String()
		if !given && bad == "" {
			return append(dst, "null"...), nil
		}
		dst = append(dst, `{"value":`...)
		if !given {
			dst = append(dst, "null"...)
		} else if dst, err = write(a, dst, v.FieldByIndex(f.Index)); err != nil {
			return dst, err
		}
		if line := v.FieldByName("Line").Int(); line != 0 {
			dst = strconv.AppendInt(append(dst, `,"line":`...), line, 10)
		}
		if !given {
			dst = appendString(append(dst, `,"bad":`...), bad)
		}
		return append(dst, '}'), nil
	}
}

func appendTime(_ *line, dst []byte, v reflect.Value) ([]byte, error) {
	dst, err := v.Addr().Interface().(*time.Time).AppendText(append(dst, '"'))
	return append(dst, '"'), err
}

// appendOther leaves a value to the library.
func appendOther(_ *line, dst []byte, v reflect.Value) ([]byte, error) {
	line, err := AppendLine(nil, v.Interface())
	return append(dst, bytes.TrimSuffix(line, []byte{'\n'})...), err
}

// appendString appends a string in quotes. What no terminal should get to see
// raw is escaped, see [escapeControls].
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		r, n := rune(c), 1
		if c >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		raw := r > 0x9f && r != '\u2028' && r != '\u2029' && (r != utf8.RuneError || n > 1)
		if !raw {
			dst = append(dst, s[done:i]...)
			done = i + n
			if e := strings.IndexByte("\"\\\b\f\n\r\t", c); e >= 0 && n == 1 {
				dst = append(dst, '\\', `"\bfnrt`[e])
			} else {
				dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
			}
		}
		i += n
	}
	return append(append(dst, s[done:]...), '"')
}

// plain is true for the bytes that stand for themselves in a string.
var plain = func() (p [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		p[c] = c != '"' && c != '\\'
	}
	return p
}()
