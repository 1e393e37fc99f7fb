package fdt

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// Redact returns a copy of a blob of the same size in which nothing tells one
// machine from another of its make: serial numbers, MAC addresses, UUIDs and
// seeds are zero, private arguments of boot command lines are crossed out, and
// the bytes outside the blocks, where boot loaders leave remains, are zero.
// What the tree says of the hardware stays as it is.
//
// A blob that cannot be parsed cannot be redacted either.
func Redact(b []byte) ([]byte, error) {
	l, err := layOut(b)
	if err != nil {
		return nil, err
	}
	values := map[int][]byte{}
	l.structure.to, err = l.walk(b, visitor{
		begin: func(int, string) error { return nil },
		end:   func() {},
		property: func(name string, from, to int) {
			if private := RedactProperty(name, b[from:to]); !bytes.Equal(private, b[from:to]) {
				values[from] = private
			}
		},
	})
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(b))
	for _, k := range []block{l.header, l.reserve, l.structure, l.strings} {
		copy(out[k.from:k.to], b[k.from:k.to])
	}
	for from, v := range values {
		copy(out[from:], v)
	}
	return out, nil
}

// RedactProperty does the same for one property, as a file of a tree of
// directories holds it. The result is as long as value.
func RedactProperty(name string, value []byte) []byte {
	name = strings.ToLower(name)
	switch {
	case strings.HasSuffix(name, "bootargs"):
		return redactArguments(value)
	case privateName(name):
		return make([]byte, len(value))
	}
	return redactShapes(value)
}

// redactShapes crosses out what looks like a UUID or MAC address. It returns
// value itself when there is none.
func redactShapes(value []byte) []byte {
	found := shapes().FindAllIndex(value, -1)
	if found == nil {
		return value
	}
	out := bytes.Clone(value)
	for _, m := range found {
		crossOut(out[m[0]:m[1]])
	}
	return out
}

// privateName reports whether a property of this name, in lower case, holds
// what belongs to one machine alone.
func privateName(name string) bool {
	for _, part := range []string{
		"serial-number", "serial_number", "serialno", "serial#", "serial64", "machine-id",
		"mac-address", "mac_address", "macaddr", "ethaddr", "bd-address", "bdaddr",
		"uuid", "password", "passphrase", "secret",
	} {
		if strings.Contains(name, part) {
			return true
		}
	}
	// rng-seed and kaslr-seed are used up at boot, yet a kernel that leaves
	// them in place would give away its random numbers. Names on -mac are
	// those of boot loaders that hand over addresses in /chosen.
	return strings.HasSuffix(name, "-seed") || strings.HasSuffix(name, "-mac")
}

// shapes finds what identifies a machine wherever it stands: UUIDs and MAC
// addresses. BOOTIF of network boot loaders has one with dashes and the
// hardware type in front.
var shapes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}` +
			`|[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5,}`)
})

// redactArguments crosses out the values of private arguments with x, so that
// the command line stays one: key=value as well as root=UUID=value.
func redactArguments(line []byte) []byte {
	out := bytes.Clone(redactShapes(line))
	for from := 0; from < len(out); {
		to := from + argumentEnd(out[from:])
		redactArgument(out[from:to])
		from = to + 1
	}
	return out
}

// argumentEnd returns the length of the first argument: up to a blank outside
// quotes, a line end, or the zero byte at the end of a string.
func argumentEnd(b []byte) int {
	quoted := false
	for i, c := range b {
		switch {
		case c == 0:
			return i
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\n'):
			return i
		}
	}
	return len(b)
}

// redactArgument crosses out what follows the first equals sign that has a
// private word before it.
func redactArgument(arg []byte) {
	lower := bytes.Clone(arg)
	for i, c := range arg {
		// bytes.ToLower changes the length of what is not UTF-8.
		if c >= 'A' && c <= 'Z' {
			lower[i] += 'a' - 'A'
		}
	}
	for i, c := range lower {
		if c != '=' {
			continue
		}
		for _, word := range []string{
			"uuid", "serial", "mac", "key", "password", "passwd", "passphrase",
			"token", "secret", "psk", "cred", "seed",
		} {
			if bytes.Contains(lower[:i], []byte(word)) {
				crossOut(arg[i+1:])
				return
			}
		}
	}
}

func crossOut(b []byte) {
	for i, c := range b {
		if c != '"' {
			b[i] = 'x'
		}
	}
}
