package fdt

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fake"
	"github.com/xencheck/xencheck/probe/probetest"
)

// recordings are device trees of real boards, kept beside the project.
const recordings = "../../../../shared/hosts"

// boards returns the recorded blobs by file name, those of the project's
// machines, and a small one made here.
func boards(t testing.TB) map[string][]byte {
	t.Helper()
	blobs, err := probetest.Files("../../../testdata/hosts", func(name string) bool { return name == "/sys/firmware/fdt" })
	if err != nil {
		t.Fatal(err)
	}
	if len(blobs) < 20 {
		t.Fatalf("only %d device trees of the project's own", len(blobs))
	}
	blobs["small"] = fake.DTB(small())
	files, _ := filepath.Glob(filepath.Join(recordings, "dtb-*", "*", "board.dtb"))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		blobs[file] = b
	}
	return blobs
}

// flat lists all properties as "path: name = hexadecimal".
func flat(t *Tree) []string {
	var lines []string
	for n := range t.All() {
		lines = append(lines, n.Path())
		for _, p := range n.Properties {
			lines = append(lines, fmt.Sprintf("%s: %s = %x", n.Path(), p.Name, p.Value))
		}
	}
	return lines
}

// TestAgainstDTC compares every property of every board with dtc's reading.
func TestAgainstDTC(t *testing.T) {
	dtc, err := exec.LookPath("dtc")
	if err != nil {
		t.Skip("dtc is not installed")
	}
	properties := 0
	for name, blob := range boards(t) {
		tree, err := Parse(blob)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		cmd := exec.Command(dtc, "-q", "-I", "dtb", "-O", "dts")
		cmd.Stdin = strings.NewReader(string(blob))
		source, err := cmd.Output()
		if err != nil {
			t.Fatalf("dtc: %v", err)
		}
		want, err := readSource(string(source))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := flat(tree)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-dtc +ours):\n%.2000s", name, diff)
		}
		properties += len(got)
	}
	t.Logf("%d nodes and properties compared", properties)
	if properties < 1000 {
		t.Errorf("only %d nodes and properties were compared", properties)
	}
}

// TestFromFSAgainstDTC writes boards as directories and compares our reading
// with that of their blobs. dtc reads the same directories.
func TestFromFSAgainstDTC(t *testing.T) {
	dtc, err := exec.LookPath("dtc")
	if err != nil {
		t.Skip("dtc is not installed")
	}
	dir := t.TempDir()
	tree, err := Parse(fake.DTB(small()))
	if err != nil {
		t.Fatal(err)
	}
	for n := range tree.All() {
		at := filepath.Join(dir, n.Path())
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, p := range n.Properties {
			if err := os.WriteFile(filepath.Join(at, p.Name), p.Value, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	blob, err := exec.Command(dtc, "-q", "-s", "-I", "fs", "-O", "dtb", dir).Output()
	if err != nil {
		t.Fatalf("dtc: %v", err)
	}
	want, err := Parse(blob)
	if err != nil {
		t.Fatal(err)
	}
	got, err := FromFS(os.DirFS(dir))
	if err != nil || got.Problems != nil {
		t.Fatal(err, got.Problems)
	}
	// dtc sorts properties and nodes each by name, as a directory does, but
	// with the unit address apart; the trees here do not tell the difference.
	if diff := cmp.Diff(flat(want), flat(got)); diff != "" {
		t.Errorf("(-dtc +ours):\n%s", diff)
	}
}

// readSource reads what dtc writes: one node or property a line.
func readSource(source string) ([]string, error) {
	var lines, path []string
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		at := "/" + strings.Join(path[min(1, len(path)):], "/")
		switch {
		case line == "" || strings.HasPrefix(line, "/dts-v1/") || strings.HasPrefix(line, "/memreserve/") || strings.HasPrefix(line, "//"):
		case strings.HasSuffix(line, " {"):
			path = append(path, strings.TrimSuffix(line, " {"))
			lines = append(lines, "/"+strings.Join(path[1:], "/"))
		case line == "};":
			path = path[:len(path)-1]
		default:
			name, value, _ := strings.Cut(strings.TrimSuffix(line, ";"), " = ")
			b, err := readValue(value)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			lines = append(lines, fmt.Sprintf("%s: %s = %x", at, name, b))
		}
	}
	return lines, nil
}

// readValue reads strings, cells in angle and bytes in square brackets.
func readValue(s string) ([]byte, error) {
	var b []byte
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeft(s, " ,") {
		switch s[0] {
		case '"':
			end := 1
			for end < len(s) && s[end] != '"' {
				if s[end] == '\\' {
					end++
				}
				end++
			}
			// Go wants three digits where dtc writes one for the zero bytes
			// between strings.
			text, err := strconv.Unquote(strings.NewReplacer(`\\`, `\\`, `\0`, `\x00`).Replace(s[:end+1]))
			if err != nil {
				return nil, err
			}
			b = append(append(b, text...), 0)
			s = s[end+1:]
		case '<':
			inner, rest, _ := strings.Cut(s[1:], ">")
			for _, word := range strings.Fields(inner) {
				v, err := strconv.ParseUint(word, 0, 32)
				if err != nil {
					return nil, err
				}
				b = binary.BigEndian.AppendUint32(b, uint32(v))
			}
			s = rest
		case '[':
			inner, rest, _ := strings.Cut(s[1:], "]")
			for _, word := range strings.Fields(inner) {
				v, err := strconv.ParseUint(word, 16, 8)
				if err != nil {
					return nil, err
				}
				b = append(b, byte(v))
			}
			s = rest
		default:
			return nil, fmt.Errorf("unexpected %q", s)
		}
	}
	return b, nil
}
