package probe

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

func TestBootConsole(t *testing.T) {
	for name, tc := range map[string]struct {
		stdout string
		want   []string
	}{
		"an alias with settings": {"serial0:115200n8", []string{"arm,pl011", "arm,primecell"}},
		"a path":                 {"/pl011@9000000", []string{"arm,pl011", "arm,primecell"}},
		"an alias of nothing":    {"serial7", nil},
		"a path to nothing":      {"/serial@1:9600", nil},
		"nothing":                {"", nil},
	} {
		root := boardTree([]string{"arm,cortex-a57"}, gicNode("arm,gic-400", 4, false))
		for i := range root.Children {
			if chosen := &root.Children[i]; chosen.Name == "chosen" {
				chosen.Props = append(chosen.Props, prop("stdout-path", tc.stdout))
			}
		}
		root.Children = append(root.Children,
			fake.Node{Name: "aliases", Props: []fake.Prop{prop("serial0", "/pl011@9000000")}},
			fake.Node{Name: "pl011@9000000", Props: []fake.Prop{prop("compatible", []string{"arm,pl011", "arm,primecell"})}})
		dtb := filepath.Join(t.TempDir(), "board.dtb")
		if err := os.WriteFile(dtb, fake.DTB(root), 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := Collect(context.Background(), Options{DTB: dtb, Now: noon})
		if err != nil {
			t.Fatal(err)
		}
		got, known := h.Xen.BootConsole.Get()
		if d := cmp.Diff(tc.want, got); d != "" || known != (tc.want != nil) || !known && !h.Xen.BootConsole.IsAbsent() {
			t.Errorf("%s: known %t (-want +got)\n%s", name, known, d)
		}
	}
}
