package fleet

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// member is one member of an archive: a name and what it holds.
type member struct{ name, text string }

func tarOf(t *testing.T, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o600, Size: int64(len(m.text)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(m.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sparse makes the first member of a tar one that GNU tar has written with
// --sparse, though there are no holes in it.
func sparse(b []byte) []byte {
	h := b[:512]
	h[156] = 'S'
	copy(h[257:], "ustar  \x00")
	size := h[124:136]
	copy(h[386:], "00000000000\x00") // where the first piece is
	copy(h[398:], size)              // how long it is
	copy(h[483:], size)              // how long the file is
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

func gzipOf(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func zstdOf(t *testing.T, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

// indented is a record over several lines.
func indented(s string) string { return strings.ReplaceAll(s, ",", ",\n  ") + "\n" }

// What records are packed in changes nothing but what their places are called.
func TestPacking(t *testing.T) {
	a, b, c := record("a", "", 1), record("b", "1.0:unknown", 2), record("c", "", 3)
	plain := a + "\n" + b + "\n" + c + "\n"
	three1, three2, three3 := member{"facts/1.json", indented(a)}, member{"facts/2", b}, member{"more.ndjson", c + "\n"}
	three := tarOf(t, member{"facts/", ""}, three1, member{"facts/README", "no facts"}, member{"facts/.hidden.json", "x"}, three2, three3)
	inTar := []string{"!facts/1.json:1@0 a supported", "!facts/2:1@0 b unknown", "!more.ndjson:1@0 c supported"}
	inText := []string{":1@0 a supported", fmt.Sprintf(":2@%d b unknown", len(a)+1), fmt.Sprintf(":3@%d c supported", len(a)+len(b)+2)}
	for _, test := range []struct {
		name   string
		bytes  []byte
		want   []string
		passed int
	}{
		{"lines.ndjson", []byte(plain), inText, 0},
		{"lines.ndjson.gz", gzipOf([]byte(plain)), inText, 0},
		{"lines.ndjson.zst", zstdOf(t, []byte(plain)), inText, 0},
		{"two gzip members", append(gzipOf([]byte(a+"\n")), gzipOf([]byte(b+"\n"+c))...), inText, 0},
		{"facts.tar", three, inTar, 2},
		{"facts.tar.gz", gzipOf(three), inTar, 2},
		{"facts.tar.zst", zstdOf(t, three), inTar, 2},
		{"no ending", zstdOf(t, three), inTar, 2},
		{"facts of pzstd.zst", append([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00size"), zstdOf(t, []byte(plain))...), inText, 0},
		{"two in one.tar", append(tarOf(t, three1, three2), append(make([]byte, 5000-5000%512), tarOf(t, three3)...)...), inTar, 0},
		{"two in one.tar.gz", append(gzipOf(tarOf(t, three1)), gzipOf(tarOf(t, three2, three3))...), inTar, 0},
		{"holes.tar", sparse(tarOf(t, three1, three2, three3)), inTar, 0},
		{"tar in tar.tar", tarOf(t, member{"x.tgz", string(gzipOf(three))}), []string{"!x.tgz!facts/1.json:1@0 a supported", "!x.tgz!facts/2:1@0 b unknown", "!x.tgz!more.ndjson:1@0 c supported"}, 2},
		{"list.json", []byte("[" + a + ",\n" + b + ",\n" + c + "]"), []string{":1@1 a supported", fmt.Sprintf(":2@%d b unknown", len(a)+3), fmt.Sprintf(":3@%d c supported", len(a)+len(b)+5)}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := filepath.Join(t.TempDir(), test.name)
			if err := os.WriteFile(p, test.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, in := range []string{p, "-"} {
				shown := p
				l := &lines{}
				o := options(bytes.NewReader(test.bytes), l)
				if o.Inputs = []string{in}; in == "-" {
					shown = StdinName
				}
				f, err := Run(t.Context(), o)
				if err != nil || f.Passed != test.passed || f.Bad != 0 || f.Hosts != 3 {
					t.Errorf("%v, %+v", err, f)
				}
				var want []string
				for _, w := range test.want {
					want = append(want, shown+w)
				}
				if d := cmp.Diff(want, l.got); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

// An archive that is cut short, or packed in a way that is not read, is one
// error; what came before it counts.
func TestBrokenPacking(t *testing.T) {
	a := record("a", "", 1)
	var many []member
	for i := range 50 {
		many = append(many, member{fmt.Sprintf("%02d.json", i), record(fmt.Sprint("h", i), strings.Repeat(fmt.Sprint(i), 300), 1)})
	}
	packedTar := gzipOf(tarOf(t, many...))
	damaged := bytes.Clone(packedTar)
	damaged[len(damaged)-8] ^= 1
	for _, test := range []struct {
		name  string
		bytes []byte
		err   string
		least int // hosts
	}{
		{"gzip.gz", gzipOf([]byte(a + "\n"))[:30], "x.gz:1@0 cannot be unpacked from here on: unexpected EOF", 0},
		{"tar.gz", packedTar[:len(packedTar)*3/4], "the archive cannot be read on: ", 10},
		{"plain.tar", tarOf(t, many...)[:3000], "the archive cannot be read on: its end is missing", 3},
		{"xz", []byte("\xfd7zXZ\x00more"), "x.xz@0 packed in a way that is not read here; tar, gzip and zstd are", 0},
		{"archive.json.xz", []byte("\xfd7zXZ\x00more"), "packed in a way that is not read here", 0},
		{"damaged behind its end.gz", damaged, "x.gz@0 the archive cannot be read on: cannot be unpacked from here on: gzip: invalid checksum", 50},
		{"zip", []byte("PK\x03\x04more"), "packed in a way that is not read here; tar, gzip and zstd are", 0},
		{"zst", []byte("\x28\xb5\x2f\xfdmore"), "cannot be unpacked from here on: ", 0},
		{"gz", []byte("\x1f\x8b\x08"), "not readable as gzip: ", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := filepath.Join(t.TempDir(), "x."+test.name[strings.LastIndexByte(test.name, '.')+1:])
			if err := os.WriteFile(p, test.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			l := &lines{}
			o := options(nil, l)
			o.Inputs = []string{p, p}
			f, err := Run(t.Context(), o)
			if err != nil || f.Bad < 2 || f.Hosts < test.least || f.ExitCode != report.ExitUsage {
				t.Errorf("%v, %+v, %q", err, f, l.got)
			}
			if got := l.got[len(l.got)/2-1]; !strings.Contains(got, test.err) {
				t.Errorf("got %q, want %q in it", got, test.err)
			}
		})
	}
	deep := []byte(a)
	for range maxNested + 2 {
		deep = gzipOf(deep)
	}
	l := &lines{}
	if _, err := Run(t.Context(), options(bytes.NewReader(deep), l)); err != nil || len(l.got) != 1 || !strings.Contains(l.got[0], "packed more than") {
		t.Errorf("%v %q", err, l.got)
	}
}

// A directory is read in the order of names, without what is no record.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []member{
		{"b/2.json", record("b2", "", 1)}, {"b/10.json", record("b10", "", 1)}, {"a.json", record("a", "", 1)},
		{"c.unknown", record("c", "", 1)}, {"e.json.xz", "\xfd7zXZ\x00more"}, {"e.xz", "\xfd7zXZ\x00more"}, {"notes.txt", "nothing"}, {"photo.png", "\x89PNG\x00\x00"}, {".git/config.json", "x"}, {"b/.tmp.json", "x"},
		{"d.json", "\x89PNG\r\n\x00\nx\ny\n"},
	} {
		p := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"round": dir, "z.json": "a.json", "y.json": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	l := &lines{}
	o := options(nil, l)
	o.Inputs = []string{dir}
	f, err := Run(t.Context(), o)
	if err != nil || f.Hosts != 4 || f.Older != 1 || f.Bad != 3 || f.Passed != 6 {
		t.Errorf("%v, %+v", err, f)
	}
	want := []string{
		"/a.json:1@0 a supported", "/b/10.json:1@0 b10 supported", "/b/2.json:1@0 b2 supported", "/c.unknown:1@0 c supported",
		`/d.json:1@0 not JSON: invalid character '\u0089', expected a JSON object`,
		"/e.json.xz@0 packed in a way that is not read here; tar, gzip and zstd are", "/y.json@0 no such file or directory", "/z.json:1@0 a supported",
	}
	for i := range want {
		want[i] = dir + want[i]
	}
	if d := cmp.Diff(want, l.got); d != "" {
		t.Error(d)
	}
}

func TestForm(t *testing.T) {
	for head, want := range map[string]form{
		"{": isObject, " \n\t{": isObject, "\ufeff{": isObject, "[": isList, "\x1f\x8b\x08\x00": isGzip, "\x28\xb5\x2f\xfd": isZstd,
		"\xff\xfe{\x00": isUTF16, "\xfe\xff\x00[": isUTF16, "\xff\xfehi": isText, "\xff\xfe": isText,
		"PK\x03\x04": isForeign, "PK": isText, "_*M\x18": isZstd, "`*M\x18": isText, "hello\n": isText, "": isText, string(tarOf(t, member{"a", "b"})[:1024]): isTar,
		"MANIFEST.json" + string(make([]byte, 600)): isText,
	} {
		if got, _ := formOf([]byte(head)); got != want {
			t.Errorf("%.20q: %d, want %d", head, got, want)
		}
	}
	for head, more := range map[string]bool{"P": true, "PK\n": false, "{": false, "x": true, "x\n": false, "\x1f": true, " ": true} {
		if _, got := formOf([]byte(head)); got != more {
			t.Errorf("%q: more %v", head, got)
		}
	}
}
