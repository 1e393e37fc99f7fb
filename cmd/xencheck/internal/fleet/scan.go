package fleet

import (
	"bytes"
	"errors"
	"fmt"
)

// maxDepth bounds how deep objects and lists of a record may be nested. Facts
// and reports have about ten levels.
const maxDepth = 100

// scanner follows the grammar of JSON (RFC 8259) through one object, as far as
// is needed to see where it ends, or that it cannot go on: it knows what may
// stand where, and leaves the spelling of numbers and words to the decoder.
//
// It can stop anywhere and go on with more bytes. The zero scanner expects the
// opening brace.
type scanner struct {
	state scanState
	depth int
	lists [(maxDepth + 63) / 64]uint64 // bit n: level n is a list, not an object
	hex   int                          // digits of a \u escape that are still to come
	key   bool                         // the string is the name of a member
}

type scanState uint8

const (
	wantObject     scanState = iota // the first byte
	wantKeyOrEnd                    // after {
	wantKey                         // after a comma in an object
	wantColon                       // after a name
	wantValue                       // after a colon, or a comma in a list
	wantValueOrEnd                  // after [
	wantMore                        // after a value: a comma or the end
	inString
	inEscape
	inWord // a number, true, false or null
)

var (
	errControl = errors.New("a string goes on past the end of its line")
	errDeep    = fmt.Errorf("nested deeper than %d levels", maxDepth)
	errCut     = errors.New("ends in the middle of a JSON object")
)

// scan reads on in data. It returns how many bytes belong to the object and
// whether it ends there. An error is what makes the rest no JSON; n is then the
// offset of the byte that does.
func (s *scanner) scan(data []byte) (n int, done bool, err error) {
	i := 0
	for i < len(data) {
		c := data[i]
		switch s.state {
		case inString:
			// Most of a record is inside strings: go from one special byte to
			// the next.
			j := i
			for j < len(data) && !stringStop[data[j]] {
				j++
			}
			if j == len(data) {
				return j, false, nil
			}
			i = j
			switch data[i] {
			case '"':
				s.state = wantMore
				if s.key {
					s.state = wantColon
				}
			case '\\':
				s.state = inEscape
			default:
				if data[i] == '\n' || data[i] == '\r' {
					return i, false, errControl
				}
				return i, false, fmt.Errorf("control character 0x%02x in a string", data[i])
			}
			i++
			continue
		case inEscape:
			switch {
			case s.hex > 0:
				if !isHex(c) {
					return i, false, fmt.Errorf("invalid character %q in a \\u escape", c)
				}
				if s.hex--; s.hex == 0 {
					s.state = inString
				}
			case c == 'u':
				s.hex = 4
			case bytes.IndexByte([]byte(`"\/bfnrt`), c) >= 0:
				s.state = inString
			default:
				return i, false, fmt.Errorf("invalid character %q in an escape", c)
			}
			i++
			continue
		case inWord:
			if isWord(c) {
				i++
				continue
			}
			s.state = wantMore
			continue // what ended the word is looked at again
		}
		if c == ' ' || c == '\n' || c == '\t' || c == '\r' {
			i++
			continue
		}
		switch s.state {
		case wantKeyOrEnd, wantKey:
			switch {
			case c == '"':
				s.state, s.key = inString, true
			case c == '}' && s.state == wantKeyOrEnd:
				if s.close() {
					return i + 1, true, nil
				}
			default:
				return i, false, unexpected(c, "the name of a member")
			}
		case wantColon:
			if c != ':' {
				return i, false, unexpected(c, "a colon")
			}
			s.state = wantValue
		case wantMore:
			list := s.inList()
			switch {
			case c == ',' && list:
				s.state = wantValue
			case c == ',':
				s.state = wantKey
			case c == '}' && !list, c == ']' && list:
				if s.close() {
					return i + 1, true, nil
				}
			case list:
				return i, false, unexpected(c, "a comma or the end of the list")
			default:
				return i, false, unexpected(c, "a comma or the end of the object")
			}
		default: // a value
			switch {
			case c == '{' || c == '[' && s.state != wantObject:
				if s.depth == maxDepth {
					return i, false, errDeep
				}
				bit := uint64(1) << (s.depth % 64)
				if c == '[' {
					s.lists[s.depth/64] |= bit
					s.state = wantValueOrEnd
				} else {
					s.lists[s.depth/64] &^= bit
					s.state = wantKeyOrEnd
				}
				s.depth++
			case s.state == wantObject:
				return i, false, unexpected(c, "a JSON object")
			case c == '"':
				s.state, s.key = inString, false
			case c == ']' && s.state == wantValueOrEnd:
				s.close()
			case isWord(c):
				s.state = inWord
			default:
				return i, false, unexpected(c, "a value")
			}
		}
		i++
	}
	return i, false, nil
}

// close ends an object or list and reports whether it was the outermost.
func (s *scanner) close() bool {
	s.depth--
	s.state = wantMore
	return s.depth == 0
}

func (s *scanner) inList() bool {
	d := s.depth - 1
	return s.lists[d/64]>>(d%64)&1 == 1
}

func unexpected(c byte, want string) error {
	return fmt.Errorf("not JSON: invalid character %q, expected %s", c, want)
}

// isWord reports a byte that numbers and the three words are made of.
func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// stringStop marks the bytes that are not plain inside a string.
var stringStop = func() (stop [256]bool) {
	for c := range 0x20 {
		stop[c] = true
	}
	stop['"'], stop['\\'] = true, true
	return stop
}()
