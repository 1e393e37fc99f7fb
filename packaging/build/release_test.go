//go:build packages

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	apkversion "github.com/knqyf263/go-apk-version"
)

// clone is a copy of the repository, to be changed at will.
type clone struct {
	t    *testing.T
	root string
}

func newClone(t *testing.T, dir string, flags ...string) clone {
	t.Helper()
	needs(t, "git")
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("git", slices.Concat([]string{"clone", "-q"}, flags, []string{root, dir})...).CombinedOutput(); err != nil {
		t.Skipf("this is no repository: %v: %s", err, out)
	}
	return clone{t, dir}
}

func (c clone) git(args ...string) {
	c.t.Helper()
	if _, err := output(c.root, "git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.org"}, args...)...); err != nil {
		c.t.Fatal(err)
	}
}

func (c clone) commits(n int) {
	for range n {
		c.git("commit", "-q", "--allow-empty", "-m", "x")
	}
}

func (c clone) tag(name string) { c.git("tag", "-a", "-m", name, name) }

// Versions say what the tag says, and come in order for every package manager.
func TestVersions(t *testing.T) {
	c := newClone(t, filepath.Join(t.TempDir(), "clone"), "--no-tags")
	const hash = `g[0-9a-f]{10}`
	var deb, rpm, apk []string
	for _, step := range []struct {
		do           func()
		version, apk string
	}{
		{do: func() {}, version: `0\.1\.0~git20[0-9]{12}\.` + hash, apk: `0\.1\.0_alpha0_git20[0-9]{6}_p[0-9]{1,5}`},
		{do: func() { c.tag("v0.1.0-rc1") }, version: `0\.1\.0~rc1`, apk: `0\.1\.0_rc1`},
		{do: func() { c.commits(1); c.tag("v0.1.0") }, version: `0\.1\.0`, apk: `0\.1\.0`},
		{do: func() { c.commits(1); c.tag("v1.2.3") }, version: `1\.2\.3`, apk: `1\.2\.3`},
		{do: func() { c.commits(5) }, version: `1\.2\.3\+5\.` + hash, apk: `1\.2\.3_p5`},
		{do: func() { c.commits(7) }, version: `1\.2\.3\+12\.` + hash, apk: `1\.2\.3_p12`},
		{do: func() { c.commits(1); c.tag("v1.3.0-alpha1") }, version: `1\.3\.0~alpha1`, apk: `1\.3\.0_alpha1`},
		{do: func() { c.commits(1); c.tag("v1.3.0-beta.2") }, version: `1\.3\.0~beta2`, apk: `1\.3\.0_beta2`},
		{do: func() { c.commits(1); c.tag("v1.3.0-rc1") }, version: `1\.3\.0~rc1`, apk: `1\.3\.0_rc1`},
		{do: func() { c.commits(3) }, version: `1\.3\.0~rc1\+3\.` + hash, apk: `1\.3\.0_rc1_p3`},
		{do: func() { c.commits(1); c.tag("v1.3.0-rc2") }, version: `1\.3\.0~rc2`, apk: `1\.3\.0_rc2`},
		{do: func() { c.commits(1); c.tag("v1.3.0-rc10") }, version: `1\.3\.0~rc10`, apk: `1\.3\.0_rc10`},
		{do: func() { c.commits(1); c.tag("v1.3.0") }, version: `1\.3\.0`, apk: `1\.3\.0`},
		{do: func() { c.commits(1); c.tag("v1.10.0") }, version: `1\.10\.0`, apk: `1\.10\.0`},
	} {
		step.do()
		r, err := findRelease(c.root, "")
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile("^"+step.version+"$").MatchString(r.version) || !regexp.MustCompile("^"+step.apk+"$").MatchString(r.apk) {
			t.Errorf("%s and %s, expected %s and %s", r.version, r.apk, step.version, step.apk)
		}
		deb, rpm, apk = append(deb, r.version+"-0upstream1"), append(rpm, r.version), append(apk, r.apk+"-r0")
	}
	for i := 1; i < len(deb); i++ {
		a, errA := apkversion.NewVersion(apk[i-1])
		b, errB := apkversion.NewVersion(apk[i])
		if errA != nil || errB != nil || !a.LessThan(b) {
			t.Errorf("apk: %s is not before %s: %v, %v", apk[i-1], apk[i], errA, errB)
		}
	}
	t.Run("dpkg", func(t *testing.T) {
		needs(t, "dpkg")
		for i := 1; i < len(deb); i++ {
			if out, err := exec.Command("dpkg", "--compare-versions", deb[i-1], "lt", deb[i]).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s is not before %s: %v: %s", deb[i-1], deb[i], err, out)
			}
		}
	})
	t.Run("rpm", func(t *testing.T) {
		needs(t, "rpm")
		for i := 1; i < len(rpm); i++ {
			out, err := exec.Command("rpm", "--eval", `%{lua: print(rpm.vercmp("`+rpm[i-1]+`", "`+rpm[i]+`"))}`).Output()
			if err != nil || strings.TrimSpace(string(out)) != "-1" {
				t.Errorf("%s is not before %s: %v: %s", rpm[i-1], rpm[i], err, out)
			}
		}
	})

	// Which changes are not committed nobody can know from the commit.
	readme := filepath.Join(c.root, "README.md")
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(readme, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	if r, err := findRelease(c.root, ""); err != nil || r.version != "1.10.0+dirty" {
		t.Errorf("with changes: %v, %v", r, err)
	}
	c.git("checkout", "-q", "README.md")

	c.commits(1)
	c.tag("v2")
	if r, err := findRelease(c.root, ""); err == nil || !strings.Contains(err.Error(), `"v2"`) {
		t.Errorf("a tag that is no version: %v, %v", r, err)
	}
	if r, err := findRelease(c.root, "2.0.0-rc1"); err != nil || r.version != "2.0.0~rc1" {
		t.Errorf("-version: %v, %v", r, err)
	}
}

// An archive of a commit knows what it is of; other copies tell the age of
// their files.
func TestVersionOfArchive(t *testing.T) {
	needs(t, "tar")
	c := newClone(t, filepath.Join(t.TempDir(), "clone"), "--no-tags")
	unpacked := func() string {
		dir := t.TempDir()
		c.git("archive", "-o", dir+".tar", "HEAD")
		if out, err := exec.Command("tar", "-xf", dir+".tar", "-C", dir).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		return dir
	}
	same := func(what string) {
		t.Helper()
		a, err := findRelease(c.root, "")
		if err != nil {
			t.Fatal(err)
		}
		b, err := findRelease(unpacked(), "")
		if err != nil {
			t.Fatal(err)
		}
		if a != b {
			t.Errorf("%s: %v in the repository, %v in an archive", what, a, b)
		}
	}
	same("before the first tag")
	c.commits(1)
	c.tag("v1.2.3-rc1")
	same("at a tag")
	c.commits(2)
	same("after a tag")

	dir := unpacked()
	if err := os.WriteFile(filepath.Join(dir, "packaging", "build", "commit.txt"), []byte("$Format:%ct$\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "go.mod"), when, when); err != nil {
		t.Fatal(err)
	}
	if r, err := findRelease(dir, ""); err != nil || r.version != "0.1.0~git20260304050607" || r.apk != "0.1.0_alpha0_git20260304_p18367" || !r.time.Equal(when) {
		t.Errorf("a copy of the files: %v, %v", r, err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "86400")
	if r, err := findRelease(dir, ""); err != nil || r.version != "0.1.0~git19700102000000" || r.apk != "0.1.0_alpha0_git19700102_p0" {
		t.Errorf("with SOURCE_DATE_EPOCH: %v, %v", r, err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if r, err := findRelease(dir, ""); err == nil || !strings.Contains(err.Error(), `"yesterday"`) {
		t.Errorf("SOURCE_DATE_EPOCH that is no number: %v, %v", r, err)
	}
}

// A package says one version, in its name, in its fields, and when it is asked.
func TestVersionTold(t *testing.T) {
	c := newClone(t, filepath.Join(t.TempDir(), "clone"), "--no-tags")
	c.tag("v1.3.0-rc1")
	c.commits(2)
	out := t.TempDir()
	if _, err := run(options{root: c.root, out: out, only: "amd64"}); err != nil {
		t.Fatal(err)
	}
	r, err := findRelease(c.root, "")
	if err != nil {
		t.Fatal(err)
	}
	says(t, strings.Join(told(t, only(t, out, "xencheck_"+r.version+"-0upstream1_amd64.deb"), "dpkg-deb", "-f", "", "Version"), " "), r.version+"-0upstream1")
	says(t, strings.Join(told(t, only(t, out, "xencheck-"+r.version+"-1.x86_64.rpm"), "rpm", "-qp", "--queryformat", "%{EVR}", ""), " "), r.version+"-1")
	only(t, out, "xencheck_"+r.apk+"-r0_x86_64.apk")
	dir := t.TempDir()
	if text, err := exec.Command("tar", "-xzf", only(t, out, "xencheck-"+r.version+"-linux-amd64.tar.gz"), "-C", dir).CombinedOutput(); err != nil {
		t.Fatal(err, string(text))
	}
	text, err := output("", filepath.Join(dir, "xencheck-"+r.version+"-linux-amd64", "xencheck"), "version")
	if err != nil || !strings.HasPrefix(text, "xencheck "+r.version+" (") {
		t.Errorf("%v: %s", err, text)
	}
}

// told asks a program of a package; an empty argument stands for the package.
func told(t *testing.T, file string, args ...string) []string {
	t.Helper()
	needs(t, args[0])
	for i := range args {
		if args[i] == "" {
			args[i] = file
		}
	}
	text, err := output("", args[0], args[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(text, "\n")
}

// Two builds of one commit are the same, byte for byte, wherever and whenever
// they are made.
func TestReproducible(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	var sum [2]string
	if c, err := findCommit(root); err == nil && !c.dirty {
		sum[0] = filepath.Dir(packed(t, "*_amd64.deb"))
	} else {
		// What is not committed is in no clone.
		first := newClone(t, filepath.Join(t.TempDir(), "first"))
		sum[0] = t.TempDir()
		if _, err := run(options{root: first.root, out: sum[0]}); err != nil {
			t.Fatal(err)
		}
	}
	second := newClone(t, filepath.Join(t.TempDir(), "another place", "of the source"))
	for name, value := range map[string]string{
		"TZ": "Asia/Tokyo", "LC_ALL": "C", "LANG": "tr_TR.UTF-8", "TMPDIR": t.TempDir(), "HOME": t.TempDir(), "GOCACHE": t.TempDir(), "GOTMPDIR": t.TempDir(),
		"GOMODCACHE": modules(t), "GOFLAGS": "-tags=other", "GOAMD64": "v3", "GOARM": "5", "GOMAXPROCS": "1", "USER": "somebody", "CGO_ENABLED": "1",
	} {
		t.Setenv(name, value)
	}
	umask := syscall.Umask(0o077)
	defer syscall.Umask(umask)
	sum[1] = filepath.Join(t.TempDir(), "out")
	if _, err := run(options{root: second.root, out: sum[1]}); err != nil {
		t.Fatal(err)
	}
	var text [2]string
	for i, dir := range sum {
		data, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		text[i] = string(data)
	}
	if text[0] != text[1] || strings.Count(text[0], "\n") != 12 {
		t.Errorf("not the same:\n%s\n%s", text[0], text[1])
	}
}

// modules is where go keeps modules, for a build with another home.
func modules(t *testing.T) string {
	t.Helper()
	dir, err := output("", "go", "env", "GOMODCACHE")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
