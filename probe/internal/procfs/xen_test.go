package procfs

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
)

func TestControlDomain(t *testing.T) {
	for in, want := range map[string]bool{"control_d\n": true, "control_d": true, "\n": false, "": false, "no control_d\n": false} {
		if got := ControlDomain([]byte(in)); got != want {
			t.Errorf("ControlDomain(%q) = %v", in, got)
		}
	}
}

func TestXenVersion(t *testing.T) {
	v, err := XenVersion([]byte("4\n"), []byte("17\n"), []byte(".4-pre\n"))
	if diff := cmp.Diff(facts.XenVersion{Major: 4, Minor: 17, Extra: ".4-pre"}, v); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, bad := range [][2]string{{"", "17"}, {"4", "x"}, {"4", "99999"}, {"-4", "1"}} {
		if v, err := XenVersion([]byte(bad[0]), []byte(bad[1]), nil); err == nil {
			t.Errorf("%q gives %+v", bad, v)
		}
	}
}

func TestParseXenVersion(t *testing.T) {
	for in, want := range map[string]facts.XenVersion{
		"4.17":          {Major: 4, Minor: 17},
		"4.17.3-pre":    {Major: 4, Minor: 17, Extra: ".3-pre"},
		"4.18-rc2":      {Major: 4, Minor: 18, Extra: "-rc2"},
		"4.13.5-9.38":   {Major: 4, Minor: 13, Extra: ".5-9.38"},
		"4.23-unstable": {Major: 4, Minor: 23, Extra: "-unstable"},
	} {
		got, err := ParseXenVersion(in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v %s", in, err, diff)
		}
	}
	for _, bad := range []string{"", "4", "4.", ".17", "x.1", "4.x", "-4.1"} {
		if v, err := ParseXenVersion(bad); err == nil {
			t.Errorf("%q gives %+v", bad, v)
		}
	}
}

func TestInstalledXen(t *testing.T) {
	for _, tc := range []struct {
		name   string
		extra  string
		minor  int // of Xen 4; -1: no version in the name, -2: not Xen
		vendor string
	}{
		{"xen-4.17-amd64.gz", "", 17, "Debian"},
		{"xen-4.17-arm64", "", 17, "Debian"},
		{"xen-4.14-armhf.gz", "", 14, "Debian"},
		{"xen-4.20.4-pre.gz", ".4-pre", 20, ""},
		{"xen-4.17.efi", "", 17, ""},
		{"xen-4.18.0.gz", ".0", 18, ""},
		{"xen-4.13.5-9.38.gz", ".5-9.38", 13, ""},
		{"xen-4.13.5-9.38-d.gz", ".5-9.38", 13, ""},
		{"xen-4.17.4_02-150600.3.6.1.gz", ".4_02-150600.3.6.1", 17, ""},
		{"xen-dbg-4.17.4_02-150600.3.6.1.gz", ".4_02-150600.3.6.1", 17, ""},
		{"xen-4.19-rc3", "-rc3", 19, ""},
		{"xen.gz", "", -1, ""},
		{"xen", "", -1, ""},
		{"xen.efi", "", -1, ""},
		{"xen-dbg.gz", "", -1, ""},
		{"xen-4.gz", "", -1, ""},
		{"xen-4.17.map", "", -2, ""},
		{"xen-4.17.config", "", -2, ""},
		{"xen-syms-4.17", "", -2, ""},
		{"xenpolicy-4.17", "", -2, ""},
		{"xen-4.17.efi.map", "", -2, ""},
		{"vmlinuz-6.1", "", -2, ""},
		{"xen-x", "", -2, ""},
		{"", "", -2, ""},
	} {
		v, err := InstalledXen(tc.name)
		switch tc.minor {
		case -1:
			if !errors.Is(err, ErrNoVersion) {
				t.Errorf("%q: %+v, %v", tc.name, v, err)
			}
		case -2:
			if !errors.Is(err, ErrNotXen) {
				t.Errorf("%q: %+v, %v", tc.name, v, err)
			}
		default:
			want := facts.XenVersion{Major: 4, Minor: tc.minor, Extra: tc.extra, Source: tc.name, Vendor: tc.vendor}
			if diff := cmp.Diff(want, v); err != nil || diff != "" {
				t.Errorf("%q: %v %s", tc.name, err, diff)
			}
		}
	}
}

func TestXenVendor(t *testing.T) {
	debian, ubuntu, fedora := OSRelease{ID: "debian"}, OSRelease{ID: "ubuntu"}, OSRelease{ID: "fedora"}
	xcpng := OSRelease{ID: "xenenterprise", Name: "XCP-ng", PrettyName: "XCP-ng 8.2.1"}
	xenserver := OSRelease{ID: "xenenterprise", Name: "XenServer", PrettyName: "XenServer 8"}
	const queue = "708e83f0e7d1, pq 9787e8ea5bb7"
	for _, tc := range []struct {
		extra, changeset, from string
		os                     OSRelease
		want                   string
	}{
		{".5-9.38", queue, "", xcpng, "XCP-ng"},
		{".5-21", "", "", xcpng, "XCP-ng"},
		{".4-11", queue, "", xenserver, "XenServer"},
		{".5-21", queue, "", OSRelease{}, ""}, // one of the two
		{".5", "", "", xcpng, ""},             // somebody's own build
		{".3-1.xcpng8.3", "", "", OSRelease{}, "XCP-ng"},
		{".5", "", "", OSRelease{ID: "qubes"}, "Qubes"},
		{"_14-150500.3.56.1", "", "", OSRelease{}, "SUSE"},
		{".4_08", "", "", OSRelease{}, "SUSE"},
		{".4_08-150600.1", "", "", OSRelease{ID: "sles"}, "SUSE"},
		{".4_rc", "", "", OSRelease{}, ""},
		{".6-pre", "", "", debian, "Debian"},
		{".6-pre", "", "", OSRelease{}, ""},
		{".6-pre", "", "", fedora, ""},
		{".7+13-g2445b30a44-0+deb12u1", "", "", OSRelease{}, "Debian"},
		{".6", "", "", debian, ""},
		{"", "", "Debian", debian, "Debian"},
		{"", "", "Debian", OSRelease{}, "Debian"},
		{"", "", "Debian", ubuntu, "Ubuntu"},
		{".2-5.fc39", "", "", fedora, "Fedora"},
		{".2-5.fc32", "", "", OSRelease{}, ""}, // Fedora or Qubes
		{".2-5.fc32", "", "", OSRelease{ID: "qubes"}, "Qubes"},
		{".4OVM", "", "", OSRelease{}, "Oracle"},
		{".amazon", "", "", OSRelease{}, "Amazon"},
		{"-rc2", "", "", OSRelease{}, ""},
		{".0", "", "", OSRelease{ID: "arch"}, ""},
	} {
		v := facts.XenVersion{Major: 4, Minor: 17, Extra: tc.extra, Changeset: tc.changeset, Vendor: tc.from}
		if got := XenVendor(v, tc.os); got != tc.want {
			t.Errorf("XenVendor(%q, %q, %q on %q) = %q, want %q", tc.extra, tc.changeset, tc.from, tc.os.ID, got, tc.want)
		}
	}
}
