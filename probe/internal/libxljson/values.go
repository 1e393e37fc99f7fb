package libxljson

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/discreet"
)

// Every reader returns "not given" for a field that is absent or null, or that
// holds libxl's word for its own default.

// absent reports whether a field says nothing.
func absent(n *node) bool { return n == nil || n.kind == 0 && n.value == nil }

func bad[T any](n *node, want string) facts.Setting[T] {
	return facts.BadSetting[T](n.wrong("not "+want), n.line)
}

func text(n *node) facts.Setting[string] {
	if absent(n) {
		return facts.Setting[string]{}
	}
	s, ok := n.value.(string)
	if !ok {
		return bad[string](n, "a string")
	}
	return facts.Set(discreet.Text(s), n.line)
}

// word reads an enumeration and spells it as xl.cfg(5) does: in lower case, by
// the names given. unknown and invalid are libxl's words for no choice.
func word(n *node, spelt map[string]string) facts.Setting[string] {
	s := text(n)
	if !s.Given {
		return s
	}
	v := strings.ToLower(s.Value)
	if to, ok := spelt[v]; ok {
		v = to
	}
	if v == "unknown" || v == "invalid" || v == "" {
		return facts.Setting[string]{}
	}
	s.Value = v
	return s
}

// flag reads a boolean, or libxl's three-valued one, which JSON spells as a
// string.
func flag(n *node) facts.Setting[bool] {
	if absent(n) {
		return facts.Setting[bool]{}
	}
	switch v := n.value.(type) {
	case bool:
		return facts.Set(v, n.line)
	case string:
		switch v {
		case "True":
			return facts.Set(true, n.line)
		case "False":
			return facts.Set(false, n.line)
		case "<default>":
			return facts.Setting[bool]{}
		}
	case json.Number: // is_cdrom, readwrite
		if i, err := v.Int64(); err == nil {
			return facts.Set(i != 0, n.line)
		}
	}
	return bad[bool](n, "a boolean")
}

func yes(n *node) bool { return flag(n).Or(false) }

// number reads a count. -1 and all ones are how libxl writes "default".
func number(n *node) facts.Setting[uint64] {
	if absent(n) {
		return facts.Setting[uint64]{}
	}
	num, ok := n.value.(json.Number)
	if !ok {
		return bad[uint64](n, "a number")
	}
	v, err := strconv.ParseUint(num.String(), 10, 64)
	switch {
	case num.String() == "-1" || v == math.MaxUint64 && err == nil:
		return facts.Setting[uint64]{}
	case err != nil:
		return bad[uint64](n, "a whole number")
	}
	return facts.Set(v, n.line)
}

// kib reads KiB as bytes.
func kib(n *node) facts.Setting[uint64] {
	s := number(n)
	if s.Given && s.Value > math.MaxInt64>>10 {
		return facts.BadSetting[uint64](n.wrong("larger than any memory"), n.line)
	}
	s.Value <<= 10
	return s
}

// count is number where a small one is expected.
func count(n *node) int {
	if v := number(n); v.Value <= math.MaxInt32 {
		return int(v.Value)
	}
	return 0
}

// texts reads an array of strings or numbers; a single string counts as an
// array of one.
func texts(n *node) facts.Setting[[]string] {
	if absent(n) {
		return facts.Setting[[]string]{}
	}
	if s, ok := n.value.(string); ok {
		return facts.Set([]string{discreet.Text(s)}, n.line)
	}
	if n.kind != '[' {
		return bad[[]string](n, "a list")
	}
	out := make([]string, 0, len(n.array))
	for _, item := range n.array {
		switch v := item.value.(type) {
		case string:
			out = append(out, v)
		case json.Number:
			out = append(out, v.String())
		default:
			return bad[[]string](item, "a list of strings")
		}
	}
	return facts.Set(discreet.Args(out), n.line)
}

// first returns the first setting that says anything.
func first[T any](settings ...facts.Setting[T]) facts.Setting[T] {
	for _, s := range settings {
		if !s.IsZero() {
			return s
		}
	}
	return facts.Setting[T]{}
}

// list reads an array of structures.
func list[T any](n *node, one func(*node) T) facts.Setting[[]T] {
	if absent(n) {
		return facts.Setting[[]T]{}
	}
	if n.kind != '[' {
		return bad[[]T](n, "a list")
	}
	out := make([]T, 0, len(n.array))
	for _, item := range n.array {
		out = append(out, one(item))
	}
	return facts.Set(out, n.line)
}

// hex reads a number for a list that xl.cfg(5) writes in hexadecimal.
func hex(n *node) string { return fmt.Sprintf("%x", number(n).Value) }
