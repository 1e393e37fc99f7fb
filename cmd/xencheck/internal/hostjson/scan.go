package hostjson

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// scanner walks through one JSON text (RFC 8259).
type scanner struct {
	s   string // the text and padding: a byte that no JSON text holds ends every loop
	b   []byte // the same, to be read eight bytes at a time
	i   int    // where it stands
	end int    // where the padding begins
}

// padding is as long as what is read at a time.
const padding = "\x00\x00\x00\x00\x00\x00\x00\x00"

// load takes a new text.
func (d *scanner) load(data []byte) {
	d.b = append(append(slices.Grow(d.b[:0], len(data)+len(padding)), data...), padding...)
	d.s = string(d.b)
	d.i, d.end = 0, len(data)
}

// is passes over a word if it stands here.
func (d *scanner) is(word string) bool {
	if strings.HasPrefix(d.s[d.i:], word) {
		d.i += len(word)
		return true
	}
	return false
}

// space passes over white space.
func (d *scanner) space() {
	for c := d.s[d.i]; c == ' ' || c == '\n' || c == '\t' || c == '\r'; c = d.s[d.i] {
		d.i++
	}
}

// comma passes over a comma and white space.
func (d *scanner) comma() bool {
	if d.s[d.i] != ',' {
		return false
	}
	d.i++
	d.space()
	return true
}

// key reads the name of a member, and the colon after it.
func (d *scanner) key() (string, bool) {
	k, plain, ok := d.str()
	if !ok || !plain {
		return "", false
	}
	d.space()
	if d.s[d.i] != ':' {
		return "", false
	}
	d.i++
	d.space()
	return k, true
}

// odd reports whether a name that nobody knows can be passed over: written
// with other letters it might be taken for one that is known.
func odd(key string) bool {
	for i := range len(key) {
		if c := key[i]; c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// str reads a string. A plain one is returned without its quotes; one with
// escapes, or with bytes that are no UTF-8, as it is written.
func (d *scanner) str() (s string, plain, ok bool) {
	if d.s[d.i] != '"' {
		return "", false, false
	}
	start := d.i + 1
	for i := start; i+8 <= len(d.b); i += 8 {
		w := binary.LittleEndian.Uint64(d.b[i:])
		// The top bit of each byte that is a quote, a backslash, a control
		// character or no ASCII; the lowest one set is right.
		q, e := w^('"'*ones), w^('\\'*ones)
		hit := ((q-ones)&^q | (e-ones)&^e | (w - ' '*ones) | w) & tops
		if hit == 0 {
			continue
		}
		i += bits.TrailingZeros64(hit) / 8
		if d.b[i] == '"' {
			d.i = i + 1
			return d.s[start:i], true, true
		}
		return d.rare(start, i)
	}
	return "", false, false
}

// rare goes on with a string that has something at i that not all have.
func (d *scanner) rare(start, i int) (s string, plain, ok bool) {
	plain = true
	ascii := true
	for ; ; i++ {
		switch c := d.b[i]; {
		case c == '"':
			d.i = i + 1
			if s = d.s[start:i]; plain && (ascii || utf8.ValidString(s)) {
				return s, true, true
			}
			return d.s[start-1 : i+1], false, true
		case c == '\\':
			plain = false
			n := escape(d.s[i:])
			if n == 0 {
				return "", false, false
			}
			i += n - 1
		case c < ' ':
			return "", false, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
}

// escape returns the length of an escape, 0 when it is none.
func escape(s string) int {
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		for i := 2; i < 6; i++ {
			c := s[i] | 0x20
			if !(c >= '0' && c <= '9' && s[i] < 'A' || c >= 'a' && c <= 'f') {
				return 0
			}
		}
		return 6
	}
	return 0
}

// deepest bounds how deep a value that is passed over may be nested.
const deepest = 64

// skip passes over any value.
func (d *scanner) skip(depth int) bool {
	if depth > deepest {
		return false
	}
	switch c := d.s[d.i]; c {
	case '"':
		_, _, ok := d.str()
		return ok
	case '{', '[':
		d.i++
		closing := c + 2 // } follows { by two in ASCII, as ] follows [
		for first := true; ; first = false {
			d.space()
			if d.s[d.i] == closing {
				d.i++
				return true
			}
			if !first && !d.comma() {
				return false
			}
			if c == '{' {
				if _, _, ok := d.str(); !ok {
					return false
				}
				d.space()
				if d.s[d.i] != ':' {
					return false
				}
				d.i++
				d.space()
			}
			if !d.skip(depth + 1) {
				return false
			}
		}
	case 't':
		return d.is("true")
	case 'f':
		return d.is("false")
	case 'n':
		return d.is("null")
	}
	return d.number()
}

// number passes over a number.
func (d *scanner) number() bool {
	digits := func() bool {
		start := d.i
		for d.s[d.i] >= '0' && d.s[d.i] <= '9' {
			d.i++
		}
		return d.i > start
	}
	d.is("-")
	if !d.is("0") && !digits() {
		return false
	}
	if d.is(".") && !digits() {
		return false
	}
	if d.is("e") || d.is("E") {
		if !d.is("+") {
			d.is("-")
		}
		return digits()
	}
	return true
}
