package apthook

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const head = "VERSION 3\nAPT::Architecture=amd64\nDir=/\nDPkg::Options::=--force-confold\n\n"

func TestParse(t *testing.T) {
	got, err := Parse(strings.NewReader(head +
		"xen-hypervisor-4.17-amd64 - - none < 4.17.7+13-g2445b30a44-0+deb12u1 amd64 none /var/cache/apt/archives/xen 1.deb\n" +
		"xen-hypervisor-4.17-amd64 - - none < 4.17.7+13-g2445b30a44-0+deb12u1 amd64 none **CONFIGURE**\n" +
		"libc6 2.36-9 amd64 same > 2.35-1 amd64 same /x/libc6.deb\n" +
		"gone 1 amd64 none > - - none **REMOVE**\n" +
		"bad line\n" +
		"odd 1 amd64 none ? 2 amd64 none /x.deb\n"))
	want := &Transaction{
		Settings: map[string][]string{"Dir": {"/"}, "DPkg::Options": {"--force-confold"}},
		Packages: []Package{
			{Name: "xen-hypervisor-4.17-amd64", New: "4.17.7+13-g2445b30a44-0+deb12u1", Arch: "amd64", File: "/var/cache/apt/archives/xen 1.deb"},
			{Name: "libc6", Old: "2.36-9", New: "2.35-1", Arch: "amd64", File: "/x/libc6.deb"},
		},
		Problems: []string{
			`line 10: "bad line": expected nine fields, as version 3 has them`,
			`line 11: "odd 1 amd64 none ? 2 amd64 none /x.deb": no package with a direction`,
		},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "empty: " + ErrVersion.Error(),
		"VERSION 2\n\n":                       `line 1: "VERSION 2": ` + ErrVersion.Error(),
		"VERSION 4\n\n":                       `line 1: "VERSION 4": ` + ErrVersion.Error(),
		"/var/cache/apt/archives/a.deb\n":     `line 1: "/var/cache/apt/archives/a.deb": ` + ErrVersion.Error(),
		"VERSION 3\nDir=/\n":                  "line 3: ends within apt's settings",
		head + strings.Repeat("a", maxInput):  "more than 64 MiB",
		"VERSION 3" + strings.Repeat(" ", 90): ErrVersion.Error(),
	} {
		if _, err := Parse(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", in, err, want)
		}
	}
}

func TestElsewhere(t *testing.T) {
	for line, want := range map[string]string{
		"Dir=/": "", "Dir=/target": "/target", "RootDir=/mnt": "/mnt", "RootDir=": "",
		"DPkg::Chroot-Directory=/srv/x": "/srv/x", "DPkg::Chroot-Directory=/": "",
		"DPkg::Options::=--root=/t": "/t", "DPkg::Options::=--instdir=%2ft": "/t", "DPkg::Options::=--force-all": "",
	} {
		tr, err := Parse(strings.NewReader("VERSION 3\n" + line + "\n\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := tr.Elsewhere(); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// All of the input is read, whatever is in it, since apt waits for that; every
// package that is returned stands in a line of the input, and of any number of
// sound lines none is lost to a bad one.
func FuzzParse(f *testing.F) {
	sound := "xen-system-amd64 1 amd64 none < 2 amd64 none /a.deb"
	for _, s := range []string{"", "bad", sound, "x - - none < 1 a none **REMOVE**", "\x00", "a b c d < e f g"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := Parse(strings.NewReader(s)); err != nil && !strings.HasPrefix(s, "VERSION 3\n") && !errors.Is(err, ErrVersion) {
			t.Errorf("%q: %v", s, err)
		}
		in := strings.NewReader(head + sound + "\n" + s + "\n" + sound)
		tr, err := Parse(in)
		if err != nil && len(s) < 1000 {
			t.Fatalf("%q: %v", s, err)
		}
		if in.Len() > 0 {
			t.Errorf("%q: %d bytes were left", s, in.Len())
		}
		if len(tr.Packages) < 2 {
			t.Errorf("%q: a sound line was lost: %v", s, tr)
		}
		for _, p := range tr.Packages {
			old := p.Old
			if old == "" {
				old = "-"
			}
			if !strings.Contains(s+"\n"+sound, fmt.Sprintf("%s %s ", p.Name, old)) && p.Old != "" {
				t.Errorf("%q: invented %+v", s, p)
			}
		}
	})
}
