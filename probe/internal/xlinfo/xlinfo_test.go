package xlinfo

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const today = `host                   : alpha
release                : 6.12.1-amd64
version                : #1 SMP PREEMPT_DYNAMIC Debian 6.12.1-1
machine                : x86_64
nr_cpus                : 16
max_cpu_id             : 15
nr_nodes               : 1
cores_per_socket       : 8
threads_per_core       : 2
cpu_mhz                : 2994.374
hw_caps                : 178bf3ff:7ed8320b:2e500800:244037ff:0000000f:219c91a9:00400004:00000780
virt_caps              : pv hvm hvm_directio pv_directio hap shadow gnttab-v1 gnttab-v2
total_memory           : 32651
free_memory            : 127
sharing_freed_memory   : 0
sharing_used_memory    : 0
outstanding_claims     : 0
free_cpus              : 0
xen_major              : 4
xen_minor              : 19
xen_extra              : .3
xen_version            : 4.19.3
xen_caps               : xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 
xen_scheduler          : credit2
xen_pagesize           : 4096
platform_params        : virt_start=0xffff800000000000
xen_changeset          : Tue Jul 1 10:00:00 2025 +0200 git:1234567890
xen_commandline        : placeholder console=com1 com1=115200,8n1 dom0_mem=4G,max:4G iommu=verbose
cc_compiler            : gcc (Debian 12.2.0-14) 12.2.0
cc_compile_by          : builder
cc_compile_domain      : example.org
cc_compile_date        : Tue Jul  1 12:00:00 UTC 2025
build_id               : 00112233445566778899aabbccddeeff00112233
xend_config_format     : 4
`

func value(t *testing.T, i *Info, key string) string {
	t.Helper()
	f, ok := i.Field(key)
	if !ok {
		t.Errorf("no %s", key)
	}
	return f.Value
}

func parse(t *testing.T, s string) *Info {
	t.Helper()
	i, err := Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestParse(t *testing.T) {
	i := parse(t, today)
	if !i.Complete || len(i.Fields) != strings.Count(today, "\n") {
		t.Errorf("complete %v, %d fields", i.Complete, len(i.Fields))
	}
	if got := value(t, i, "version"); got != "#1 SMP PREEMPT_DYNAMIC Debian 6.12.1-1" {
		t.Errorf("version %q", got)
	}
	v, ok := i.Version()
	want := Version{Major: 4, Minor: 19, Extra: ".3", Changeset: "Tue Jul 1 10:00:00 2025 +0200 git:1234567890", BuildID: "00112233445566778899aabbccddeeff00112233"}
	if d := cmp.Diff(want, v); d != "" || !ok {
		t.Errorf("-want +got:\n%s", d)
	}
	if m, ok := i.TotalMemory(); m != 32651<<20 || !ok {
		t.Errorf("memory %d, %v", m, ok)
	}
	caps, ok := i.HWCaps()
	if !ok || len(caps) != 8 || caps[3]>>2&1 != 1 || caps[1]>>5&1 != 0 {
		t.Errorf("hw_caps %x, %v", caps, ok)
	}
	for word, want := range map[string]bool{"hap": true, "hvm": true, "vmtrace": false} {
		if has, stated := i.HasVirtCap(word); has != want || !stated {
			t.Errorf("%s: %v, %v", word, has, stated)
		}
	}
	if _, ok := i.SVEBits(); ok {
		t.Error("x86 tells a vector length")
	}
}

func TestParseOld(t *testing.T) {
	i := parse(t, `host                   : beta
release                : 2.6.32.57
machine                : x86_64
nr_cpus                : 4
nr_nodes               : 1
hw_caps                : bfebfbff:28100800:00000000:00003b40:0098e3fd:00000000:00000001:00000000
total_memory           : 8157
node_to_cpu            : node0:0-3
xen_major              : 4
xen_minor              : 1
xen_extra              : .2
xen_caps               : xen-3.0-x86_64 xen-3.0-x86_32p
xen_changeset          : unavailable
xen_commandline        : 
xend_config_format     : 4
`)
	if _, stated := i.HasVirtCap("hvm"); stated {
		t.Error("a missing line is taken for a word that is missing")
	}
	if s, ok := i.String("xen_commandline"); s != "" || !ok {
		t.Errorf("an empty command line is %q, %v", s, ok)
	}
	if v, ok := i.Version(); v != (Version{Major: 4, Minor: 1, Extra: ".2"}) || !ok {
		t.Errorf("%+v, %v", v, ok)
	}
}

func TestParseWrapped(t *testing.T) {
	whole := parse(t, today)
	for name, text := range map[string]string{
		"terminal of 80":  wrap(today, 80),
		"terminal of 100": wrap(today, 100),
		"mail":            fold(today, 72, ""),
		"mail, indented":  fold(today, 72, "    "),
		"quoted":          "> " + strings.ReplaceAll(strings.TrimSuffix(fold(today, 70, ""), "\n"), "\n", "\n> ") + "\n",
		"CRLF":            strings.ReplaceAll(today, "\n", "\r\n"),
		"behind a prompt": "[root@alpha ~]# xl info\n" + today + "[root@alpha ~]# xl list\nName ID Mem\nx : y\n",
	} {
		i, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, f := range whole.Fields {
			if got := value(t, i, f.Key); got != f.Value {
				t.Errorf("%s: %s is %q, want %q", name, f.Key, got, f.Value)
			}
		}
	}
}

func TestParseTables(t *testing.T) {
	i := parse(t, `nr_cpus                : 2
free_cpus              : 0
cpu_topology           :
cpu:    core    socket     node
  0:       0        0        0
  1:       1        0        0
device topology        :
device           node
0000:00:00.0      0
numa_info              :
node:    memsize    memfree    distances
   0:      4096       3000      10
xen_major              : 4
xend_config_format     : 4
`)
	if got := value(t, i, "free_cpus"); got != "0" {
		t.Errorf("free_cpus %q", got)
	}
	if n, ok := i.Int("xen_major"); n != 4 || !ok {
		t.Errorf("xen_major %d", n)
	}
	if len(i.Fields) != 7 {
		t.Errorf("fields: %+v", i.Fields)
	}
}

func TestParseCut(t *testing.T) {
	text := today[:strings.Index(today, "nr_cpus")+len("nr_cpus                : 1")]
	i := parse(t, text)
	if n, ok := i.Int("nr_cpus"); ok || i.Complete {
		t.Errorf("nr_cpus of a cut text is %d", n)
	}
	text = today[:strings.Index(today, " iommu=verbose")]
	i = parse(t, text)
	f, _ := i.Field("xen_commandline")
	if _, ok := i.String("xen_commandline"); ok || !f.Cut || !strings.HasSuffix(f.Value, "max:4G") {
		t.Errorf("a cut command line: %+v", f)
	}
	for _, s := range []string{"", "hello\n", "a: b\n"} {
		if _, err := Parse([]byte(s)); !errors.Is(err, ErrNoInfo) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// A value goes on with what looks like a key without the blank before its colon.
func TestParseColonInContinuation(t *testing.T) {
	i := parse(t, "xen_commandline        : placeholder console=com1 dom0_mem=max:4G\nspec-ctrl=no cpufreq=xen:performance psr=cmt:1\nhw_caps                : 00000001:00000002:00000003:\n00000004\nxen_major : 4\n")
	if got := value(t, i, "xen_commandline"); got != "placeholder console=com1 dom0_mem=max:4G spec-ctrl=no cpufreq=xen:performance psr=cmt:1" {
		t.Errorf("command line %q", got)
	}
	if caps, ok := i.HWCaps(); len(caps) != 4 || !ok {
		t.Errorf("hw_caps %x", caps)
	}
}

// wrap breaks lines as a terminal of that width does.
func wrap(s string, width int) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(line, "\n")
		for len(line) > width {
			fmt.Fprintln(&b, line[:width])
			line = line[width:]
		}
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// fold breaks lines at blanks as mail programs do.
func fold(s string, width int, indent string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(line, "\n")
		for len(line) > width {
			at := strings.LastIndexByte(line[:width], ' ')
			if at <= len(indent) || strings.TrimSpace(line[:at]) == "" {
				break
			}
			fmt.Fprintln(&b, line[:at])
			line = indent + line[at+1:]
		}
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// FuzzParse holds that values come from the text, that a text without its last
// line loses nothing else, and that a cut field is never certain.
func FuzzParse(f *testing.F) {
	f.Add([]byte(today))
	f.Add([]byte(wrap(today, 80)))
	f.Add([]byte(fold(today, 72, " ")))
	f.Add([]byte("nr_cpus : 1\ncpu_topology :\n 0: 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := Parse(b)
		if err != nil {
			return
		}
		for n, field := range i.Fields {
			if field.Cut && n != len(i.Fields)-1 {
				t.Fatalf("%q: cut at %+v", b, field)
			}
			for w := range strings.FieldsSeq(field.Value) {
				if !field.Joined && !strings.Contains(string(b), w) {
					t.Fatalf("%q: %q comes from nowhere", b, w)
				}
			}
		}
		if last := i.Fields[len(i.Fields)-1]; last.Cut {
			if s, ok := i.String(last.Key); ok {
				t.Fatalf("%q: %s is certain: %q", b, last.Key, s)
			}
		}
		// A field of a key that comes once does not change when a line follows.
		more, err := Parse(append(append([]byte{}, b...), "\nxend_config_format : 4\n"...))
		if err != nil {
			return
		}
		for n, field := range i.Fields[:len(i.Fields)-1] {
			if more.Fields[n].Key != field.Key {
				t.Fatalf("%q: %+v, then %+v", b, field, more.Fields[n])
			}
		}
	})
}
