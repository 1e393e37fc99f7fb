package machines

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Expectation is one line of what must be seen in a machine.
type Expectation struct {
	Line int
	// Who it is about: "root", "user" for an unprivileged one, or "" for both.
	// Without privileges a fact may be unknown where nothing else is said, but
	// it may not be another one.
	Who string
	// What is looked at: "fact", a path into the facts; "verdict", RELEASE
	// INTENT; "row", RELEASE KEY.
	What, Path string
	// How it is compared: "is", "has", "lacks", "about"; or, without a value,
	// "absent" and "unknown".
	How, Value string
}

func (e Expectation) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", e.What, e.Path, e.How, e.Value))
}

// parseExpectation understands
//
//	[root|user] fact PATH is VALUE
//	[root|user] fact PATH has WORD... | lacks WORD... | about SIZE | absent | unknown
//	[root|user] verdict RELEASE INTENT is GRADE[, incomplete]
//	[root|user] row RELEASE KEY is OUTCOME
func parseExpectation(l line) (Expectation, error) {
	e := Expectation{Line: l.number, What: l.word}
	words := strings.Fields(l.rest)
	if l.word == "root" || l.word == "user" {
		if len(words) == 0 {
			return e, fmt.Errorf("%q expects nothing", l.word)
		}
		e.Who, e.What, words = l.word, words[0], words[1:]
	}
	n := map[string]int{"fact": 1, "verdict": 2, "row": 2}[e.What]
	if n == 0 {
		return e, fmt.Errorf("unknown word %q", e.What)
	}
	if len(words) <= n {
		return e, fmt.Errorf("%s expects nothing", e.What)
	}
	e.Path, e.How, e.Value = strings.Join(words[:n], " "), words[n], strings.Join(words[n+1:], " ")
	switch e.How {
	case "absent", "unknown":
		if e.Value != "" {
			return e, fmt.Errorf("%s takes no value", e.How)
		}
	case "is", "has", "lacks", "about":
		if e.Value == "" {
			return e, fmt.Errorf("%s takes a value", e.How)
		}
	default:
		return e, fmt.Errorf("unknown comparison %q", e.How)
	}
	if e.What != "fact" && e.How != "is" {
		return e, fmt.Errorf("a %s is compared by \"is\"", e.What)
	}
	return e, nil
}

// View is what xencheck said in a machine, as decoded from its JSON.
type View struct {
	// Facts is the host of a report.
	Facts any
	// Reports holds the judgement of those facts by release, and under "auto"
	// by the release that xencheck chose.
	Reports map[string]any
}

// Decode reads JSON without losing digits of its numbers.
func Decode(b []byte) (any, error) {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// Check holds a view against what is expected, and says what differs.
func Check(expect []Expectation, v View, privileged bool) []string {
	who := "user"
	if privileged {
		who = "root"
	}
	var out []string
	for i, e := range expect {
		if e.Who != "" && e.Who != who {
			continue
		}
		// What is said of one of them replaces what is said of both.
		if e.Who == "" && slices.ContainsFunc(expect, func(o Expectation) bool {
			return o.Who == who && o.What == e.What && o.Path == e.Path && o.How != "has" && o.How != "lacks"
		}) {
			continue
		}
		if d := expect[i].check(v, !privileged && e.Who == ""); d != "" {
			out = append(out, fmt.Sprintf("as %s: %s (line %d)", who, d, e.Line))
		}
	}
	return out
}

// check returns what differs, empty when nothing does. Lenient lets a fact be
// unknown, and a verdict be incomplete.
func (e Expectation) check(v View, lenient bool) string {
	switch e.What {
	case "fact":
		return e.checkFact(v.Facts, lenient)
	case "verdict":
		release, intent, _ := strings.Cut(e.Path, " ")
		got, ok := Verdict(v.Reports[release], intent)
		if !ok {
			return fmt.Sprintf("there is no verdict %s", e.Path)
		}
		if lenient && (strings.HasSuffix(got, incomplete) || strings.HasSuffix(e.Value, incomplete)) {
			return "" // that it is no better than root's is seen elsewhere
		}
		if got != e.Value {
			return fmt.Sprintf("verdict %s is %s, not %s", e.Path, got, e.Value)
		}
	case "row":
		release, key, _ := strings.Cut(e.Path, " ")
		got, ok := rowOutcome(v.Reports[release], key)
		if !ok {
			return fmt.Sprintf("there is no row %s", e.Path)
		}
		if got != e.Value && (!lenient || got != "unknown") {
			return fmt.Sprintf("row %s is %s, not %s", e.Path, got, e.Value)
		}
	}
	return ""
}

func (e Expectation) checkFact(facts any, lenient bool) string {
	value, state := Fact(facts, e.Path)
	if state == "unknown" && lenient {
		return ""
	}
	differs := func() string { return fmt.Sprintf("%s is %s, not %s", e.Path, Show(value, state), e.want()) }
	if e.How == "absent" || e.How == "unknown" {
		if state != e.How {
			return differs()
		}
		return ""
	}
	if state != "known" {
		return differs()
	}
	said := Show(value, state)
	switch e.How {
	case "is":
		if said != e.Value {
			return differs()
		}
	case "about":
		low, high, ok := interval(value)
		want, err := size(e.Value)
		// Firmware keeps some of the memory for itself, and memory blocks may
		// reach beyond it, but never by much.
		if err != nil || !ok || low > want || high < want || low < want-want/10 || high > want+want/4 {
			return differs()
		}
	case "has", "lacks":
		for _, w := range strings.Fields(e.Value) {
			if slices.Contains(strings.Fields(said), w) != (e.How == "has") {
				return fmt.Sprintf("%s is %s, which %s %s", e.Path, said, map[bool]string{true: "lacks", false: "has"}[e.How == "has"], w)
			}
		}
	}
	return ""
}

func (e Expectation) want() string {
	if e.Value == "" {
		return e.How
	}
	return e.Value
}

// Fact walks to a value by the names of the fields, joined by dots; elements of
// a list stand under their number from 0, and its length under "count". The
// state of the last fact on the way is that of the value.
func Fact(v any, path string) (value any, state string) {
	v, state = opened(v, "known")
	for _, name := range strings.Split(path, ".") {
		if state != "known" {
			return nil, state
		}
		var next any
		switch x := v.(type) {
		case map[string]any:
			next = x[name]
		case []any:
			if name == "count" {
				next = json.Number(strconv.Itoa(len(x)))
			} else if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(x) {
				next = x[i]
			}
		}
		if next == nil {
			return nil, "unread"
		}
		v, state = opened(next, state)
	}
	return v, state
}

// opened takes an observed fact apart.
func opened(v any, state string) (any, string) {
	m, ok := v.(map[string]any)
	if !ok {
		return v, state
	}
	s, isFact := m["state"].(string)
	if _, has := m["value"]; !isFact || !has {
		return v, state
	}
	return m["value"], s
}

// Show writes a value in one line: a list as its words, a range as its bounds.
func Show(v any, state string) string {
	if state != "known" {
		return state
	}
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		return x
	case json.Number:
		return x.String()
	case bool:
		return strconv.FormatBool(x)
	case []any:
		var words []string
		for _, e := range x {
			words = append(words, Show(e, state))
		}
		return strings.Join(words, " ")
	case map[string]any:
		if low, high, ok := interval(v); ok {
			switch {
			case low == high:
				return strconv.FormatUint(low, 10)
			case x["max"] == nil:
				return fmt.Sprintf("%d or more", low)
			}
			return fmt.Sprintf("%d to %d", low, high)
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// interval understands a range of the facts.
func interval(v any) (low, high uint64, ok bool) {
	m, isMap := v.(map[string]any)
	if !isMap {
		return 0, 0, false
	}
	first, ok := m["min"].(json.Number)
	last, has := m["max"]
	if !ok || !has {
		return 0, 0, false
	}
	low, err := strconv.ParseUint(first.String(), 10, 64)
	if err != nil {
		return 0, 0, false
	}
	high = ^uint64(0)
	if n, bounded := last.(json.Number); bounded {
		if high, err = strconv.ParseUint(n.String(), 10, 64); err != nil {
			return 0, 0, false
		}
	}
	return low, high, true
}

// size reads an amount of memory such as 2 GiB.
func size(s string) (uint64, error) {
	number, unit, _ := strings.Cut(s, " ")
	shift, ok := map[string]uint{"": 0, "KiB": 10, "MiB": 20, "GiB": 30}[unit]
	if !ok {
		return 0, fmt.Errorf("unknown unit %q", unit)
	}
	n, err := strconv.ParseUint(number, 10, 34)
	return n << shift, err
}

// incomplete ends a verdict that something unknown could change.
const incomplete = ", incomplete"

// Verdict returns the grade of an intent in a report.
func Verdict(report any, intent string) (string, bool) {
	answers, state := Fact(report, "answers")
	list, _ := answers.([]any)
	if state != "known" {
		return "", false
	}
	for _, a := range list {
		if id, _ := Fact(a, "intent"); id != intent {
			continue
		}
		grade, _ := Fact(a, "grade")
		s := Show(grade, "known")
		if complete, _ := Fact(a, "complete"); complete != true {
			s += incomplete
		}
		return s, true
	}
	return "", false
}

// rowOutcome returns what was found of a row: what is left of its word when it
// was judged, else the outcome.
func rowOutcome(report any, key string) (string, bool) {
	findings, _ := Fact(report, "findings")
	list, _ := findings.([]any)
	for _, f := range list {
		if k, _ := Fact(f, "row.key"); k != key {
			continue
		}
		outcome, _ := Fact(f, "outcome")
		if outcome != "judged" {
			return Show(outcome, "known"), true
		}
		functional, _ := Fact(f, "level.functional")
		security, _ := Fact(f, "level.security")
		return fmt.Sprintf("%s, security %s", Show(functional, "known"), Show(security, "known")), true
	}
	return "", false
}
