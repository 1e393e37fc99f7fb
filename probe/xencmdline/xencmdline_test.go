package xencmdline

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		how  How
		want Line
	}{
		{name: "empty"},
		{name: "blanks", text: "   "},
		{
			name: "plain", text: "dom0_mem=4G,max:4G  no-hap ucode=scan",
			want: Line{Options: []Option{
				{Name: "dom0_mem", Value: "4G,max:4G", HasValue: true, Raw: "dom0_mem=4G,max:4G"},
				{Name: "hap", Negated: true, Raw: "no-hap", Offset: 20},
				{Name: "ucode", Value: "scan", HasValue: true, Raw: "ucode=scan", Offset: 27},
			}},
		},
		{
			name: "dom0's part ends Xen's", text: "hap -- root=/dev/sda -- quiet\n",
			want: Line{Options: []Option{{Name: "hap", Raw: "hap"}}, HasDom0: true, Dom0: "root=/dev/sda -- quiet"},
		},
		{
			name: "dashes without blanks on both sides are an option", text: "--hap --",
			want: Line{Options: []Option{{Name: "--hap", Raw: "--hap"}, {Name: "--", Raw: "--", Offset: 6}}},
		},
		{
			name: "Arm knows no dom0 part", text: "a -- b", how: How{Arm: true},
			want: Line{Options: []Option{{Name: "a", Raw: "a"}, {Name: "--", Raw: "--", Offset: 2}, {Name: "b", Raw: "b", Offset: 5}}},
		},
		{
			name: "quotation marks and tabs are ordinary", text: "x=\"a b\"\tc",
			want: Line{Options: []Option{
				{Name: "x", Value: `"a`, HasValue: true, Raw: `x="a`},
				{Name: "b\"\tc", Raw: "b\"\tc", Offset: 5},
			}},
		},
		{
			name: "image name", text: " /xen.gz  hap", how: How{Image: true},
			want: Line{Image: "/xen.gz", Options: []Option{{Name: "hap", Raw: "hap", Offset: 10}}},
		},
		{
			name: "cut within the last word", text: "hap iommu=o", how: How{Kept: 11},
			want: Line{Cut: true, Options: []Option{
				{Name: "hap", Raw: "hap"},
				{Name: "iommu", Value: "o", HasValue: true, Raw: "iommu=o", Offset: 4, Cut: true},
			}},
		},
		{
			name: "cut after a word", text: "hap ", how: How{Kept: 4},
			want: Line{Cut: true, Options: []Option{{Name: "hap", Raw: "hap"}}},
		},
		{
			name: "cut within dom0's part", text: "hap -- ro", how: How{Kept: 9},
			want: Line{HasDom0: true, Dom0: "ro", Options: []Option{{Name: "hap", Raw: "hap"}}},
		},
		{
			name: "NUL ends", text: "hap\x00iommu=off", how: How{Kept: 4},
			want: Line{Dropped: 10, Options: []Option{{Name: "hap", Raw: "hap"}}},
		},
		{
			name: "closing NUL is no news", text: "hap\x00",
			want: Line{Options: []Option{{Name: "hap", Raw: "hap"}}},
		},
		{
			name: "built in first", text: "hap=0", how: How{Builtin: "hap"},
			want: Line{Options: []Option{
				{Name: "hap", Raw: "hap", Builtin: true},
				{Name: "hap", Value: "0", HasValue: true, Raw: "hap=0"},
			}},
		},
		{
			name: "built in overrides", text: "hap=0 -- ro", how: How{Builtin: "hap", Override: true},
			want: Line{Options: []Option{{Name: "hap", Raw: "hap", Builtin: true}}},
		},
		{
			name: "brackets", text: "ivrs_ioapic[4]=00:14.0 foo[1]=2",
			want: Line{Options: []Option{
				{Name: "ivrs_ioapic", Value: "[4]=00:14.0", HasValue: true, Raw: "ivrs_ioapic[4]=00:14.0"},
				{Name: "foo[1]", Value: "2", HasValue: true, Raw: "foo[1]=2", Offset: 23},
			}},
		},
		{
			name: "not UTF-8", text: "a=\xff\xfe",
			want: Line{Options: []Option{{Name: "a", Value: "\xff\xfe", HasValue: true, Raw: "a=\xff\xfe"}}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := gocmp.Diff(tt.want, Parse(tt.text, tt.how)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestLongTexts(t *testing.T) {
	l := Parse("a="+strings.Repeat("x", 300)+" b", How{})
	if o := l.Options[0]; !o.Shortened || len(o.Value) != maxOption-2 || len(o.Raw) != 302 {
		t.Errorf("an option longer than Xen's buffer: shortened %v, value of %d bytes", o.Shortened, len(o.Value))
	}
	l = Parse(strings.Repeat("hap=off ", 1<<17), How{})
	if v, _ := l.Bool("hap", true); v || !l.Cut || len(l.Options) != maxText/8 {
		t.Errorf("one MiB: hap %v, cut %v, %d options", v, l.Cut, len(l.Options))
	}
}

func TestBool(t *testing.T) {
	for _, tt := range []struct {
		text, name   string
		def          bool
		value, given bool
	}{
		{text: "", name: "hap", def: true, value: true},
		{text: "hap", name: "hap", value: true, given: true},
		{text: "hap=", name: "hap", value: true, given: true},
		{text: "no-hap", name: "hap", def: true, given: true},
		{text: "hap=disable", name: "hap", def: true, given: true},
		{text: "hap=enable hap=off", name: "hap", def: true, given: true},
		{text: "hap=off hap=maybe", name: "hap", def: true, given: true},
		{text: "hap=maybe", name: "hap", def: true, value: true},
		{text: "hap=OFF", name: "hap", def: true, value: true},
		{text: "no-hap=off", name: "hap", value: true, given: true},
		{text: "no-hap=on", name: "hap", def: true, given: true},
		{text: "nohap", name: "hap", def: true, value: true},
		{text: "iommu=off,verbose", name: "iommu", def: true, given: true},
		{text: "iommu=verbose,0", name: "iommu", def: true, given: true},
		{text: "iommu=force", name: "iommu", def: true, value: true},
		{text: "no-iommu", name: "iommu", def: true, given: true},
		{text: "no-iommu=force", name: "iommu", def: true, value: true},
		{text: "iommu=off iommu=on", name: "iommu", value: true, given: true},
		{text: "watchdog=force", name: "watchdog"},
		{text: "vpmu", name: "vpmu", value: true, given: true},
	} {
		if v, given := Parse(tt.text, How{}).Bool(tt.name, tt.def); v != tt.value || given != tt.given {
			t.Errorf("%q: Bool(%q, %v) = %v, %v, want %v, %v", tt.text, tt.name, tt.def, v, given, tt.value, tt.given)
		}
	}
}

func TestSubBool(t *testing.T) {
	for _, tt := range []struct {
		text, name, sub string
		def             bool
		value, given    bool
	}{
		{text: "dom0=pvh", name: "dom0", sub: "pvh", value: true, given: true},
		{text: "dom0=pvh,shadow=0", name: "dom0", sub: "shadow", def: true, given: true},
		{text: "dom0=pvh,shadow dom0=no-shadow", name: "dom0", sub: "shadow", given: true},
		{text: "iommu=no-amd-iommu-perdev-intremap", name: "iommu", sub: "amd-iommu-perdev-intremap", def: true, given: true},
		{text: "iommu=intremap iommu=verbose", name: "iommu", sub: "intremap", value: true, given: true},
		{text: "iommu=no-intremap=on", name: "iommu", sub: "intremap", def: true, value: true},
		{text: "no-iommu=intremap", name: "iommu", sub: "intremap"},
		{text: "psr=cmt:1,rmid_max:255,cat:0", name: "psr", sub: "cmt", value: true, given: true},
		{text: "psr=cmt:1,rmid_max:255,cat:0", name: "psr", sub: "cat", def: true, given: true},
		{text: "efi=rs=no,attr=uc", name: "efi", sub: "rs", def: true, given: true},
		{text: "pv=32=off", name: "pv", sub: "32", def: true, given: true},
		{text: "dbgp=xhci,share=yes", name: "dbgp", sub: "share", value: true, given: true},
		{text: "ept=exec-sp", name: "ept", sub: "exec-sp", value: true, given: true},
		{text: "ept=exec", name: "ept", sub: "exec-sp"},
	} {
		if v, given := Parse(tt.text, How{}).SubBool(tt.name, tt.sub, tt.def); v != tt.value || given != tt.given {
			t.Errorf("%q: SubBool(%q, %q, %v) = %v, %v, want %v, %v", tt.text, tt.name, tt.sub, tt.def, v, given, tt.value, tt.given)
		}
	}
}

func TestSub(t *testing.T) {
	l := Parse("dom0_mem=min:1024M dom0_mem=max:4096M,2G gnttab=max-ver:2", How{})
	if s, ok := l.Sub("dom0_mem", "min"); !ok || s.Value != "1024M" {
		t.Errorf("min of a list given twice: %+v", s)
	}
	if s, ok := l.Sub("gnttab", "max-ver"); !ok || s.Value != "2" {
		t.Errorf("max-ver: %+v", s)
	}
	if s := Parse("dom0=pvh,sve=12", How{Kept: 15}).Subs("dom0"); s[0].Truncated || !s[1].Truncated {
		t.Errorf("last word of a cut list: %+v", s)
	}
}

func TestString(t *testing.T) {
	for text, want := range map[string]string{
		"sched=credit sched=null": "null", "sched": "", "no-xsm sched=rtds": "rtds", "sched=null no-sched": "no",
	} {
		if got, given := Parse(text, How{}).String("sched"); got != want || !given {
			t.Errorf("%q: %q, %v", text, got, given)
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]uint64{
		"512M": 512 << 20, "4g": 4 << 30, "8T": 8 << 40, "1024": 1 << 20, "0x10k": 16 << 10, "0x1bM": 27 << 20, "010b": 8, "0": 0,
	} {
		if got, ok := ParseSize(text); got != want || !ok {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "M", "-1M", "1X", "1MB", "99999999999999999999", "18446744073709551615T", "50%"} {
		if got, ok := ParseSize(text); ok {
			t.Errorf("ParseSize(%q) = %d", text, got)
		}
	}
	for text, want := range map[string]int64{"-12": -12, "0x1F": 31, "010": 8, "0": 0} {
		if got, ok := ParseInteger(text); got != want || !ok {
			t.Errorf("ParseInteger(%q) = %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-", "1k", "08", "9223372036854775808", "1 "} {
		if got, ok := ParseInteger(text); ok {
			t.Errorf("ParseInteger(%q) = %d", text, got)
		}
	}
}

func TestKnown(t *testing.T) {
	if !slices.IsSortedFunc(defs, func(a, b Def) int { return cmp.Compare(a.Name, b.Name) }) {
		t.Error("the options are not sorted by name")
	}
	for i, d := range defs {
		if i > 0 && defs[i-1].Name == d.Name {
			t.Errorf("%q is there twice", d.Name)
		}
		if strings.HasPrefix(d.Name, "no-") || d.Kind == "" {
			t.Errorf("%q cannot be found by a parsed name, or has no kind", d.Name)
		}
	}
	l := Parse("placeholder no-real-mode edd=off quiet no-splash hmp-unsafe=1 ivrs_hpet[0]=00:14.0", How{})
	var unknown []string
	for _, o := range l.Unknown() {
		unknown = append(unknown, o.Raw)
	}
	if d := gocmp.Diff([]string{"quiet", "no-splash"}, unknown); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// FuzzParse holds that the words come in order, lie where they say, and that
// parsing what was understood again gives the same options.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "placeholder dom0_mem=4G,max:4G no-real-mode edd=off", "a -- b", "no-no-a=b=c", " \x00 ",
		"iommu=no-intremap,force ivrs_ioapic[1]=x", "x=\"y z\"", strings.Repeat("a", 200),
	} {
		f.Add(s, false, false, 0)
	}
	f.Add("/xen.gz hap", true, true, 5)
	f.Fuzz(func(t *testing.T, text string, image, arm bool, kept int) {
		l := Parse(text, How{Image: image, Arm: arm, Kept: kept})
		var raws []string
		end := -1
		for _, o := range l.Options {
			if o.Offset <= end || o.Offset+len(o.Raw) > len(text) || text[o.Offset:o.Offset+len(o.Raw)] != o.Raw {
				t.Fatalf("%q: word %q is not at %d", text, o.Raw, o.Offset)
			}
			if strings.ContainsAny(o.Raw, " \x00") || o.Raw == "" {
				t.Fatalf("%q: word %q", text, o.Raw)
			}
			end = o.Offset + len(o.Raw)
			raws = append(raws, o.Raw)
		}
		// A word may end with what would be a line's end if it came last.
		again := Parse(strings.Join(append(raws, "end"), "  "), How{Arm: true})
		if !again.Cut && len(again.Options) != len(raws)+1 {
			t.Fatalf("%q: %d words, then %d", text, len(raws), len(again.Options))
		}
		for i, o := range again.Options[:min(len(again.Options), len(l.Options))] {
			if o.Cut {
				break
			}
			was := l.Options[i]
			if o.Name != was.Name || o.Value != was.Value || o.Negated != was.Negated || o.HasValue != was.HasValue {
				t.Fatalf("%q: %+v, then %+v", text, was, o)
			}
			// What a word sets by itself is what the same word sets last.
			if a, ga := (Line{Options: l.Options[:i+1]}).Bool(o.Name, false); ga {
				if b, gb := (Line{Options: again.Options[i : i+1]}).Bool(o.Name, false); gb && a != b {
					t.Fatalf("%q: the last word does not win", text)
				}
			}
		}
	})
}
