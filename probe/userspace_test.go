package probe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseXLConf(t *testing.T) {
	for _, test := range []struct {
		text string
		want map[string]string
		bad  bool
	}{
		{"# a comment\n\nautoballoon=\"off\"\nlockfile = '/run/x'\nclaim_mode=1\n", map[string]string{"autoballoon": "off", "lockfile": "/run/x", "claim_mode": "1"}, false},
		{"vif.default.script=\"vif-openvswitch\"   # by hand\n", map[string]string{"vif.default.script": "vif-openvswitch"}, false},
		{"bootloader_restrict=1", map[string]string{"bootloader_restrict": "1"}, false},
		{"a=1\na=0\n", map[string]string{"a": "0"}, false},
		{"a=[1]\nb=\nc\n=1\nD=1\ne=2\n", map[string]string{"e": "2"}, true},
		{"", map[string]string{}, false},
	} {
		got, err := parseXLConf([]byte(test.text))
		if diff := cmp.Diff(test.want, got); diff != "" || (err != nil) != test.bad {
			t.Errorf("%q: %v (-want +got):\n%s", test.text, err, diff)
		}
	}
}

// What is read has a key that is one, and no more settings than lines.
func FuzzXLConf(f *testing.F) {
	f.Add([]byte("autoballoon=\"off\"\nvif.default.script='x'\n"))
	f.Add([]byte("a=[1,2\n]\n\x00=1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		conf, _ := parseXLConf(b)
		for key := range conf {
			if !xlConfKey(key) {
				t.Errorf("key %q", key)
			}
		}
		if len(conf) > maxSettings {
			t.Errorf("%d settings", len(conf))
		}
	})
}
