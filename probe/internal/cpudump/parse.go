package cpudump

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/armcore"
)

const (
	maxLine     = 4096    // longer lines are skipped, with a problem
	maxCPUs     = 65536   // of one dump
	maxLeaves   = 1 << 10 // of one CPU: real ones have about a hundred
	maxTotal    = 1 << 20 // leaves of one dump
	maxProblems = 20      // further ones are only counted
)

// ErrNotADump says that a text holds no line of any format.
var ErrNotADump = errors.New("not a CPUID dump: neither of cpuid -r nor of InstLatx64, libcpuid or libvirt")

// Parse reads a dump. Lines that look like a CPUID result and cannot be read
// are in Dump.Problems and cost only themselves; any other line is a comment.
// The error is [ErrNotADump], with what was found wrong.
func Parse(text []byte) (*Dump, error) {
	p := &parser{dump: &Dump{}, index: map[int]int{}, heading: -1, subleaf: map[uint32]uint32{}}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	for line := range bytes.Lines(text) {
		p.line++
		line = bytes.TrimSpace(line)
		if len(line) > maxLine {
			p.problem("longer than %d bytes", maxLine)
			continue
		}
		p.take(string(line))
	}
	d := p.dump
	d.Numbered = !p.unnumbered && len(d.CPUs)+len(d.Arm) > 0
	if len(d.CPUs)+len(d.Arm) == 0 {
		if len(d.Problems) > 0 {
			return d, fmt.Errorf("%w; %s", ErrNotADump, d.Problems[0])
		}
		return d, ErrNotADump
	}
	return d, nil
}

type parser struct {
	dump       *Dump
	line       int
	heading    int         // number of the CPU that the last heading named; -1 before any
	current    int         // place in dump.CPUs plus one; 0 after a heading
	index      map[int]int // place in dump.CPUs by number
	unnumbered bool        // results stand under no numbered heading
	total      int
	// subleaf counts the results of a leaf that InstLatx64 prints without
	// saying which subleaf they are.
	subleaf map[uint32]uint32
}

func (p *parser) problem(format string, a ...any) {
	if len(p.dump.Problems) == maxProblems {
		p.dump.More++
		return
	}
	p.dump.Problems = append(p.dump.Problems, Problem{p.line, fmt.Sprintf(format, a...)})
}

var errShape = errors.New("not a CPUID result")

// take understands one line.
func (p *parser) take(s string) {
	var leaves Leaf
	var format Format
	var err error
	switch {
	case strings.HasPrefix(s, "CPUID ") && strings.Contains(s, ":") && !strings.HasPrefix(s, "CPUID Registers"):
		format = InstLatx64
		leaves, err = p.instLat(s)
	case strings.HasPrefix(s, "0x") && strings.Contains(s, "eax="):
		format = CPUIDTool
		leaves, err = cpuidTool(s)
	case strings.HasPrefix(s, "<cpuid "):
		format = Libvirt
		leaves, err = libvirt(s)
	case strings.HasPrefix(s, "arm_midr="):
		p.arm(s)
		return
	default:
		var ok bool
		if leaves, ok, err = libCPUID(s); !ok {
			p.comment(s)
			return
		}
		format = LibCPUID
	}
	switch {
	case err != nil:
		p.problem("%v: %.60q", err, s)
	case !p.is(format):
		p.problem("%s in a dump of %s", format, p.dump.Format)
	default:
		p.add(leaves)
	}
}

// is keeps a dump to one format, that of its first result.
func (p *parser) is(format Format) bool {
	if p.dump.Format == "" {
		p.dump.Format = format
	}
	return p.dump.Format == format
}

// comment looks for the number of a CPU in a line that is no result: "CPU 0:",
// "CPU#000 AffMask: …", "------[ CPUID Registers / Logical CPU #0 ]------",
// "CPUID Registers (CPU #1 Virtual)".
func (p *parser) comment(s string) {
	i := strings.Index(s, "CPU")
	if i < 0 {
		return
	}
	if strings.HasPrefix(s, "CPU:") { // cpuid -r -1 does not say which CPU it is
		p.startCPU(-1)
		return
	}
	isHeading := i == 0 || strings.HasPrefix(s, "---") || strings.HasPrefix(s, "___")
	if j := strings.LastIndex(s, "CPU"); j > i {
		i = j
	}
	rest := strings.TrimLeft(s[i+len("CPU"):], " #")
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	if !isHeading || end == 0 || !endsHeading(strings.TrimLeft(rest[end:], " ")) {
		return
	}
	n, err := strconv.Atoi(rest[:end])
	if err != nil || n >= maxCPUs {
		p.problem("CPU number %.20q is beyond %d", rest[:end], maxCPUs-1)
		n = -1
	}
	p.startCPU(n)
}

// endsHeading recognises what may stand behind the number in a heading.
func endsHeading(s string) bool {
	if s == "" || s == ":" {
		return true
	}
	for _, prefix := range [...]string{"AffMask", "Virtual)", ")", "]", "_"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

func (p *parser) startCPU(n int) {
	p.heading, p.current = n, 0
	clear(p.subleaf)
}

// add puts a result to its CPU.
func (p *parser) add(l Leaf) {
	if p.current != 0 && l.EAXIn == 0 && l.ECXIn == 0 && p.heading < 0 {
		// Without headings, leaf 0 begins a CPU.
		if _, again := p.dump.CPUs[p.current-1].find(0, 0); again {
			p.startCPU(-1)
		}
	}
	if p.current == 0 {
		n := p.heading
		if n < 0 {
			p.unnumbered = true
			n = len(p.dump.CPUs)
		}
		at, known := p.index[n]
		if !known {
			if len(p.dump.CPUs) == maxCPUs {
				p.problem("more than %d CPUs", maxCPUs)
				return
			}
			at = len(p.dump.CPUs)
			p.index[n] = at
			p.dump.CPUs = append(p.dump.CPUs, CPU{Number: n})
		}
		p.current = at + 1
	}
	c := &p.dump.CPUs[p.current-1]
	if before, again := c.find(l.EAXIn, l.ECXIn); again {
		if before != l.Registers {
			p.problem("leaf %#x.%d of CPU %d again, with another result", l.EAXIn, l.ECXIn, c.Number)
		}
		return
	}
	if len(c.Leaves) == maxLeaves || p.total == maxTotal {
		p.problem("more leaves than any CPU has")
		return
	}
	p.total++
	c.Leaves = append(c.Leaves, l)
}

func (p *parser) arm(s string) {
	midr, err := armcore.ParseMIDR(strings.TrimPrefix(s, "arm_midr="))
	switch {
	case err != nil:
		p.problem("%v", err)
	case !p.is(LibCPUID):
		p.problem("%s in a dump of %s", LibCPUID, p.dump.Format)
	case len(p.dump.Arm) == maxCPUs:
		p.problem("more than %d CPUs", maxCPUs)
	default:
		n := p.heading
		if n < 0 {
			p.unnumbered = true
			n = len(p.dump.Arm)
		}
		p.dump.Arm = append(p.dump.Arm, Arm{n, midr})
	}
}

// word reads exactly eight hexadecimal digits, so that a cut line never
// becomes a smaller number.
func word(s string) (uint32, bool) {
	if len(s) != 8 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 16, 32)
	return uint32(n), err == nil
}

// registers reads four words in the order EAX, EBX, ECX, EDX.
func registers(words []string) (Registers, bool) {
	if len(words) != 4 {
		return Registers{}, false
	}
	var n [4]uint32
	for i, w := range words {
		var ok bool
		if n[i], ok = word(w); !ok {
			return Registers{}, false
		}
	}
	return Registers{n[0], n[1], n[2], n[3]}, true
}

// instLat reads "CPUID 00000007: 00000001-F1BF97AB-19405FCE-10000110 [SL 00]".
func (p *parser) instLat(s string) (Leaf, error) {
	in, out, _ := strings.Cut(strings.TrimPrefix(s, "CPUID "), ":")
	out, note, noted := strings.Cut(strings.TrimSpace(out), " ")
	leaf, ok := word(strings.TrimSpace(in))
	r, ok2 := registers(strings.Split(out, "-"))
	if !ok || !ok2 {
		return Leaf{}, errShape
	}
	if noted {
		if i := strings.Index(note, "[SL "); i >= 0 {
			digits, _, closed := strings.Cut(note[i+len("[SL "):], "]")
			n, err := strconv.ParseUint(digits, 16, 32)
			if err != nil || !closed {
				return Leaf{}, errShape
			}
			return Leaf{leaf, uint32(n), r}, nil
		}
	}
	n := uint32(0)
	if leaf != 0 { // leaf 0 again is another CPU
		n = p.subleaf[leaf]
		p.subleaf[leaf]++
	}
	return Leaf{leaf, n, r}, nil
}

// cpuidTool reads "0x00000007 0x00: eax=0x00000001 ebx=0xf1bf07ab ecx=… edx=…".
func cpuidTool(s string) (Leaf, error) {
	in, out, _ := strings.Cut(s, ":")
	f := strings.Fields(in)
	names := [...]string{"eax=0x", "ebx=0x", "ecx=0x", "edx=0x"}
	words := strings.Fields(out)
	if len(f) != 2 || len(words) != len(names) {
		return Leaf{}, errShape
	}
	for i, name := range names {
		var ok bool
		if words[i], ok = strings.CutPrefix(words[i], name); !ok {
			return Leaf{}, errShape
		}
	}
	leaf, ok := word(strings.TrimPrefix(f[0], "0x"))
	sub, err := strconv.ParseUint(strings.TrimPrefix(f[1], "0x"), 16, 32)
	r, ok2 := registers(words)
	if !ok || !ok2 || err != nil || !strings.HasPrefix(f[1], "0x") {
		return Leaf{}, errShape
	}
	return Leaf{leaf, uint32(sub), r}, nil
}

// libvirt reads "<cpuid eax_in='0x00000007' ecx_in='0x00' eax='0x…' … />".
func libvirt(s string) (Leaf, error) {
	s, closed := strings.CutSuffix(s, "/>")
	if !closed {
		return Leaf{}, errShape
	}
	values := map[string]uint32{}
	for attribute := range strings.FieldsSeq(strings.TrimPrefix(s, "<cpuid ")) {
		name, value, _ := strings.Cut(attribute, "=")
		if len(value) < 2 || value[0] != '\'' && value[0] != '"' || value[len(value)-1] != value[0] {
			return Leaf{}, errShape
		}
		digits, prefixed := strings.CutPrefix(value[1:len(value)-1], "0x")
		n, err := strconv.ParseUint(digits, 16, 32)
		if _, twice := values[name]; err != nil || twice || !prefixed {
			return Leaf{}, errShape
		}
		values[name] = uint32(n)
	}
	for _, name := range [...]string{"eax_in", "eax", "ebx", "ecx", "edx"} {
		if _, ok := values[name]; !ok {
			return Leaf{}, errShape
		}
	}
	return Leaf{values["eax_in"], values["ecx_in"], Registers{values["eax"], values["ebx"], values["ecx"], values["edx"]}}, nil
}

// libCPUID reads "basic_cpuid[1]=000506e3 00100800 7ffafbff bfebfbff" and its
// like. It returns false for a line of another kind.
func libCPUID(s string) (Leaf, bool, error) {
	array, rest, ok := strings.Cut(s, "[")
	number, out, ok2 := strings.Cut(rest, "]=")
	if !ok || !ok2 {
		return Leaf{}, false, nil
	}
	n, err := strconv.ParseUint(number, 10, 16)
	at := uint32(n)
	var l Leaf
	switch array {
	case "basic_cpuid":
		l = Leaf{EAXIn: at}
	case "ext_cpuid":
		l = Leaf{EAXIn: 0x80000000 + at}
	case "intel_fn4":
		l = Leaf{EAXIn: 4, ECXIn: at}
	case "intel_fn11":
		l = Leaf{EAXIn: 0xb, ECXIn: at}
	case "intel_fn12h":
		l = Leaf{EAXIn: 0x12, ECXIn: at}
	case "intel_fn14h":
		l = Leaf{EAXIn: 0x14, ECXIn: at}
	case "amd_fn8000001dh":
		l = Leaf{EAXIn: 0x8000001d, ECXIn: at}
	case "amd_fn80000026h":
		l = Leaf{EAXIn: 0x80000026, ECXIn: at}
	default:
		return Leaf{}, false, nil
	}
	l.Registers, ok = registers(strings.Fields(out))
	if err != nil || !ok {
		return Leaf{}, true, errShape
	}
	return l, true, nil
}
