package machines

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The sets and machines of this project can be read, and every part that a
// machine names is in a set.
func TestDefinitionsOfTheProject(t *testing.T) {
	const dir = "../../../../testdata/machines"
	sets, err := ReadParts(filepath.Join(dir, "parts"))
	if err != nil {
		t.Fatal(err)
	}
	machines, err := ReadDefinitions(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(machines) < 17 {
		t.Errorf("only %d machines", len(machines))
	}
	for _, d := range machines {
		words := append([]string{"{" + d.Linux + ":vmlinuz}"}, d.QEMU...)
		if d.XL != "" {
			words = append(words, "{"+d.XL+":bin/xl}")
		}
		for _, from := range d.ESP {
			words = append(words, from)
		}
		for _, m := range placeholder.FindAllStringSubmatch(strings.Join(words, " "), -1) {
			name := strings.TrimPrefix(m[1], "copy:")
			if name == "job" || name == "job.gz" || name == "esp" {
				continue
			}
			set, file, _ := strings.Cut(name, ":")
			found := false
			for _, k := range sets[set].Keep {
				found = found || k.As == file
			}
			if !found {
				t.Errorf("%s: no set has {%s}", d.Name, name)
			}
		}
	}
}

func TestParseParts(t *testing.T) {
	sets, err := parseParts("# a comment\nset one bookworm amd64\npackage a b\ndependency c c-[0-9]*\nkeep x boot/x-*\nunpack lib/ usr/lib/*.gz\nset two trixie arm64\n")
	if err != nil {
		t.Fatal(err)
	}
	want := PartSet{
		Name: "one", Suite: "bookworm", Arch: "amd64",
		Packages: []Package{{Name: "a"}, {Name: "b"}, {Name: "c", Glob: "c-[0-9]*"}},
		Keep:     []Keep{{As: "x", Glob: "boot/x-*"}, {As: "lib/", Glob: "usr/lib/*.gz", Unpack: true}},
	}
	got := sets["one"]
	got.text = ""
	if d := cmp.Diff(want, got, cmp.AllowUnexported(PartSet{})); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"package a", "set one bookworm", "set a b c\nset a b c", "set a b c\nkeep x", "set a b c\nkeep x [", "set a b c\nfrob x"} {
		if _, err := parseParts(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// Only what is wanted leaves a package: under its name, without compression
// where that was asked for, and with links that stay in the folder.
func TestUnpackTar(t *testing.T) {
	var zipped, pack bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("hypervisor"))
	_ = z.Close()
	w := tar.NewWriter(&pack)
	for _, f := range []struct {
		name, link string
		body       []byte
	}{
		{name: "./boot/xen-4.17-amd64.gz", body: zipped.Bytes()},
		{name: "./usr/lib/libx.so.1.2", body: []byte("library")},
		{name: "./usr/lib/libx.so.1", link: "/../../etc/libx.so.1.2"},
		{name: "./usr/share/doc/README", body: []byte("not wanted")},
		{name: "../../../boot/xen-4.18-amd64.gz", body: []byte("outside")},
	} {
		h := &tar.Header{Name: f.name, Size: int64(len(f.body)), Mode: 0o644, Typeflag: tar.TypeReg}
		if f.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(f.body)
	}
	_ = w.Close()
	dir, found := t.TempDir(), make([]bool, 3)
	keep := []Keep{{As: "xen", Glob: "boot/xen-*.gz", Unpack: true}, {As: "lib/", Glob: "usr/lib/*.so*"}, {As: "none", Glob: "nowhere"}}
	if err := unpackTar(&pack, dir, keep, found); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Error(err)
			}
			rel, _ := filepath.Rel(dir, p)
			got[rel] = string(b)
		}
		return nil
	})
	if d := cmp.Diff(map[string]string{"xen": "hypervisor", "lib/libx.so.1.2": "library", "lib/libx.so.1": "library"}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]bool{true, true, false}, found); d != "" {
		t.Errorf("found: %s", d)
	}
}

// A set that is stored, and made of the same, is used without any network.
func TestStoredSet(t *testing.T) {
	sets, err := parseParts("set one bookworm amd64\npackage a\n")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "one"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "one", stamp), []byte(sets["one"].text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "") // no apt to ask
	if got, err := NewStore(dir, sets).Folder("one"); err != nil || got != filepath.Join(dir, "one") {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := NewStore(dir, sets).Folder("two"); err == nil {
		t.Error("a set that is not there has a folder")
	}
}
