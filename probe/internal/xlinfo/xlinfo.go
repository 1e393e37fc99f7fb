// Package xlinfo understands what "xl info" prints, of any release from 4.2 on,
// and the "xm info" before it.
//
// There is no specification: the text is what main_info in tools/xl prints, one
// "key : value" a line. People send it along wrapped by a terminal, folded or
// quoted by mail, and without its end; what such a text does not tell for
// certain is not told.
package xlinfo

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	maxText  = 1 << 20
	maxLines = 10000

	// A terminal is at least this wide. Mail is folded before.
	terminalWidth = 79
)

// keys are those that any release prints.
var keys = []string{
	"arm_sve_vector_length", "build_id", "cc_compile_by", "cc_compile_date", "cc_compile_domain", "cc_compiler",
	"cores_per_socket", "cpu_mhz", "cpu_topology", "device topology", "free_cpus", "free_memory", "host", "hw_caps",
	"libxl_event", "machine", "max_cpu_id", "max_free_memory", "max_hvm_memory", "max_para_memory", "max_vcpu_id",
	"node_to_cpu", "node_to_dma32_mem", "node_to_memory", "nr_cpus", "nr_nodes", "numa_info", "outstanding_claims",
	"platform_params", "release", "sharing_freed_memory", "sharing_used_memory", "sockets_per_node", "system",
	"threads_per_core", "total_memory", "version", "virt_caps", "xen_caps", "xen_changeset", "xen_commandline",
	"xen_extra", "xen_major", "xen_minor", "xen_pagesize", "xen_scheduler", "xen_version", "xend_config_format",
}

// tables are the keys that "xl info -n" follows with lines of their own form.
var tables = []string{"cpu_topology", "device topology", "numa_info"}

// Field is one key with its value.
type Field struct {
	Key   string
	Value string
	Line  int // of the key, counted from 1
	// Joined says that the value was on several lines. Where a line was broken
	// at a blank, or within a word, is a guess.
	Joined bool
	// Cut says that the text ends within this field: the value may go on.
	Cut bool
}

// Info is what a text says.
type Info struct {
	Fields []Field // in order; a key that comes twice is there twice
	// Complete says that the text ends where xl ends.
	Complete bool
}

// The errors of Parse.
var (
	ErrTooLarge = errors.New("larger than any output of xl info")
	ErrNoInfo   = errors.New("not the output of xl info")
)

// Parse reads a text. The Info returned with an error holds what was
// understood before.
func Parse(b []byte) (*Info, error) {
	info := &Info{}
	var tooLarge error
	if len(b) > maxText {
		b, tooLarge = b[:maxText], ErrTooLarge
	}
	text := string(b)
	whole := strings.HasSuffix(text, "\n")
	width := 0
	p := parser{info: info}
	for line := range strings.Lines(text) {
		if p.line == maxLines {
			tooLarge, whole = ErrTooLarge, false
			break
		}
		line = strings.TrimRight(line, "\r\n")
		width = max(width, len(line))
		p.read(line)
	}
	p.join(width)
	n := len(info.Fields)
	if n == 0 {
		return info, errors.Join(tooLarge, ErrNoInfo)
	}
	last := &info.Fields[n-1]
	last.Cut = !whole
	// The format of xend's configuration is last to this day, though xend is
	// gone since 4.5.
	info.Complete = tooLarge == nil && last.Key == "xend_config_format" && last.Value != ""
	return info, tooLarge
}

type parser struct {
	info  *Info
	line  int
	lines [][]string // of each field: the physical lines of its value
	width []int      // of each field: the width of the first line
	table bool
}

// A key of a release not known here: xl puts a blank before the colon.
var unknownKey = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([a-z][a-z0-9_]{1,40}) +:(?: |$)`)
})

func (p *parser) read(line string) {
	p.line++
	s := strings.TrimLeft(line, "> \t|")
	if key, value, ok := split(s, p.table); ok {
		p.info.Fields = append(p.info.Fields, Field{Key: key, Line: p.line})
		// The width counts what stands before, as the terminal did.
		p.lines = append(p.lines, []string{value})
		p.width = append(p.width, len(line))
		p.table = slices.Contains(tables, key)
		return
	}
	if n := len(p.lines) - 1; n >= 0 && !p.table && strings.TrimSpace(s) != "" && !isPrompt(s) {
		// A folded line may be indented, but blanks of a wrapped one belong to
		// the value.
		if strings.TrimLeft(line, " \t") != s {
			line = s
		}
		p.lines[n] = append(p.lines[n], line)
		p.info.Fields[n].Joined = true
	} else if n >= 0 && isPrompt(s) {
		p.table = true // what follows is no longer xl's
	}
}

// split divides a line into key and value if it begins a field.
func split(s string, table bool) (key, value string, ok bool) {
	head, rest, found := strings.Cut(s, ":")
	if !found {
		return "", "", false
	}
	key = strings.TrimRight(head, " \t")
	if !slices.Contains(keys, key) {
		if table || !unknownKey().MatchString(s) {
			return "", "", false
		}
	}
	return key, strings.TrimPrefix(rest, " "), true
}

// isPrompt tells a shell's prompt, which ends what xl printed.
func isPrompt(s string) bool {
	return strings.HasPrefix(s, "$ ") || strings.HasPrefix(s, "# ") || strings.Contains(s, "]# ") || strings.Contains(s, ":~# ") || strings.Contains(s, ":~$ ")
}

// join puts the lines of each value together. A terminal breaks at its width,
// whatever stands there; a mail program breaks earlier, and at a blank.
func (p *parser) join(width int) {
	for i, lines := range p.lines {
		var b strings.Builder
		long := p.width[i]
		for j, l := range lines {
			if j > 0 {
				if long < max(width, terminalWidth) {
					b.WriteByte(' ')
					l = strings.TrimLeft(l, " \t")
				}
				long = len(l)
			}
			b.WriteString(l)
		}
		p.info.Fields[i].Value = strings.Trim(b.String(), " \t")
	}
}

// Field returns the last field of that key. ok is false where the text has
// none: its release may not print it, or the text may have lost it.
func (i *Info) Field(key string) (f Field, ok bool) {
	for _, f := range slices.Backward(i.Fields) {
		if f.Key == key {
			return f, true
		}
	}
	return Field{}, false
}

// String returns a value that is certain: not cut.
func (i *Info) String(key string) (string, bool) {
	f, ok := i.Field(key)
	if !ok || f.Cut {
		return "", false
	}
	return f.Value, true
}

// Int returns a value that is a number, not cut and not joined.
func (i *Info) Int(key string) (int, bool) {
	f, ok := i.Field(key)
	if !ok || f.Cut || f.Joined {
		return 0, false
	}
	n, err := strconv.ParseInt(f.Value, 10, 64)
	return int(n), err == nil
}

// Words returns a value that is a list of words. An empty list is a list.
func (i *Info) Words(key string) ([]string, bool) {
	s, ok := i.String(key)
	if !ok {
		return nil, false
	}
	return append([]string{}, strings.Fields(s)...), true
}

// HasVirtCap tells whether virt_caps has a word, and whether there is such a
// line: releases before 4.2 print none.
func (i *Info) HasVirtCap(word string) (has, stated bool) {
	words, ok := i.Words("virt_caps")
	return slices.Contains(words, word), ok
}

// TotalMemory returns total_memory, which is in MiB, in bytes.
func (i *Info) TotalMemory() (uint64, bool) {
	n, ok := i.Int("total_memory")
	if !ok || n < 0 || int64(n) > 1<<40 {
		return 0, false
	}
	return uint64(n) << 20, true
}

// HWCaps returns the words of hw_caps. From Xen 4.7 on they are those of the
// featureset: 0 is CPUID 1:EDX, 1 is 1:ECX, 2 is 0x80000001:EDX, 3 is
// 0x80000001:ECX. Before, 1 was 0x80000001:EDX, 4 was 1:ECX and 6 was
// 0x80000001:ECX.
func (i *Info) HWCaps() ([]uint32, bool) {
	s, ok := i.String("hw_caps")
	if !ok || s == "" {
		return nil, false
	}
	var caps []uint32
	for w := range strings.SplitSeq(strings.ReplaceAll(s, " ", ""), ":") {
		n, err := strconv.ParseUint(w, 16, 32)
		if err != nil || len(w) != 8 || len(caps) == 64 {
			return nil, false
		}
		caps = append(caps, uint32(n))
	}
	return caps, true
}

// SVEBits returns arm_sve_vector_length in bits: 0 without SVE. xl prints it on
// Arm from 4.18 on.
func (i *Info) SVEBits() (int, bool) { return i.Int("arm_sve_vector_length") }

// Version is the version of the hypervisor.
type Version struct {
	Major, Minor int
	Extra        string // what follows, as in .7 or .4-pre
	Changeset    string // empty where the text has none
	BuildID      string // empty where the text has none
}

var versionText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{1,4})\.(\d{1,4})(.*)$`)
})

// Version returns the hypervisor's version. Where the single numbers are
// missing, xen_version is read.
func (i *Info) Version() (v Version, ok bool) {
	v.Changeset, _ = i.String("xen_changeset")
	if v.Changeset == "unavailable" {
		v.Changeset = ""
	}
	v.BuildID, _ = i.String("build_id")
	major, okMajor := i.Int("xen_major")
	minor, okMinor := i.Int("xen_minor")
	extra, okExtra := i.String("xen_extra")
	if okMajor && okMinor && okExtra {
		v.Major, v.Minor, v.Extra = major, minor, extra
		return v, true
	}
	s, _ := i.String("xen_version")
	m := versionText().FindStringSubmatch(s)
	if m == nil {
		return Version{}, false
	}
	v.Major, _ = strconv.Atoi(m[1])
	v.Minor, _ = strconv.Atoi(m[2])
	v.Extra = m[3]
	return v, true
}
