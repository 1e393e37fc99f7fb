package kconfig

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `#
# Automatically generated file; DO NOT EDIT.
# Xen/x86 4.17.5 Configuration
#
CONFIG_CC_IS_GCC=y
CONFIG_GCC_VERSION=120200

#
# Architecture Features
#
CONFIG_NR_CPUS=256
# CONFIG_SHADOW_PAGING is not set
CONFIG_SCHED_DEFAULT="credit2"
CONFIG_CMDLINE="ept=exec-sp \"x\\y\""
CONFIG_BASE=0xFF00
# CONFIG_EXPERT is not set
CONFIG_EXPERT=y
# end of Architecture Features
CONFIG_ODD=maybe
nonsense
CONFIG_OPEN="never
`

func compress(t testing.TB, s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParse(t *testing.T) {
	want := &Config{
		Of: "Xen/x86", Version: "4.17.5",
		Symbols: map[string]Value{
			"CC_IS_GCC":     {Yes, "y", 5},
			"GCC_VERSION":   {Int, "120200", 6},
			"NR_CPUS":       {Int, "256", 11},
			"SHADOW_PAGING": {NotSet, "n", 12},
			"SCHED_DEFAULT": {String, "credit2", 13},
			"CMDLINE":       {String, `ept=exec-sp "x\y"`, 14},
			"BASE":          {Hex, "0xFF00", 15},
			"EXPERT":        {Yes, "y", 17},
		},
		Problems: []Problem{
			{19, `no value: "CONFIG_ODD=maybe"`},
			{20, `neither an assignment nor a comment: "nonsense"`},
			{21, `no value: "CONFIG_OPEN=\"never"`},
		},
	}
	for name, b := range map[string][]byte{"plain": []byte(sample), "gzip": compress(t, sample), "CRLF": []byte(strings.ReplaceAll(sample, "\n", "\r\n"))} {
		got, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", name, d)
		}
		for symbol, want := range map[string][2]bool{
			"CONFIG_EXPERT": {true, true}, "SHADOW_PAGING": {false, true}, "CONFIG_PV32": {false, false}, "NR_CPUS": {false, true},
		} {
			if on, stated := got.Enabled(symbol); on != want[0] || stated != want[1] {
				t.Errorf("%s: Enabled(%q) = %v, %v", name, symbol, on, stated)
			}
		}
	}
}

func TestParseDamaged(t *testing.T) {
	for name, b := range map[string][]byte{"nothing": nil, "another text": []byte("hello\n"), "bare magic": {0x1f, 0x8b}} {
		if _, err := Parse(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Parse([]byte("# only\n")); !errors.Is(err, ErrNoSymbols) {
		t.Errorf("comments alone: %v", err)
	}
	if _, err := Parse(compress(t, "CONFIG_X=y\n"+strings.Repeat("#\n", maxText))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a small file that unpacks to a large one: %v", err)
	}
	whole := compress(t, sample)
	c, err := Parse(whole[:len(whole)-6])
	if on, _ := c.Enabled("EXPERT"); err == nil || !on {
		t.Errorf("a cut file: %v, EXPERT %v", err, on)
	}
}

// FuzzParse holds that writing what was understood gives a text that is
// understood alike, and that lines are those of the text.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add(compress(f, sample))
	f.Add([]byte("CONFIG_A=\"\\\\\"\nCONFIG_A=-1\n#CONFIG_B is not set"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			return
		}
		var text strings.Builder
		for name, v := range c.Symbols {
			switch v.Kind {
			case NotSet:
				fmt.Fprintf(&text, "# CONFIG_%s is not set\n", name)
			case String:
				fmt.Fprintf(&text, "CONFIG_%s=\"%s\"\n", name, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v.Text))
			default:
				fmt.Fprintf(&text, "CONFIG_%s=%s\n", name, v.Text)
			}
		}
		again, err := Parse([]byte(text.String()))
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range c.Symbols {
			if a := again.Symbols[name]; a.Kind != v.Kind || a.Text != v.Text {
				t.Fatalf("%s: %+v, then %+v", name, v, a)
			}
		}
		if len(again.Problems) > 0 {
			t.Fatalf("%v in %q", again.Problems, text.String())
		}
	})
}
