//go:build packages

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// member is a file in an archive.
type member struct {
	*tar.Header
	data []byte
}

// entries reads an archive to where it ends or breaks off.
func entries(t *testing.T, r io.Reader) []member {
	t.Helper()
	var all []member
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, member{h, data})
	}
}

// streams takes a file of gzip streams apart: the bytes of each, and what they
// unpack to.
func streams(t *testing.T, data []byte) (packed, plain [][]byte) {
	t.Helper()
	r := bytes.NewReader(data)
	zip := new(gzip.Reader)
	for r.Len() > 0 {
		from := len(data) - r.Len()
		// From a bytes.Reader it reads no further than the stream goes.
		if err := zip.Reset(r); err != nil {
			t.Fatal(err)
		}
		zip.Multistream(false)
		text, err := io.ReadAll(zip)
		if err != nil {
			t.Fatal(err)
		}
		packed = append(packed, data[from:len(data)-r.Len()])
		plain = append(plain, text)
	}
	return packed, plain
}

// An apk is what Alpine's wiki says of the format, version 2: a gzip stream with
// the tar of the control files, cut off before the blocks that end it, and one
// with the files, each with its SHA-1 in a header of pax.
func TestAPK(t *testing.T) {
	version := regexp.MustCompile(`^[0-9]+(\.[0-9]+)*(_(alpha|beta|pre|rc|git|p)[0-9]*)*-r[0-9]+$`)
	for _, arch := range []string{"x86_64", "aarch64", "armv7"} {
		t.Run(arch, func(t *testing.T) {
			name := packed(t, "*_"+arch+".apk")
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			packed, plain := streams(t, data)
			if len(packed) != 2 {
				t.Fatalf("%d gzip streams, not one of control files and one of files", len(packed))
			}
			control := entries(t, bytes.NewReader(plain[0]))
			if len(control) != 1 || control[0].Name != ".PKGINFO" {
				t.Fatalf("control files: %v", names(control))
			}
			// Zeros at its end would be the end of the whole package to apk.
			if blocks := (len(control[0].data) + 511) / 512; len(plain[0]) != 512+512*blocks {
				t.Errorf("the control files take %d bytes, not a header and %d blocks", len(plain[0]), blocks)
			}
			if !bytes.HasSuffix(plain[1], make([]byte, 1024)) {
				t.Error("the files do not end in two blocks of zeros")
			}
			info := map[string][]string{}
			for l := range strings.Lines(string(control[0].data)) {
				if strings.HasPrefix(l, "#") || strings.TrimSpace(l) == "" {
					continue
				}
				key, value, ok := strings.Cut(strings.TrimSuffix(l, "\n"), " = ")
				if !ok {
					t.Errorf("line of .PKGINFO: %q", l)
				}
				info[key] = append(info[key], value)
			}
			one := func(key string) string {
				if len(info[key]) != 1 {
					t.Errorf("%s = %q", key, info[key])
					return ""
				}
				return info[key][0]
			}
			for key, want := range map[string]string{"pkgname": "xencheck", "arch": arch, "license": "Apache-2.0", "url": homepage, "pkgdesc": summary} {
				if got := one(key); got != want {
					t.Errorf("%s = %q, not %q", key, got, want)
				}
			}
			if v := one("pkgver"); !version.MatchString(v) || path.Base(name) != "xencheck_"+v+"_"+arch+".apk" {
				t.Errorf("pkgver = %q in %s", v, path.Base(name))
			}
			if want := fmt.Sprintf("%x", sha256.Sum256(packed[1])); one("datahash") != want {
				t.Errorf("datahash = %s, and the stream has %s", one("datahash"), want)
			}
			if len(info["depend"]) > 0 {
				t.Errorf("depends on %v", info["depend"])
			}
			root, err := moduleRoot()
			if err != nil {
				t.Fatal(err)
			}
			source, err := findRelease(root, "")
			if err != nil {
				t.Fatal(err)
			}

			size := int64(0)
			seen := map[string]bool{}
			for _, m := range entries(t, bytes.NewReader(plain[1])) {
				at := strings.TrimSuffix(m.Name, "/")
				if path.IsAbs(m.Name) || path.Clean(m.Name) != at || strings.HasPrefix(at, ".") {
					t.Errorf("name %q", m.Name)
				}
				if seen[at] {
					t.Errorf("%s is there twice", at)
				}
				seen[at] = true
				if up := path.Dir(at); up != "." && !seen[up] {
					t.Errorf("%s comes before its directory", at)
				}
				if m.Uid != 0 || m.Gid != 0 || m.Uname != "root" || m.Gname != "root" {
					t.Errorf("%s belongs to %d %q, %d %q", at, m.Uid, m.Uname, m.Gid, m.Gname)
				}
				if !m.ModTime.Equal(source.time) {
					t.Errorf("%s is of %v", at, m.ModTime)
				}
				switch m.Typeflag {
				case tar.TypeDir:
					if m.Mode&0o7777 != 0o755 {
						t.Errorf("%s has mode %o", at, m.Mode)
					}
				case tar.TypeReg:
					want := int64(0o644)
					if at == "usr/bin/xencheck" {
						want = 0o755
					}
					if m.Mode&0o7777 != want {
						t.Errorf("%s has mode %o", at, m.Mode)
					}
					sum := sha1.Sum(m.data)
					if got := m.PAXRecords["APK-TOOLS.checksum.SHA1"]; got != hex.EncodeToString(sum[:]) {
						t.Errorf("%s: checksum %q, and it has %x", at, got, sum)
					}
					size += int64(len(m.data))
				default:
					t.Errorf("%s is of type %c", at, m.Typeflag)
				}
			}
			if got, err := strconv.ParseInt(one("size"), 10, 64); err != nil || got != size {
				t.Errorf("size = %d, and the files have %d: %v", got, size, err)
			}
			for _, want := range []string{"usr/bin/xencheck", "etc/xencheck/config.toml", "usr/share/man/man1/xencheck.1.gz", "usr/share/zsh/site-functions/_xencheck",
				"usr/share/xencheck/schema/report.json", "usr/share/doc/xencheck/THIRD-PARTY", "usr/share/licenses/xencheck/LICENSE"} {
				if !seen[want] {
					t.Errorf("%s is missing", want)
				}
			}
			for name := range seen {
				if strings.Contains(name, "systemd") || strings.Contains(name, "apt") || strings.Contains(name, "dnf") || strings.Contains(name, "zypp") {
					t.Errorf("Alpine has no use for %s", name)
				}
			}
		})
	}
}

// names lists the members of an archive.
func names(all []member) []string {
	var list []string
	for _, m := range all {
		list = append(list, m.Name)
	}
	return slices.Sorted(slices.Values(list))
}
