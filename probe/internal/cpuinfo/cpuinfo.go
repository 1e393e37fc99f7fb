// Package cpuinfo understands /proc/cpuinfo as Linux writes it on x86, Arm and,
// as far as telling their names, the other architectures.
//
// There is no specification: the text is what show_cpuinfo prints in each
// architecture's kernel code. It is read as a stream, line by line, so that
// 4096 processors with two kilobytes of flags each need no more memory than
// one.
package cpuinfo

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/cpulist"
)

const (
	maxLine     = 64 << 10  // longer lines are skipped, with a problem
	maxBytes    = 256 << 20 // beyond any honest file: 65536 processors of 4 KiB
	maxProblems = 20        // further ones are only counted
	maxDistinct = 1024      // distinct signatures, cores or feature names
)

// Info is what a /proc/cpuinfo says.
type Info struct {
	// Arch is x86 or arm, which do not tell 64 from 32 bits here (see the
	// flags), or the Linux name of another architecture as far as the text
	// tells it: s390x, ppc, riscv64, ia64, loongarch64, mips, … Empty when
	// nothing was recognised.
	Arch       string
	Processors int         // processors listed: those online
	CPUs       cpulist.Set // their numbers
	X86        *X86        // set when Arch is x86
	Arm        *Arm        // set when Arch is arm
	Problems   []Problem   // what could not be read; the rest holds
	More       int         // problems beyond those in Problems
}

// The architectures that Info tells apart in detail.
const (
	ArchX86 = "x86"
	ArchArm = "arm"
)

// Problem is a line that could not be read.
type Problem struct {
	Line int // counted from 1
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("line %d: %s", p.Line, p.Text) }

// X86 is what is particular to x86.
type X86 struct {
	Models []facts.X86Model // distinct signatures with names, in order of appearance
	// Unidentified counts processors whose family, model or stepping could not
	// be read. With the CPUs of Models it makes up Processors.
	Unidentified int
	Boot         *facts.X86Model // the first processor listed; nil when unidentified
	Flags        Features        // "flags" and "vmx flags"
}

// Arm is what is particular to Arm.
type Arm struct {
	Cores []facts.ArmCore // distinct cores, in order of appearance
	// Uncertain counts processors whose core the text does not tell. With the
	// counts of Cores it makes up Processors.
	Uncertain int
	// CoresCertain is true when every listed processor has a core of its own in
	// the text. Kernels before Linux 3.8 (some 64-bit ones later) print one
	// block for the processor that happened to read the file: its core is in
	// Cores, with a count of 0 unless it is the only processor.
	CoresCertain bool
	Boot         *facts.ArmCore // the core of processor 0; nil when not told
	Architecture int            // of "CPU architecture": 8, 7, 6, 5, 4; 0 when not told
	Features     Features       // "Features"
	Hardware     string         // "Hardware": the board, on older kernels
}

// Features is the feature names of several processors.
type Features struct {
	All    []string // names that every list has, sorted
	Any    []string // names that at least one list has, sorted
	Silent int      // processors that show no list
}

// Has reports whether every processor and whether any processor shows a
// feature. A processor that shows no list counts as one that may lack it.
func (f Features) Has(name string) (every, some bool) {
	_, all := slices.BinarySearch(f.All, name)
	_, some = slices.BinarySearch(f.Any, name)
	return all && f.Silent == 0, some
}

// ErrNoProcessors says that a text lists no processor at all.
var ErrNoProcessors = errors.New("no processors listed")

// ErrTooLarge says that a text is larger than any machine's.
var ErrTooLarge = errors.New("larger than any /proc/cpuinfo")

// Parse reads a whole /proc/cpuinfo. The error is of reading, [ErrTooLarge] or
// [ErrNoProcessors]; the Info returned with it holds what was understood
// before. Lines that cannot be read are in Info.Problems and cost only
// themselves.
//
// Serial numbers are not looked at.
func Parse(r io.Reader) (*Info, error) {
	p := newParser()
	err := p.read(r)
	p.finish()
	if err == nil && p.info.Processors == 0 {
		err = ErrNoProcessors
	}
	return &p.info, err
}
