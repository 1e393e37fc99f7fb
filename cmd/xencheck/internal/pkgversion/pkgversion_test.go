package pkgversion

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"4.17.7+13-g2445b30a44-0+deb12u1":  "4.17.7 plus 13 commits",
		"4.11.4+107-gef32c7afa2-1":         "4.11.4 plus 107 commits",
		"4.20.0+1-gabcdef0123-1":           "4.20.0 plus 1 commit",
		"4.14.6-1":                         "4.14.6",
		"4.20.4-1":                         "4.20.4",
		"1:4.14.6-1":                       "4.14.6",
		"2001:4.17.5-3.fc37":               "4.17.5", // Qubes
		"4.11.3+24-g14b62ab3e5-1ubuntu2.3": "4.11.3 plus 24 commits",
		"4.16.0-1~ubuntu2.1":               "4.16.0",
		"4.9.2-0ubuntu1":                   "4.9.2",
		"4.20.0~rc4-1":                     "4.20.0-rc4",
		"4.10.0-0.2.rc3.fc28":              "4.10.0-rc3",
		"4.20.0-0.rc3.1.fc42":              "4.20.0-rc3",
		"4.23-unstable":                    "4.23-unstable",
		"4.20.4-pre-1":                     "4.20.4-pre",
		"4.18.0_02-150600.1.1":             "4.18.0", // SUSE
		"4.19.1-4.fc41":                    "4.19.1",
		"4.13.5-10.42.3.xcpng8.3":          "4.13.5",
		"4.19.1-r1":                        "4.19.1", // Alpine
		"4.20":                             "4.20",
		"5.0-1":                            "5.0",
		"4.17.20240101-1":                  "4.17",
		"4.17.7+13-g2445b30a44-1~bpo12+1":  "4.17.7 plus 13 commits",
		"4.17.5+72-g01140da4e8-1":          "4.17.5 plus 72 commits",
		"2:4.14.5+94-ge49571868d-1+b2":     "4.14.5 plus 94 commits",
		"4.17.2+dfsg-1":                    "4.17.2",
		"4.17.2+dfsg1-1~deb11u1":           "4.17.2",
		"4.21~rc1-1":                       "4.21-rc1",
		"4.21~20250630.gabcdef01-1":        "4.21-snapshot",
		"4.21.0~git20250630-1":             "4.21.0-snapshot",
		"4.20_rc2-r0":                      "4.20-rc2",
		"4.18.2_06-150600.3.3.1":           "4.18.2",
		"4.17.5-2.fc40":                    "4.17.5",
		"2001:4.17.5-4.fc37":               "4.17.5",
		"4.13.5-10.38.xcpng8.2":            "4.13.5",
		"4.14.20180102T150000.abcdef-1.1":  "4.14",
		"4.20.0^20250101gitabcdef0-1":      "4.20.0",
		"4.20-unstable.20241010":           "4.20-unstable",
		"4.20.0~rc4+5-gabcdef0123-1":       "4.20.0-rc4",
		"04.17-1":                          "",
		"4.017-1":                          "",
		"0.17-1":                           "",
		" 4.17-1":                          "",
		"-4.17":                            "",
		"4.-17":                            "",
		"v4.17.1":                          "",
		"xen-4.17.1":                       "",
		"2024.1-1":                         "",
		"20240101":                         "",
		"foo":                              "",
		"":                                 "",
		":4.17":                            "",
		"4":                                "",
		"4.x":                              "",
		"4.17a-1":                          "",
	} {
		v, err := Parse(text)
		got := ""
		if err == nil {
			got = v.String()
		} else if !errors.Is(err, ErrNoRelease) {
			t.Errorf("%q: %v", text, err)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// Whatever a package is called, the release that is read stands at the
// beginning of its version, behind no more than an epoch.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"4.17.7+13-g2445b30a44-0+deb12u1", "1:4.14.6-1", "4.18.0_02-1", "4.20.0~rc4-1", "x", "0:0.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		if err != nil {
			if v != (Version{}) {
				t.Errorf("%q: %v comes with an error", s, v)
			}
			return
		}
		if again, err := Parse("7:" + v.Release() + "-1"); err != nil || again.Release() != v.Release() {
			t.Errorf("%q: release %s is not read again: %v, %v", s, v.Release(), again, err)
		}
		if i := strings.Index(s, "."); i < 1 || v.Commits > 0 && v.Commit == "" {
			t.Errorf("%q: %+v", s, v)
		}
	})
}
