package fleet

import (
	"bytes"
	"cmp"
	"io"

	"github.com/xencheck/xencheck/probe"
)

// form is what an input is packed in.
type form int

const (
	isText    form = iota // anything else
	isObject              // begins like a JSON object
	isList                // begins like a JSON list
	isGzip                // RFC 1952
	isZstd                // RFC 8878
	isTar                 // POSIX ustar and its kin
	isSources             // a tar that collect --raw wrote
	isForeign             // a known way that is not read
	isUTF16               // begins like JSON in UTF-16 (RFC 8259 allows UTF-8 alone)
)

// ours reports whether something that nobody named is worth reading.
func (f form) ours() bool { return f != isText && f != isList && f != isForeign && f != isUTF16 }

// peeker is a reader whose beginning can be looked at first.
type peeker struct {
	r     io.Reader
	head  []byte // read and not yet given out
	err   error  // what comes behind head
	store [probe.ArchiveStart]byte
}

func (p *peeker) Read(b []byte) (int, error) {
	if len(p.head) > 0 {
		n := copy(b, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	if p.err != nil {
		return 0, p.err
	}
	return p.r.Read(b)
}

// sniff looks at as little of the beginning as tells what it is: a pipe may
// have written one short line and wait for the answer to it.
func (p *peeker) sniff() form {
	for {
		f, more := formOf(p.head)
		if !more || !p.more() {
			return f
		}
	}
}

// binary reports whether the beginning holds a NUL, which text does not.
func (p *peeker) binary() bool {
	for p.more() {
	}
	return bytes.IndexByte(p.head, 0) >= 0
}

// padding passes over the zeros that fill an archive up to the size of a block,
// and reports whether anything stands behind them.
func (p *peeker) padding() (more bool, err error) {
	for {
		p.head = p.store[:copy(p.store[:], bytes.TrimLeft(p.head, "\x00"))]
		switch {
		case len(p.head) > 0:
			return true, nil
		case p.more():
		case p.err == io.EOF:
			return false, nil
		default:
			return false, cmp.Or(p.err, io.ErrNoProgress)
		}
	}
}

// more reads more of the beginning; false when there is no more of it.
func (p *peeker) more() bool {
	for range noProgress {
		if p.err != nil || len(p.head) == len(p.store) {
			return false
		}
		n, err := p.r.Read(p.store[len(p.head):])
		p.head, p.err = p.store[:len(p.head)+n], err
		if n > 0 {
			return true
		}
	}
	return false
}

// formOf tells what begins like this, and whether more of it may tell better.
func formOf(head []byte) (f form, more bool) {
	if len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" {
		return isZstd, false // a skippable frame (RFC 8878, section 3.1.2), with which pzstd begins
	}
	for _, m := range []struct {
		magic string
		is    form
	}{
		{"\x1f\x8b\x08", isGzip},
		{"\x28\xb5\x2f\xfd", isZstd},
		{"BZh", isForeign},
		{"\xfd7zXZ\x00", isForeign},
		{"PK\x03\x04", isForeign},
		{"\x04\x22\x4d\x18", isForeign}, // LZ4
		{"7z\xbc\xaf\x27\x1c", isForeign},
		{"\x1f\x9d", isForeign}, // compress
		{"\xff\xfe{\x00", isUTF16},
		{"\xff\xfe[\x00", isUTF16},
		{"\xfe\xff\x00{", isUTF16},
		{"\xfe\xff\x00[", isUTF16},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.is, false
		}
		if bytes.HasPrefix([]byte(m.magic), head) {
			return isText, true
		}
	}
	switch text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n"); {
	case len(text) == 0:
		return isText, true
	case text[0] == '{':
		return isObject, false
	case text[0] == '[':
		return isList, false
	}
	const magicAt = 257 // of ustar in the header of a member
	switch {
	case len(head) < magicAt+len("ustar"):
		return isText, bytes.IndexByte(head, '\n') < 0
	case !bytes.HasPrefix(head[magicAt:], []byte("ustar")):
		return isText, false
	case probe.IsArchive(head):
		return isSources, false
	}
	return isTar, true
}
