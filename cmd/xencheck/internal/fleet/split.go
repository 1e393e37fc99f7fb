package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxRecord bounds one record, in bytes. The facts of 4096 CPUs are below
// 1 MiB, and a report on a host with hundreds of domains below this.
const MaxRecord = 32 << 20

const (
	firstBuffer = 256 << 10
	// byteOrderMark is what some editors put in front of UTF-8. Files that are
	// put together have it in the middle.
	byteOrderMark = "\ufeff"
	// recordSeparator stands before each text of a JSON text sequence (RFC 7464).
	recordSeparator = 0x1e
	// noProgress is how many empty reads in a row a reader may answer.
	noProgress = 100
)

var (
	// errMore is returned by next when it would have to wait for input.
	errMore     = errors.New("more input is needed")
	errTooLarge = fmt.Errorf("longer than %d MiB", MaxRecord>>20)
)

// piece is one record of a stream, or one place where there should be one.
type piece struct {
	line   int    // where it begins, from 1
	offset int64  // the same in bytes, from 0
	data   []byte // of a record, a whole JSON object; valid until the next call
	then   byte   // of a hasty one: what follows it, 0 at the end of the stream
	hasty  bool   // data is a line that looks like one object and was not looked into
	err    error  // why this is no record; data is nil then
	noted  int    // the line where that shows, from 1
}

// splitter cuts a stream into records: JSON objects one after the other, a
// line each or spread over lines, or the elements of JSON lists that begin a
// line.
//
// What is no record is told once and passed over. It reaches
//
//   - to the end of its line, where its first line holds more than the opening
//     brace: so it is in a stream of one object a line;
//   - to the next line that begins with a brace, where its first line is the
//     brace alone, as in a stream of indented objects, and where the stream
//     begins with something binary;
//   - to the next comma, bracket or brace, where it is an element of a list and
//     does not begin like an object.
//
// Every byte of the stream is in exactly one record, one such place, or white
// space between them (with the punctuation of the list).
type splitter struct {
	r      io.Reader
	buf    []byte
	at     int   // of the first byte in buf that is not used up
	base   int64 // offset of buf[0] in the stream
	line   int   // of buf[at]
	ended  error // io.EOF or what reading failed with
	list   int   // how many JSON lists this is within
	fresh  bool  // a list may begin here: at the beginning of a line, or behind another list
	binary bool  // the stream begins with what is no text: lines mean nothing there
	found  bool  // a piece was told
	object scanner
	looked int // how far object has looked, from at

	await func(n int) // is called before so many bytes are held; nil for nobody

	hurry bool // hand out lines that look like one object without looking into them
	then  byte // what follows the last byte, where more is known of that than of the stream
}

func newSplitter(r io.Reader) *splitter { return &splitter{r: r, line: 1, fresh: true} }

// next returns the next piece; io.EOF at the end. With wait false it returns
// errMore instead of reading.
func (s *splitter) next(wait bool) (piece, error) {
	p, err := s.look(wait)
	s.found = s.found || err == nil
	return p, err
}

func (s *splitter) look(wait bool) (piece, error) {
	for {
		if s.looked == 0 {
			s.skipSpace()
		}
		if s.at < len(s.buf) && !s.half() {
			if s.buf[s.at] != '{' && s.list > 0 {
				return s.passElement(unexpected(s.buf[s.at], "a JSON object"), wait)
			}
			if s.buf[s.at] != '{' {
				return s.pass(unexpected(s.buf[s.at], "a JSON object"), s.binary && !s.found, wait)
			}
			if p, ok := s.wholeLine(); ok {
				return p, nil
			}
			if p, ok, err := s.record(wait); ok || err != nil {
				return p, err
			}
		}
		switch {
		case s.ended == io.EOF && s.at == len(s.buf):
			return piece{}, io.EOF
		case s.ended != nil && s.at == len(s.buf):
			err := s.ended
			s.ended = io.EOF
			return piece{line: s.line, offset: s.offset(), err: err}, nil
		case s.ended != nil:
			err := s.ended
			if err == io.EOF {
				err = errCut
				if s.then != 0 {
					_, _, err = s.object.scan([]byte{s.then})
				}
			}
			s.ended = io.EOF // told once
			return s.reject(err, wait)
		case !wait:
			return piece{}, errMore
		}
		s.fill()
	}
}

// wholeLine returns a line that begins and ends with a brace, before another one
// that begins with a brace, without looking into it. What it holds is nearly
// always one object; where it is not, [again] finds out.
func (s *splitter) wholeLine() (piece, bool) {
	if !s.hurry || s.list > 0 || s.looked > 0 {
		return piece{}, false
	}
	n := bytes.IndexByte(s.buf[s.at:], '\n') + 1
	if n == 0 || n > MaxRecord {
		return piece{}, false
	}
	line, rest := s.buf[s.at:s.at+n], s.buf[s.at+n:]
	end := n - 2
	if end > 0 && line[end] == '\r' {
		end--
	}
	last := len(rest) == 0 && s.ended == io.EOF
	if end <= 0 || line[end] != '}' || !last && (len(rest) == 0 || rest[0] != '{') {
		return piece{}, false
	}
	p := piece{line: s.line, offset: s.offset(), data: line, hasty: true}
	if !last {
		p.then = '{'
	}
	s.line++
	s.at += n
	s.fresh = true
	return p, true
}

// again returns a splitter that looks into a hasty piece.
func (p piece) again() *splitter {
	return &splitter{buf: p.data, base: p.offset, line: p.line, ended: io.EOF, found: true, then: p.then}
}

// record looks for the end of the object that begins at s.at. It reports false
// when more input is needed.
func (s *splitter) record(wait bool) (piece, bool, error) {
	n, done, err := s.object.scan(s.buf[s.at+s.looked:])
	s.looked += n
	switch {
	case err != nil:
		p, err := s.reject(err, wait)
		return p, true, err
	case s.looked > MaxRecord:
		p, err := s.reject(errTooLarge, wait)
		return p, true, err
	case !done:
		return piece{}, false, nil
	}
	p := piece{line: s.line, offset: s.offset(), data: s.buf[s.at : s.at+s.looked]}
	s.use(s.looked)
	return p, true, nil
}

// reject passes over what begins like an object and is none.
func (s *splitter) reject(why error, wait bool) (piece, error) {
	rest := s.buf[s.at:]
	first := bytes.IndexByte(rest, '\n')
	// Blanks of JSON alone: at any other byte the scanner stopped, perhaps
	// before the end of the line was read.
	alone := first >= 0 && len(bytes.Trim(rest[1:first], blanks)) == 0
	noted := s.line + bytes.Count(rest[:s.looked], []byte{'\n'})
	p, err := s.pass(why, alone, wait)
	if noted < s.line { // otherwise it is what follows that shows it
		p.noted = noted
	}
	return p, err
}

// pass passes over the rest of the line, and when lines is true over those
// behind it that do not begin with a brace.
func (s *splitter) pass(why error, lines, wait bool) (piece, error) {
	if !wait && s.ended == nil && !s.passable(lines) {
		return piece{}, errMore
	}
	p := piece{line: s.line, offset: s.offset(), err: why}
	for s.skipLine() && lines {
		if s.at == len(s.buf) && s.ended == nil {
			s.fill()
		}
		if s.at < len(s.buf) && s.buf[s.at] == '{' {
			break
		}
	}
	return p, nil
}

// passElement passes over an element of a list that does not begin like an
// object. Of a string with a comma in it that is a part; no object is lost.
func (s *splitter) passElement(why error, wait bool) (piece, error) {
	const ends = ",]{\n"
	if !wait && s.ended == nil && !bytes.ContainsAny(s.buf[s.at+1:], ends) {
		return piece{}, errMore
	}
	p := piece{line: s.line, offset: s.offset(), err: why}
	for skip := 1; ; skip = 0 { // the first byte belongs to it, whatever it is
		n := bytes.IndexAny(s.buf[s.at+skip:], ends)
		found := n >= 0
		if n += skip; !found {
			n = len(s.buf) - s.at
		}
		s.list += bytes.Count(s.buf[s.at:s.at+n], []byte{'['})
		s.use(n)
		if found || s.ended != nil {
			return p, nil
		}
		s.fill()
	}
}

// half reports whether the buffer ends before it is clear what stands at s.at:
// a byte order mark, or the beginning of a list.
func (s *splitter) half() bool {
	rest := s.buf[s.at:]
	switch {
	case s.ended != nil:
		return false
	case rest[0] == '[' && s.fresh && s.list == 0:
		return len(rest) <= mostBlanks && len(bytes.TrimLeft(rest[1:], blanks)) == 0
	}
	return len(rest) < len(byteOrderMark) && bytes.HasPrefix([]byte(byteOrderMark), rest)
}

// beginsList reports whether the bracket at s.at is that of a list of objects,
// and not of a line of a log.
func (s *splitter) beginsList() bool {
	if !s.fresh || s.list > 0 {
		return false
	}
	rest := bytes.TrimLeft(s.buf[s.at+1:], blanks)
	may := "{]"
	if !s.found { // a list of whatever, and nothing was lost before it
		may = `{][ntf"`
	}
	return len(rest) > 0 && strings.IndexByte(may, rest[0]) >= 0
}

const (
	blanks = " \t\r\n"
	// mostBlanks is how many may stand between a bracket and the first object.
	mostBlanks = 4096
)

// passable reports whether what pass passes over ends in the buffer.
func (s *splitter) passable(lines bool) bool {
	if lines {
		return bytes.Contains(s.buf[s.at:], []byte("\n{"))
	}
	return bytes.IndexByte(s.buf[s.at:], '\n') >= 0
}

// skipLine goes to the beginning of the next line and keeps nothing of what it
// passes over. It reports false where there is no next line.
func (s *splitter) skipLine() bool {
	for {
		if n := bytes.IndexByte(s.buf[s.at:], '\n'); n >= 0 {
			s.use(n + 1)
			return true
		}
		s.use(len(s.buf) - s.at)
		if s.ended != nil {
			return false
		}
		s.fill()
	}
}

// skipSpace passes over what may stand between records.
func (s *splitter) skipSpace() {
	for ; s.at < len(s.buf); s.at++ {
		switch c := s.buf[s.at]; {
		case c == '\n':
			s.line++
			s.fresh = true
		case c == ' ' || c == '\t' || c == '\r' || c == recordSeparator:
		case c == byteOrderMark[0] && bytes.HasPrefix(s.buf[s.at:], []byte(byteOrderMark)):
			s.at += len(byteOrderMark) - 1
		case c == '[' && s.beginsList():
			s.list = 1
		case c == ',' && s.list > 0:
		case c == ']' && s.list > 0:
			s.list--
			s.fresh = s.list == 0
		default:
			return
		}
	}
}

// use moves on by n bytes, to where no record has begun.
func (s *splitter) use(n int) {
	s.line += bytes.Count(s.buf[s.at:s.at+n], []byte{'\n'})
	s.at += n
	s.looked, s.object = 0, scanner{}
	s.fresh = n > 0 && s.buf[s.at-1] == '\n'
}

// part gives away the buffer with what it has handed out last, and goes on with a
// copy of the rest.
func (s *splitter) part() {
	rest, room := s.buf[s.at:], firstBuffer
	for room < len(rest) {
		room *= 2 // as it would have grown to
	}
	s.base += int64(s.at)
	s.buf, s.at = append(make([]byte, 0, room), rest...), 0
}

func (s *splitter) offset() int64 { return s.base + int64(s.at) }

// fill reads once. What is used up makes room; an object that does not fit gets
// a larger buffer.
func (s *splitter) fill() {
	if s.buf == nil {
		s.buf = make([]byte, 0, firstBuffer)
	}
	if s.at > 0 {
		s.base += int64(s.at)
		s.buf = s.buf[:copy(s.buf, s.buf[s.at:])]
		s.at = 0
	}
	if len(s.buf) == cap(s.buf) {
		n := min(2*cap(s.buf), MaxRecord+firstBuffer)
		if s.await != nil {
			s.await(n)
		}
		larger := make([]byte, len(s.buf), n)
		copy(larger, s.buf)
		s.buf = larger
	} else if len(s.buf) == 0 && cap(s.buf) > firstBuffer {
		s.buf = make([]byte, 0, firstBuffer) // one huge record costs no more than its own time
	}
	for range noProgress {
		n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		if err != nil {
			s.ended = err
			return
		}
		if n > 0 {
			return
		}
	}
	s.ended = io.ErrNoProgress
}
