package probe

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/cpuinfo"
	"github.com/xencheck/xencheck/probe/internal/cpulist"
)

// raw writes the archive of a machine as if it were the running one.
func raw(t testing.TB, r Root, o Options) ([]byte, *facts.Host) {
	t.Helper()
	if r != nil {
		o.FS, o.FSLive = liveTest{r}, true
	}
	o.Now, o.Tool = noon, "xencheck test"
	var b bytes.Buffer
	h, err := WriteRaw(context.Background(), &b, o)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), h
}

func save(t testing.TB, b []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "raw.tar.gz")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func replayed(t testing.TB, name string) *facts.Host {
	t.Helper()
	h, err := Collect(context.Background(), Options{Root: name, Now: noon, Tool: "xencheck test"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// sameFacts compares all but the origin.
func sameFacts(t *testing.T, what string, a, b *facts.Host) {
	t.Helper()
	x, y := *a, *b
	x.Origin, y.Origin = facts.Origin{}, facts.Origin{}
	if diff := cmp.Diff(x, y); diff != "" {
		t.Errorf("%s: the replay differs (-live +replay):\n%s", what, diff)
	}
}

func machines() map[string]Root {
	return map[string]Root{
		"intel": intelServer().root(), "intel, no root": withoutRoot(intelServer()), "amd": amdServer().root(),
		"dom0": pvDom0().root(), "domU": pvDom0().with(machine{"/proc/xen/capabilities": "", acpiTables + "/RMAD": gone}).root(),
		"arm64": juno().root(), "arm64, no root": withoutRoot(juno()), "acpi arm64": armServer().root(), "armv7": cortexA15().root(),
		"container": intelServer().with(machine{"/.dockerenv": "", "/proc/self/ns/pid": "-> pid:[1]", "/proc/1/environ": "SECRET_TOKEN=" + hostSerial + "\x00container=docker\x00"}).root(),
	}
}

// An archive gives the facts that it was made with, also unpacked, and its
// bytes depend on nothing else.
func TestReplay(t *testing.T) {
	for name, root := range machines() {
		t.Run(name, func(t *testing.T) {
			b, live := raw(t, root, Options{})
			again, _ := raw(t, root, Options{})
			if !bytes.Equal(b, again) {
				t.Error("two archives of the same sources differ")
			}
			sameFacts(t, "packed", live, replayed(t, save(t, b)))
			dir := t.TempDir()
			members, err := unpack(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			for member, content := range members {
				file := filepath.Join(dir, member)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			sameFacts(t, "unpacked", live, replayed(t, dir))

			var told facts.Host
			if err := json.Unmarshal(members[FactsName], &told); err != nil {
				t.Fatal(err)
			}
			sameFacts(t, "facts.json", live, &told)
		})
	}
}

// An archive of a tree remembers that a tree may be only a part.
func TestReplayOfATree(t *testing.T) {
	m := machine{"/proc/cpuinfo": x86CPUs(2, "GenuineIntel", 6, 85, "vmx"), acpiTables + "/DMAR": intelServer()[acpiTables+"/DMAR"]}
	var b bytes.Buffer
	h, err := WriteRaw(context.Background(), &b, Options{FS: m.root(), Now: noon, Tool: "xencheck test"})
	if err != nil {
		t.Fatal(err)
	}
	isUnknown(t, "memory", h.Memory.Physical, facts.NotRecorded)
	sameFacts(t, "tree", h, replayed(t, save(t, b.Bytes())))
}

// Nothing that identifies a machine leaves it.
func TestNoSecrets(t *testing.T) {
	for name, root := range machines() {
		b, h := raw(t, root, Options{})
		members, err := unpack(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		all, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		members["the facts"] = all
		uuid := []byte{0x4c, 0x4c, 0x45, 0x44, 0x00, 0x39, 0x36, 0x10, 0x80, 0x51, 0xb7, 0xc0, 0x4f, 0x4e, 0x31, 0x32}
		for member, content := range members {
			for _, secret := range [][]byte{[]byte(hostSerial), []byte(hostUUID), uuid, []byte("product key"), []byte("MSDM")} {
				if bytes.Contains(content, secret) {
					t.Errorf("%s: %s holds %q", name, member, secret)
				}
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		options Options
		want    string
	}{
		{Options{}, "server9"},
		{Options{ID: "rack 4"}, "rack 4"},
		{Options{Anonymous: true}, ""},
		{Options{Anonymous: true, ID: "rack 4"}, ""},
	} {
		b, h := raw(t, intelServer().root(), test.options)
		if h.Name != test.want {
			t.Errorf("%+v: name is %q, want %q", test.options, h.Name, test.want)
		}
		members, _ := unpack(bytes.NewReader(b))
		for member, content := range members {
			if test.want != "server9" && bytes.Contains(content, []byte("server9")) {
				t.Errorf("%+v: %s holds the host name", test.options, member)
			}
		}
	}
}

// rebuild writes an archive's members again, changed.
func rebuild(t *testing.T, b []byte, change func(hdr *tar.Header, content []byte) []byte) []byte {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(zr)
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	tw := tar.NewWriter(zw)
	for {
		hdr, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(tr)
		content = change(hdr, content)
		if content == nil {
			continue
		}
		hdr.Size = int64(len(content))
		if hdr.Typeflag != tar.TypeReg {
			hdr.Size = 0
		}
		if err := tw.WriteHeader(hdr); err != nil {
			t.Fatal(err)
		}
		if hdr.Typeflag == tar.TypeReg {
			tw.Write(content)
		}
	}
	tw.Close()
	zw.Close()
	return out.Bytes()
}

// A member that was changed or is missing costs its own source.
func TestDamagedArchive(t *testing.T) {
	b, live := raw(t, intelServer().root(), Options{})
	const dmar = "root" + acpiTables + "/DMAR"
	changed := rebuild(t, b, func(hdr *tar.Header, c []byte) []byte {
		if hdr.Name == dmar {
			c[20] ^= 1
		}
		return c
	})
	h := replayed(t, save(t, changed))
	isUnknown(t, "IOMMU of a changed member", h.IOMMU.InterruptRemapping, facts.Malformed)
	if diff := cmp.Diff(live.CPU, h.CPU); diff != "" {
		t.Errorf("the CPU changed:\n%s", diff)
	}
	missing := rebuild(t, b, func(hdr *tar.Header, c []byte) []byte {
		if hdr.Name == dmar {
			return nil
		}
		return c
	})
	isUnknown(t, "IOMMU of a missing member", replayed(t, save(t, missing)).IOMMU.InterruptRemapping, facts.Truncated)

	cut := replayed(t, save(t, b[:len(b)*3/4]))
	if !cut.CPU.X86.VMX.IsKnown() && cut.CPU.X86.VMX.Problem.Cause != facts.Truncated {
		t.Errorf("VMX of an archive cut short: %+v", cut.CPU.X86.VMX)
	}

	for what, hostile := range map[string][]byte{
		"empty":       {},
		"no gzip":     []byte("%PDF-1.7 not an archive"),
		"cut at once": b[:40],
		"no manifest": rebuild(t, b, func(hdr *tar.Header, c []byte) []byte {
			if hdr.Name == ManifestName {
				return nil
			}
			return c
		}),
		"another manifest": rebuild(t, b, func(hdr *tar.Header, c []byte) []byte {
			if hdr.Name == ManifestName {
				return []byte(`{"format":"something else"}`)
			}
			return c
		}),
		"a newer manifest": rebuild(t, b, func(hdr *tar.Header, c []byte) []byte {
			if hdr.Name == ManifestName {
				return []byte(`{"format":"xencheck sources","version":99}`)
			}
			return c
		}),
	} {
		name := save(t, hostile)
		_, err := Collect(context.Background(), Options{Root: name})
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error is %v", what, err)
		}
	}
	for what, change := range map[string]func(*tar.Header){
		"out of the archive": func(h *tar.Header) { h.Name = "../../etc/passwd" },
		"absolute":           func(h *tar.Header) { h.Name = "/etc/passwd" },
		"a link":             func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd" },
		"a device":           func(h *tar.Header) { h.Typeflag = tar.TypeChar },
	} {
		hostile := rebuild(t, b, func(hdr *tar.Header, c []byte) []byte {
			if hdr.Name == dmar {
				change(hdr)
			}
			return c
		})
		h := replayed(t, save(t, hostile))
		isUnknown(t, what, h.IOMMU.InterruptRemapping, facts.Truncated)
	}
}

// A small archive that unpacks without end is refused in bounded memory.
func TestArchiveBomb(t *testing.T) {
	var b bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	tw := tar.NewWriter(zw)
	tw.WriteHeader(&tar.Header{Name: "root/zero", Mode: 0o644, Size: 100 << 20, Typeflag: tar.TypeReg})
	zero := make([]byte, 1<<20)
	for range 100 {
		tw.Write(zero)
	}
	tw.Close()
	zw.Close()
	if _, err := unpack(bytes.NewReader(b.Bytes())); err == nil || !strings.Contains(err.Error(), "times its size") {
		t.Errorf("error is %v", err)
	}
}

// FuzzArchive holds that whatever an archive is, facts come of it or a clear
// line does, and that what its manifest calls absent or unreadable is never
// known.
func FuzzArchive(f *testing.F) {
	for _, m := range []machine{intelServer(), juno()} {
		b, _ := raw(f, m.root(), Options{})
		members, err := unpack(bytes.NewReader(b))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(members[ManifestName], []byte(m["/proc/cpuinfo"]))
	}
	f.Add([]byte(`{"format":"xencheck sources","version":1,"live":true,"entries":[{"name":"../x","kind":"file","state":"known"}]}`), []byte("x"))
	f.Fuzz(func(t *testing.T, b, content []byte) {
		root, err := replay(b, nil, func(string) ([]byte, error) { return content, nil })
		if err != nil {
			return
		}
		h, err := Collect(context.Background(), Options{FS: root, Now: noon})
		if err != nil {
			t.Fatal(err)
		}
		var m manifest
		if json.Unmarshal(b, &m) != nil {
			t.Fatal("a manifest that is not JSON was taken")
		}
		readable := map[string]bool{}
		for _, e := range m.Entries {
			if e.State == facts.Known {
				readable[e.Name] = true
			}
		}
		for _, s := range h.Sources {
			if s.State == facts.Known && !readable[s.Name] && !strings.Contains(s.Name, "*") {
				t.Errorf("%s is known, which the manifest does not hold", s.Name)
			}
		}
	})
}

// FuzzRedactCPUInfo holds that taking the serial number away leaves everything
// else that is read.
func FuzzRedactCPUInfo(f *testing.F) {
	f.Add([]byte(cortexA15()["/proc/cpuinfo"]))
	f.Add([]byte("Serial: 1\nserial number : 2\nprocessor 0: version = 00, identification = 1234AB, machine = 2964\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := redact("/proc/cpuinfo", b)
		for line := range bytes.Lines(out) {
			key, value, found := bytes.Cut(line, []byte(":"))
			if found && strings.EqualFold(strings.TrimSpace(string(key)), "serial") && len(bytes.TrimSpace(value)) > 0 {
				t.Errorf("a serial number is left: %q", line)
			}
		}
		before, err1 := cpuinfo.Parse(bytes.NewReader(b))
		after, err2 := cpuinfo.Parse(bytes.NewReader(out))
		if (err1 == nil) != (err2 == nil) {
			t.Fatalf("before: %v, after: %v", err1, err2)
		}
		if before == nil || after == nil {
			return
		}
		before.Problems, after.Problems, before.More, after.More = nil, nil, 0, 0
		if diff := cmp.Diff(before, after, cmp.Comparer(func(a, b cpulist.Set) bool { return a.String() == b.String() })); diff != "" {
			t.Errorf("the facts changed:\n%s", diff)
		}
	})
}
