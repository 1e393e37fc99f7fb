// Package xldmesg understands Xen's console ring: what "xl dmesg" prints, and
// logs of the serial console.
//
// There is no specification: the lines are those of printk calls all over Xen.
// The ring is small (16 KiB by default) and loses its start to what came
// later, so a line that is there proves something and a line that is not
// proves nothing. The package offers no way to ask for absence.
package xldmesg

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

const (
	maxText  = 64 << 20 // conring_size= can make the ring this large
	maxFacts = 5000

	maxLine = 8 << 10 // Xen's own buffer has 2 KiB; the rest is not looked at

	// A terminal is at least this wide.
	terminalWidth = 79
	// Mail is folded no earlier.
	mailWidth = 60
)

// Fact is one line that says something known.
type Fact struct {
	Kind Kind
	// Values holds what the line says, in the order that the Kind describes. A
	// part that the line does not have is empty.
	Values []string
	Text   string // the line, without "(XEN)" and time stamp
	Line   int    // counted from 1
	// Joined says that the line was broken; at which character is a guess.
	Joined bool
}

// Log is what a text says.
type Log struct {
	Facts []Fact // in order
	Lines int    // lines of Xen
	// FromBoot says that the ring still has its start. Lines may be missing
	// all the same: by their level, or because the text was shortened.
	FromBoot bool
	// Cut says that the text does not end with a line end.
	Cut  bool
	More int // facts beyond those in Facts
}

// The errors of Parse.
var (
	ErrTooLarge = errors.New("larger than any console ring")
	ErrNoLines  = errors.New("no line of Xen in it")
)

// Parse reads a text. The Log returned with an error holds what was understood
// before.
func Parse(b []byte) (*Log, error) {
	var err error
	if len(b) > maxText {
		b, err = b[:maxText], ErrTooLarge
	}
	text := string(b)
	p := parser{log: &Log{Cut: text != "" && !strings.HasSuffix(text, "\n")}}
	for line := range strings.Lines(text) {
		if _, _, own := xenLine(strings.TrimRight(line, "\r\n")); own {
			p.width = max(p.width, len(strings.TrimRight(line, "\r\n")))
		}
	}
	for line := range strings.Lines(text) {
		p.read(strings.TrimRight(line, "\r\n"))
	}
	// The last line of a text that was cut says nothing for certain.
	if p.log.Cut {
		p.pending.text = ""
	}
	p.flush()
	if err == nil && p.log.Lines == 0 {
		err = ErrNoLines
	}
	return p.log, err
}

type parser struct {
	log     *Log
	number  int
	width   int // of the longest line of Xen, as written
	pending struct {
		text   string
		line   int
		length int // of its last part, as written
		joined bool
	}
}

func (p *parser) read(line string) {
	p.number++
	text, plain, own := xenLine(line)
	if own {
		p.flush()
		p.log.Lines++
		p.pending.text, p.pending.line, p.pending.length = text, p.number, len(line)
		return
	}
	if p.pending.text == "" || len(p.pending.text)+len(line) > maxLine {
		p.flush()
		return
	}
	// A line of somebody else ends Xen's; the rest of a broken one does not
	// look like a line of anybody.
	first, _, _ := strings.Cut(strings.TrimLeft(plain, " "), " ")
	switch {
	case plain == "", strings.HasPrefix(plain, "(d"), strings.HasPrefix(plain, "["):
	case p.pending.length == p.width && p.width >= terminalWidth:
		p.extend(plain, len(line))
		return
	case p.pending.length >= mailWidth && p.pending.length+1+len(first) > 72 && p.width <= 100:
		p.extend(" "+strings.TrimLeft(plain, " "), len(line))
		return
	}
	p.flush()
}

func (p *parser) extend(text string, length int) {
	p.pending.text += text
	p.pending.length = length
	p.pending.joined = true
}

func (p *parser) flush() {
	text, line, joined := p.pending.text, p.pending.line, p.pending.joined
	p.pending.text, p.pending.joined = "", false
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxLine {
		return
	}
	for _, l := range forms {
		if !strings.Contains(text, l.part) {
			continue
		}
		m := l.form.submatches(text)
		if m == nil {
			continue
		}
		if l.kind == Banner {
			p.log.FromBoot = true
		}
		if len(p.log.Facts) == maxFacts {
			p.log.More++
			return
		}
		p.log.Facts = append(p.log.Facts, Fact{Kind: l.kind, Values: m[1:], Text: text, Line: line, Joined: joined})
		return
	}
}

// stamp is the time that console_timestamps= puts before a line: a date, a
// date with milliseconds, seconds since boot, or ticks.
var stamp = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\[(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?| *\d+\.\d+|[0-9a-f]{16})\] ?`)
})

// xenLine takes the text of a line of Xen. Guests can write into the ring; Xen
// marks their lines with (d1), and what such a line says later on is not Xen's.
// plain is the line without marks of quotation.
func xenLine(line string) (text, plain string, own bool) {
	plain = strings.TrimLeft(line, ">| \t")
	i := strings.Index(plain, "(XEN)")
	// A log may put its own time and the host's name in front.
	if i < 0 || i > 80 || strings.Contains(plain[:i], "(") || i > 0 && plain[i-1] != ' ' {
		return "", plain, false
	}
	text = strings.TrimPrefix(plain[i+len("(XEN)"):], " ")
	return stamp().ReplaceAllString(text, ""), plain, true
}

// Find returns the facts of a kind, in order.
func (l *Log) Find(kind Kind) []Fact {
	var found []Fact
	for _, f := range l.Facts {
		if f.Kind == kind {
			found = append(found, f)
		}
	}
	return found
}

// Seen returns the last fact of a kind. Nothing follows from its not being
// there, even where [Log.FromBoot] is true.
func (l *Log) Seen(kind Kind) (Fact, bool) {
	found := l.Find(kind)
	if len(found) == 0 {
		return Fact{}, false
	}
	return found[len(found)-1], true
}

// Value returns a value of the fact, by its position; empty beyond the last.
func (f Fact) Value(i int) string {
	if i >= len(f.Values) {
		return ""
	}
	return f.Values[i]
}

// Number returns a value of the fact as a number: decimal, or hexadecimal
// after 0x. A line that was broken has no certain number.
func (f Fact) Number(i int) (n uint64, ok bool) {
	if f.Joined {
		return 0, false
	}
	s, base := f.Value(i), 10
	if rest, hex := strings.CutPrefix(s, "0x"); hex {
		s, base = rest, 16
	}
	n, err := strconv.ParseUint(s, base, 64)
	return n, err == nil
}

// ArmMIDR returns the main ID register of an [ArmProcessor].
func (f Fact) ArmMIDR() (uint32, bool) {
	if f.Kind != ArmProcessor || f.Joined {
		return 0, false
	}
	n, err := strconv.ParseUint(f.Value(0), 16, 64)
	return uint32(n), err == nil && n>>32 == 0
}

// Debug returns whether a [Banner] is that of a build with CONFIG_DEBUG=y.
func (f Fact) Debug() (on, stated bool) {
	return f.Value(2) == "y", f.Kind == Banner && f.Value(2) != ""
}
