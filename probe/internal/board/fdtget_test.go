package board

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fdt"
	"github.com/xencheck/xencheck/probe/probetest"
)

// getter asks fdtget about one blob.
type getter struct {
	t          *testing.T
	tool, blob string
	asked      int
}

func (g *getter) run(args ...string) string {
	g.t.Helper()
	g.asked++
	out, err := exec.Command(g.tool, args...).Output()
	if err != nil {
		g.t.Fatalf("fdtget %q: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// children returns the names of a node's children; none when there is no such
// node.
func (g *getter) children(node string) []string {
	g.asked++
	out, err := exec.Command(g.tool, "-l", g.blob, node).Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}

// properties returns one property of several nodes, "-" where it is not there.
func (g *getter) properties(kind, property string, nodes []string) []string {
	if len(nodes) == 0 {
		return nil
	}
	args := []string{"-t", kind, "-d", "-", g.blob}
	for _, n := range nodes {
		args = append(args, n, property)
	}
	return strings.Split(g.run(args...), "\n")
}

// summary is what both can tell of a board without understanding it.
type summary struct {
	Model, Compatible string
	CPUs              []string // of usable ones, path and compatible
	Unusable          int
	Memory            uint64 // bytes in the nodes below the root
}

// summary asks for all of it. Which nodes the root has is told by the tree
// itself: of some trees of QEMU's, fdtget lists only a part.
func (g *getter) summary(tree *fdt.Tree) summary {
	s := summary{
		Model:      strings.Trim(g.properties("s", "model", []string{"/"})[0], "-"),
		Compatible: strings.Trim(g.properties("s", "compatible", []string{"/"})[0], "-"),
	}
	var nodes []string
	for _, n := range g.children("/cpus") {
		nodes = append(nodes, "/cpus/"+n)
	}
	kinds, status := g.properties("s", "device_type", nodes), g.properties("s", "status", nodes)
	compatible, method := g.properties("s", "compatible", nodes), g.properties("s", "enable-method", nodes)
	for i, n := range nodes {
		base, _, _ := strings.Cut(strings.TrimPrefix(n, "/cpus/"), "@")
		switch {
		case kinds[i] != "cpu" && base != "cpu":
		case status[i] == "-" || status[i] == "okay" || status[i] == "ok" || status[i] == "disabled" && method[i] != "-":
			s.CPUs = append(s.CPUs, n+" "+compatible[i])
		default:
			s.Unusable++
		}
	}
	cells := g.properties("u", "#address-cells", []string{"/"})[0] + " " + g.properties("u", "#size-cells", []string{"/"})[0]
	for _, n := range tree.Root.Children {
		if n.BaseName() != "memory" {
			continue
		}
		reg := g.properties("x", "reg", []string{n.Path()})[0]
		s.Memory += g.sizes(cells, strings.Fields(reg))
	}
	return s
}

// sizes adds up the sizes in the cells of a reg.
func (g *getter) sizes(cells string, reg []string) uint64 {
	address, size, _ := strings.Cut(cells, " ")
	a, err1 := strconv.Atoi(strings.Replace(address, "-", "2", 1)) // the defaults of the specification
	z, err2 := strconv.Atoi(strings.Replace(size, "-", "1", 1))
	if err1 != nil || err2 != nil {
		g.t.Fatalf("%s: cells %q", g.blob, cells)
	}
	var sum uint64
	for ; len(reg) >= a+z; reg = reg[a+z:] {
		var n uint64
		for _, word := range reg[a : a+z] {
			v, err := strconv.ParseUint(word, 16, 32)
			if err != nil {
				g.t.Fatalf("%s: %v", g.blob, err)
			}
			n = n<<32 | v
		}
		sum += n
	}
	return sum
}

// TestAgainstFdtget compares what we make of a device tree with single answers
// of fdtget's: of the project's machines, and of recorded boards.
func TestAgainstFdtget(t *testing.T) {
	tool, err := exec.LookPath("fdtget")
	if err != nil {
		t.Skip("fdtget is not installed")
	}
	blobs, err := probetest.Files("../../../testdata/hosts", func(name string) bool { return name == "/sys/firmware/fdt" })
	if err != nil {
		t.Fatal(err)
	}
	own := len(blobs)
	files, _ := filepath.Glob(filepath.Join(recordings, "dtb-*", "*", "board.dtb"))
	for _, file := range files {
		if blobs[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if own < 20 {
		t.Fatalf("only %d device trees of our own", own)
	}
	asked, cpus := 0, 0
	for name, blob := range blobs {
		file := filepath.Join(t.TempDir(), "blob")
		if err := os.WriteFile(file, blob, 0o600); err != nil {
			t.Fatal(err)
		}
		tree, err := fdt.Parse(blob)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b := Read(tree)
		ours := summary{Model: b.Model, Compatible: strings.Join(b.Compatible, " "), Unusable: b.Unusable, Memory: b.Memory.Bytes}
		for _, c := range b.CPUs {
			ours.CPUs = append(ours.CPUs, c.Path+" "+strings.Join(c.Compatible, " "))
		}
		g := &getter{t: t, tool: tool, blob: file}
		theirs := g.summary(tree)
		if diff := cmp.Diff(inOrder(theirs), inOrder(ours)); diff != "" {
			t.Errorf("%s (-fdtget +ours):\n%s", name, diff)
		}
		asked += g.asked
		cpus += len(ours.CPUs)
	}
	t.Logf("%d device trees of ours and %d others with %d processors: %d answers of fdtget", own, len(blobs)-own, cpus, asked)
}

// inOrder sorts processors by path: fdtget lists them as the tree does, we by
// their number.
func inOrder(s summary) summary {
	s.CPUs = slices.Sorted(slices.Values(s.CPUs))
	return s
}
