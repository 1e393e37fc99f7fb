package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// document is the form of a file. What may be left out is a pointer or a list.
type document struct {
	Xen     *string  `toml:"xen"`
	For     []string `toml:"for"`
	FailOn  *string  `toml:"fail-on"`
	XenArch *string  `toml:"xen-arch"`
	Gate    struct {
		Mode     *string  `toml:"mode"`
		Packages []string `toml:"packages"`
	} `toml:"gate"`
	Waiver []waiver `toml:"waiver"`
}

// waiver is one [[waiver]].
type waiver struct {
	Rule    string `toml:"rule"`
	Row     string `toml:"row"`
	Reason  string `toml:"reason"`
	Owner   string `toml:"owner"`
	Expires any    `toml:"expires"` // a TOML date, or text
}

// decode reads TOML and remembers in which line each key stands.
func decode(name string, text []byte) (*document, lines, error) {
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var doc document
	if err := d.Decode(&doc); err != nil {
		return nil, nil, explain(name, err)
	}
	where := linesOf(text)
	if key := misspelt(text); key != "" {
		return nil, nil, &Error{name, where.of(key, 0), fmt.Errorf("unknown setting %q; settings are written in small letters", key)}
	}
	return &doc, where, nil
}

// misspelt returns a key of a document that has capital letters, empty when
// there is none: TOML tells Xen from xen, and the library does not.
func misspelt(text []byte) string {
	var doc map[string]any
	if err := toml.Unmarshal(text, &doc); err != nil {
		return ""
	}
	var walk func(prefix string, v any) string
	walk = func(prefix string, v any) string {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				if key != strings.ToLower(key) {
					return prefix + key
				}
				if wrong := walk(prefix+key+".", v[key]); wrong != "" {
					return wrong
				}
			}
		case []any:
			for _, item := range v {
				if wrong := walk(prefix, item); wrong != "" {
					return wrong
				}
			}
		}
		return ""
	}
	return walk("", doc)
}

// explain turns an error of the library into one line with a place.
func explain(name string, err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		e := &unknown.Errors[0]
		line, _ := e.Position()
		return &Error{name, line, fmt.Errorf("unknown setting %q", strings.Join(e.Key(), "."))}
	}
	var at *toml.DecodeError
	if errors.As(err, &at) {
		line, _ := at.Position()
		if strings.Contains(at.Error(), "cannot decode TOML") || strings.Contains(at.Error(), "cannot store") {
			// The library speaks of Go's types.
			key := strings.Join(at.Key(), ".")
			return &Error{name, line, fmt.Errorf("not TOML as expected: %s must be %s", cmp.Or(key, "this"), form(key))}
		}
		return &Error{name, line, fmt.Errorf("not TOML as expected: %s", strings.TrimPrefix(at.Error(), "toml: "))}
	}
	return &Error{name, 0, fmt.Errorf("not TOML as expected: %s", strings.TrimPrefix(err.Error(), "toml: "))}
}

// form says what a setting looks like.
func form(key string) string {
	switch key {
	case For:
		return `a list such as ["hvm"]`
	case Packages:
		return `a list such as ["vendor-xen-*"]`
	case "gate":
		return "a table, [gate]"
	case "waiver":
		return "a table, [[waiver]]"
	}
	return `text in quotation marks`
}

// lines holds the line of each key, those below [[waiver]] once for each.
type lines map[string][]int

// of returns the line of a key, the nth where it may stand more than once, and
// 0 when it stands nowhere.
func (l lines) of(key string, nth int) int {
	if nth < len(l[key]) {
		return l[key][nth]
	}
	return 0
}

// linesOf walks over a document that is known to be TOML.
func linesOf(text []byte) lines {
	found := lines{}
	p := &unstable.Parser{}
	p.Reset(text)
	table, waivers := "", 0
	for p.NextExpression() {
		e := p.Expression()
		var parts []string
		line := 0
		for it := e.Key(); it.Next(); {
			n := it.Node()
			if parts = append(parts, string(n.Data)); line == 0 {
				line = p.Shape(n.Raw).Start.Line
			}
		}
		key := strings.Join(parts, ".")
		switch e.Kind {
		case unstable.Table:
			table = key
			if key == "waiver" { // the only one, then
				waivers++
				found[key] = append(found[key], line)
			}
		case unstable.ArrayTable:
			table = key
			if key == "waiver" {
				waivers++
			}
			found[key] = append(found[key], line)
		default:
			if table != "" {
				key = table + "." + key
			}
			n := 0
			if table == "waiver" {
				n = waivers - 1
			}
			for len(found[key]) < n {
				found[key] = append(found[key], 0) // not given in an earlier one
			}
			found[key] = append(found[key], line)
			if it := e.Value().Children(); e.Value().Kind == unstable.InlineTable {
				for it.Next() { // gate = { mode = "ask" }, all in one line
					for inner := it.Node().Key(); inner.Next(); {
						found[key+"."+string(inner.Node().Data)] = []int{line}
					}
				}
			}
		}
	}
	return found
}
