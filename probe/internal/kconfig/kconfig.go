// Package kconfig understands the configuration a hypervisor was built with:
// the .config of Xen's Kconfig, plain or compressed with gzip as the
// hypervisor file system keeps it (/buildinfo/config).
package kconfig

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxText     = 4 << 20 // a .config of Xen has some 10 KiB
	maxLine     = 8 << 10
	maxSymbols  = 20000
	maxProblems = 20 // further ones are only counted
)

// Kind is the kind of value a symbol has. A bool and a tristate look alike.
type Kind string

// The kinds of value.
const (
	Yes    Kind = "y"
	Module Kind = "m" // Xen has none; Linux has
	NotSet Kind = "n" // "# CONFIG_X is not set", or =n
	String Kind = "string"
	Int    Kind = "int"
	Hex    Kind = "hex"
)

// Value is what a symbol is set to.
type Value struct {
	Kind Kind
	Text string // without quotation marks and escapes
	Line int    // counted from 1
}

// Config is a configuration.
type Config struct {
	// Of names the project and architecture of the header, Version its
	// version: "Xen/x86" and "4.17.5". Empty without such a header.
	Of, Version string
	Symbols     map[string]Value // by name, without CONFIG_
	Problems    []Problem        // lines that could not be read; the rest holds
	More        int              // problems beyond those in Problems
}

// Problem is a line that could not be read.
type Problem struct {
	Line int // counted from 1
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("line %d: %s", p.Line, p.Text) }

// ErrTooLarge says that a text, or what it unpacks to, is larger than any
// configuration.
var ErrTooLarge = errors.New("larger than any .config")

// ErrNoSymbols says that a text sets no symbol at all.
var ErrNoSymbols = errors.New("no CONFIG_ symbol in it")

// Get returns the value of a symbol, by its name with or without CONFIG_. ok is
// false for a symbol the text does not mention: one that this version does not
// have, or whose dependencies are not met.
func (c *Config) Get(name string) (v Value, ok bool) {
	v, ok = c.Symbols[strings.TrimPrefix(name, "CONFIG_")]
	return v, ok
}

// Enabled returns whether a symbol is y or m, and whether the text mentions it.
func (c *Config) Enabled(name string) (on, stated bool) {
	v, ok := c.Get(name)
	return v.Kind == Yes || v.Kind == Module, ok
}

// Parse reads a configuration. A symbol that is set again has its last value,
// as conf_read of Kconfig takes it. The error is of unpacking, [ErrTooLarge] or
// [ErrNoSymbols]; the Config returned with it holds what was understood.
func Parse(b []byte) (*Config, error) {
	c := &Config{Symbols: map[string]Value{}}
	unpacked, err := unpack(b)
	if err != nil && len(unpacked) == 0 {
		return c, err
	}
	n := 0
	for line := range bytes.Lines(unpacked) {
		n++
		c.line(n, line)
	}
	if err == nil && len(c.Symbols) == 0 {
		err = ErrNoSymbols
	}
	return c, err
}

// unpack returns what could be unpacked also where the end is damaged.
func unpack(b []byte) ([]byte, error) {
	if len(b) < 2 || b[0] != 0x1f || b[1] != 0x8b { // RFC 1952, 2.3.1
		if len(b) > maxText {
			return b[:maxText], ErrTooLarge
		}
		return b, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxText+1))
	switch {
	case err != nil:
		return text, fmt.Errorf("unpacking: %w", err)
	case len(text) > maxText:
		return text[:maxText], ErrTooLarge
	}
	return text, nil
}

func (c *Config) problem(n int, format string, args ...any) {
	if len(c.Problems) == maxProblems {
		c.More++
		return
	}
	c.Problems = append(c.Problems, Problem{Line: n, Text: fmt.Sprintf(format, args...)})
}

func (c *Config) line(n int, line []byte) {
	if len(line) > maxLine {
		c.problem(n, "longer than %d bytes", maxLine)
		return
	}
	s := strings.TrimSpace(string(line))
	switch {
	case s == "":
	case strings.HasPrefix(s, "#"):
		c.comment(n, strings.TrimSpace(s[1:]))
	case strings.HasPrefix(s, "CONFIG_"):
		name, text, ok := strings.Cut(s[len("CONFIG_"):], "=")
		if !ok || !isName(name) {
			c.problem(n, "no assignment: %q", shorten(s))
			return
		}
		v, ok := value(text)
		if !ok {
			c.problem(n, "no value: %q", shorten(s))
			return
		}
		c.set(n, name, v)
	default:
		c.problem(n, "neither an assignment nor a comment: %q", shorten(s))
	}
}

// comment reads the two comments that mean something: the header and the
// symbols that are off.
func (c *Config) comment(n int, s string) {
	if rest, ok := strings.CutPrefix(s, "CONFIG_"); ok {
		if name, ok := strings.CutSuffix(rest, " is not set"); ok && isName(name) {
			c.set(n, name, Value{Kind: NotSet, Text: "n"})
		}
		return
	}
	// mainmenu of Xen's Kconfig: "Xen/$(SRCARCH) $(XEN_FULLVERSION) Configuration".
	if head, ok := strings.CutSuffix(s, " Configuration"); ok && c.Of == "" && len(c.Symbols) == 0 {
		if of, version, ok := strings.Cut(head, " "); ok && strings.Contains(of, "/") {
			c.Of, c.Version = of, strings.TrimSpace(version)
		}
	}
}

func (c *Config) set(n int, name string, v Value) {
	if _, ok := c.Symbols[name]; !ok && len(c.Symbols) == maxSymbols {
		c.problem(n, "more than %d symbols", maxSymbols)
		return
	}
	v.Line = n
	c.Symbols[name] = v
}

func value(s string) (Value, bool) {
	switch {
	case s == "y":
		return Value{Kind: Yes, Text: s}, true
	case s == "m":
		return Value{Kind: Module, Text: s}, true
	case s == "n":
		return Value{Kind: NotSet, Text: s}, true
	case strings.HasPrefix(s, `"`):
		text, ok := unquote(s[1:])
		return Value{Kind: String, Text: text}, ok
	case isNumber(s, "0123456789"), strings.HasPrefix(s, "-") && isNumber(s[1:], "0123456789"):
		return Value{Kind: Int, Text: s}, true
	case len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") && isNumber(s[2:], "0123456789abcdefABCDEF"):
		return Value{Kind: Hex, Text: s}, true
	}
	return Value{}, false
}

// unquote takes the text up to the closing quotation mark, which must be the
// last character. A backslash stands before a quotation mark or a backslash.
func unquote(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		case '"':
			return b.String(), i == len(s)-1
		}
		b.WriteByte(s[i])
	}
	return "", false
}

func isNumber(s, digits string) bool { return s != "" && strings.Trim(s, digits) == "" }

func isName(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func shorten(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
