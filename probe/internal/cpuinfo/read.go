package cpuinfo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xencheck/xencheck/probe/armcore"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/cpulist"
)

// missing stands for a number that a processor does not show.
const missing = -1

// record is one processor as far as it has been read.
type record struct {
	line    int  // of its "processor" line; 0 before the first of them
	number  int  // as printed; missing when it could not be read
	ignored bool // listed before

	vendor, name            string
	family, model, stepping int

	implementer, variant, part, revision int
	cut                                  bool // the line of the revision does not end
	arm                                  bool // shows any of Arm's keys
	features                             bool // shows a list of features
}

func blank() record {
	return record{number: missing, family: missing, model: missing, stepping: missing,
		implementer: missing, variant: missing, part: missing, revision: missing}
}

// parser holds the state of one pass over the text.
type parser struct {
	info Info
	line int
	rec  record // the processor being read

	isX86 bool   // a key of x86 was seen
	isArm bool   // a key of Arm was seen
	other string // the architecture that some other key tells

	first                bool // the next record is the first
	lastVendor, lastName string
	models               []facts.X86Model
	bootModel            int // index in models; missing when unidentified
	flags, vmx           collector
	silent               int // records without a list of features

	cores        []core
	bootCore     int // index in cores; missing when not told
	withCore     int // records that tell their core
	lastWithCore int // which record was the last of them, counted from 1
	armless      int // records that show none of Arm's keys
	architecture int
	hardware     string
}

// core is a distinct Arm core while counting.
type core struct {
	midr  armcore.MIDR
	count int
	cpus  cpulist.Set
}

func newParser() *parser {
	return &parser{rec: blank(), first: true, bootModel: missing, bootCore: missing}
}

func (p *parser) problem(line int, format string, a ...any) {
	if len(p.info.Problems) == maxProblems {
		p.info.More++
		return
	}
	p.info.Problems = append(p.info.Problems, Problem{line, fmt.Sprintf(format, a...)})
}

// read feeds every line to take.
func (p *parser) read(r io.Reader) error {
	b := bufio.NewReaderSize(r, maxLine)
	total := 0
	for {
		line, err := b.ReadSlice('\n')
		total += len(line)
		p.line++
		if errors.Is(err, bufio.ErrBufferFull) {
			p.problem(p.line, "longer than %d bytes", maxLine)
			for errors.Is(err, bufio.ErrBufferFull) && total <= maxBytes {
				line, err = b.ReadSlice('\n')
				total += len(line)
			}
			line = nil
		}
		if total > maxBytes {
			return ErrTooLarge
		}
		if key, value, ok := bytes.Cut(line, []byte(":")); ok {
			p.take(bytes.TrimSpace(key), bytes.TrimSpace(value), err == nil)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

// take understands one line, whose bytes are valid during the call only. When
// the line did not end, its value may be cut short.
func (p *parser) take(key, value []byte, ended bool) {
	rec := &p.rec
	switch string(key) {
	case "processor":
		p.begin(value, ended)
	case "vendor_id":
		rec.vendor = p.text(value, p.lastVendor)
		if p.lastVendor = rec.vendor; rec.vendor == "IBM/S390" {
			p.other = "s390x"
		}
	case "cpu family":
		if bytes.HasPrefix(value, []byte("PA-RISC")) {
			p.other = "parisc"
			return
		}
		p.isX86 = true
		rec.family = p.number(key, value, 10, 0xfff, ended)
	case "model":
		if rec.family != missing { // other architectures write words here
			rec.model = p.number(key, value, 10, 0xfff, ended)
		}
	case "stepping":
		rec.stepping = p.number(key, value, 10, 0xff, ended)
	case "model name":
		if rec.name = p.text(value, p.lastName); !ended && rec.name != p.lastName {
			p.cut(key)
			rec.name = ""
			return
		}
		p.lastName = rec.name
	case "flags":
		p.isX86 = true
		p.list(&p.flags, key, value, ended)
	case "vmx flags":
		p.list(&p.vmx, key, value, ended)
	case "Features":
		rec.arm = true
		p.list(&p.flags, key, value, ended)
	case "CPU implementer":
		rec.arm = true
		rec.implementer = p.number(key, value, 0, 0xff, ended)
	case "CPU architecture":
		rec.arm = true
		p.arch(value)
	case "CPU variant":
		rec.arm = true
		rec.variant = p.number(key, value, 0, 0xf, ended)
	case "CPU part":
		rec.arm = true
		rec.part = p.number(key, value, 0, 0xfff, ended)
	case "CPU revision":
		rec.arm = true
		// The last line of a record, often copied without its end. Revisions
		// of two digits are so rare that it is believed all the same.
		rec.revision, rec.cut = p.number(key, value, 10, 0xf, true), !ended
	case "Hardware":
		p.hardware = p.text(value, p.hardware)
	default:
		p.otherKey(key, value)
	}
	p.isArm = p.isArm || rec.arm
}

func (p *parser) cut(key []byte) {
	p.problem(p.line, "the last line does not end: %s may be cut short and is not used", key)
}

// number reads a number from 0 to most.
func (p *parser) number(key, value []byte, base, most int, ended bool) int {
	n, err := strconv.ParseUint(string(value), base, 32)
	switch {
	case err != nil || n > uint64(most):
		p.problem(p.line, "%s is %.40q, not a number up to %d", key, value, most)
		return missing
	case !ended:
		p.cut(key)
		return missing
	}
	return int(n)
}

// text returns a value as a string. Neighbours mostly say the same: then their
// string is shared.
func (p *parser) text(value []byte, before string) string {
	const most = 256
	if string(value) == before {
		return before
	}
	if !utf8.Valid(value) {
		p.problem(p.line, "not UTF-8")
	}
	s := strings.ToValidUTF8(string(value[:min(len(value), most)]), "\uFFFD")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}

// list takes a list of features.
func (p *parser) list(c *collector, key, value []byte, ended bool) {
	if !ended {
		p.cut(key)
		return
	}
	err := c.add(value)
	if err != nil {
		p.problem(p.line, "%s: %v", key, err)
	}
	if c == &p.flags && err != errEncoding {
		p.rec.features = true
	}
}

// arch takes "CPU architecture": 8 or AArch64, 7, 7M, 6TEJ, 5TE, 4T.
func (p *parser) arch(value []byte) {
	n := 0
	switch {
	case string(value) == "AArch64":
		n = 8
	case len(value) > 0 && value[0] >= '4' && value[0] <= '9' && (len(value) == 1 || value[1] > '9'):
		n = int(value[0] - '0')
	default:
		p.problem(p.line, "CPU architecture is %.40q, which is none", value)
		return
	}
	if p.architecture != 0 && p.architecture != n {
		p.problem(p.line, "CPU architecture is %d, after %d", n, p.architecture)
		return
	}
	p.architecture = n
}

// otherKey recognises the architectures that are not read in detail, by keys
// that none of the others has.
func (p *parser) otherKey(key, value []byte) {
	name := ""
	switch string(key) {
	case "arch":
		if string(value) == "IA-64" {
			name = "ia64"
		}
	case "timebase":
		name = "ppc"
	case "isa":
		if name = "riscv64"; bytes.HasPrefix(value, []byte("rv32")) {
			name = "riscv32"
		}
	case "ISA":
		if bytes.Contains(value, []byte("loongarch")) {
			name = "loongarch64"
		}
	case "ASEs implemented", "VPE":
		name = "mips"
	case "cpu":
		switch {
		case bytes.Contains(bytes.ToLower(value), []byte("sparc")):
			name = "sparc64"
		case string(value) == "Alpha":
			name = "alpha"
		}
	default:
		// On s390 the number is in the key: "processor 0: version = …".
		if n, ok := bytes.CutPrefix(key, []byte("processor ")); ok && p.other == "s390x" {
			if n, err := strconv.ParseUint(string(n), 10, 16); err == nil && p.info.CPUs.Add(int(n)) {
				p.info.Processors++
			}
		}
	}
	if p.other == "" {
		p.other = name
	}
}

// begin ends the record before and starts one.
func (p *parser) begin(value []byte, ended bool) {
	if p.rec.line != 0 {
		p.end()
	}
	p.rec = blank() // what stands before the first processor is a heading
	p.rec.line = p.line
	n := p.number([]byte("processor"), value, 10, cpulist.Max-1, ended)
	if n != missing && !p.info.CPUs.Add(n) {
		p.problem(p.line, "processor %d is listed twice", n)
		p.rec.ignored = true
	}
	p.rec.number = n
}

// end counts the record that was being read.
func (p *parser) end() {
	rec := p.rec
	p.rec = blank()
	switch {
	case rec.ignored:
		return
	case rec.line == 0 && rec.part == missing:
		return // no processor in the whole text
	case rec.line == 0:
		// Arm kernels built for one processor print its block alone.
		rec.line, rec.number = p.line, 0
		p.info.CPUs.Add(0)
	}
	if p.info.Processors == cpulist.Max {
		p.problem(rec.line, "more than %d processors", cpulist.Max)
		return
	}
	p.info.Processors++
	if !rec.features {
		p.silent++
	}
	p.countModel(rec)
	p.countCore(rec)
	p.first = false
}

func (p *parser) countModel(rec record) {
	if rec.arm || !p.isX86 {
		return
	}
	if rec.vendor == "" || rec.family == missing || rec.model == missing || rec.stepping == missing {
		p.problem(rec.line, "this processor lacks vendor_id, cpu family, model or stepping")
		return
	}
	m := facts.X86Model{Vendor: rec.vendor, Family: rec.family, Model: rec.model, Stepping: rec.stepping, Name: rec.name, CPUs: 1}
	// The newest model first: neighbours are mostly alike.
	for i := len(p.models) - 1; i >= 0; i-- {
		k := &p.models[i]
		if k.Vendor == m.Vendor && k.Family == m.Family && k.Model == m.Model && k.Stepping == m.Stepping &&
			(k.Name == m.Name || m.Name == "") {
			k.CPUs++
			return
		}
	}
	if len(p.models) == maxDistinct {
		return
	}
	if p.first {
		p.bootModel = len(p.models)
	}
	p.models = append(p.models, m)
}

func (p *parser) countCore(rec record) {
	if !rec.arm {
		p.armless++
		return
	}
	if rec.implementer == missing || rec.variant == missing || rec.part == missing || rec.revision == missing {
		p.problem(rec.line, "this processor lacks CPU implementer, variant, part or revision")
		return
	}
	midr := armcore.New(rec.implementer, rec.variant, rec.part, rec.revision)
	at := len(p.cores) - 1
	for at >= 0 && p.cores[at].midr != midr {
		at--
	}
	if at < 0 {
		if len(p.cores) == maxDistinct {
			return
		}
		if rec.cut { // no other processor confirms it
			p.problem(p.line, "the last line does not end: the revision may be cut short")
		}
		at = len(p.cores)
		p.cores = append(p.cores, core{midr: midr})
	}
	if rec.number == 0 {
		p.bootCore = at
	}
	p.cores[at].count++
	p.cores[at].cpus.Add(rec.number)
	p.withCore++
	p.lastWithCore = p.info.Processors
}

// finish ends the last record and puts the counts together.
func (p *parser) finish() {
	p.end()
	switch {
	case p.isX86 && p.isArm:
		p.problem(p.line, "has keys of x86 and of Arm: neither is believed")
	case p.isX86:
		p.info.Arch = ArchX86
		x := &X86{Models: p.models, Unidentified: p.info.Processors}
		for _, m := range p.models {
			x.Unidentified -= m.CPUs
		}
		if p.bootModel != missing {
			boot := p.models[p.bootModel]
			x.Boot = &boot
		}
		x.Flags = p.flags.features(p.silent)
		x.Flags.merge(p.vmx.features(0))
		p.info.X86 = x
	case p.isArm:
		p.info.Arch = ArchArm
		p.info.Arm = p.arm()
	default:
		p.info.Arch = p.other
	}
}

func (p *parser) arm() *Arm {
	n := p.info.Processors
	a := &Arm{Architecture: p.architecture, Hardware: p.hardware}
	// One block below the last of several processors is that of whichever
	// processor read the file, though its features are those of all.
	shared := n > 1 && p.withCore == 1 && p.lastWithCore == n && p.armless == n-1
	if shared {
		a.Features = p.flags.features(0)
		a.Uncertain = n
	} else {
		a.Features = p.flags.features(p.silent)
		a.Uncertain = n - p.withCore
	}
	a.CoresCertain = n > 0 && a.Uncertain == 0
	for i, c := range p.cores {
		f := facts.ArmCore{
			Implementer: c.midr.Implementer(), Part: c.midr.Part(),
			Variant: c.midr.Variant(), Revision: c.midr.Revision(), RevisionKnown: true,
			CPUs: c.cpus.String(), Count: c.count,
		}
		if shared {
			f.CPUs, f.Count = "", 0
		}
		// Before Armv7 the register names the architecture, which is not shown.
		if p.architecture >= 7 {
			f.MIDR = c.midr.String()
		}
		if known, ok := armcore.Lookup(f.Implementer, f.Part); ok {
			f.Name = known.Name
		}
		a.Cores = append(a.Cores, f)
		if i == p.bootCore && !shared {
			boot := f
			a.Boot = &boot
		}
	}
	return a
}
