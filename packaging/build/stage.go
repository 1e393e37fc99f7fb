package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// maintainer answers for the packages.
const maintainer = "The xencheck maintainers <xencheck@users.noreply.github.com>"

// stage holds what goes into packages.
type stage struct {
	root, work string
	release    release
	sign       string // file of the key that signs the rpms; empty for none
	files      []file // the same on every architecture
}

// file is one that a package installs.
type file struct {
	source string // where it lies now
	path   string // where it goes
	mode   fs.FileMode
	config bool
	ghost  bool // belongs to the package and is made later
	// license marks a text that rpm shows as the licence.
	license bool
	// only lists the kinds of package that have it; empty for all.
	only []string
}

// in reports whether a package of some kind has the file.
func (f file) in(kind string) bool { return len(f.only) == 0 || slices.Contains(f.only, kind) }

// compile builds the binary of one architecture: static, or position-independent
// where Go can do that without a C compiler.
func (s *stage) compile(goarch string, pie bool) (string, error) {
	binary := filepath.Join(s.work, "xencheck-"+goarch)
	var flags []string
	if pie {
		binary += "-pie"
		flags = []string{"-buildmode=pie"}
	}
	return binary, s.goBuild(binary, "linux", goarch, flags...)
}

// goBuild compiles what is packaged, whatever the environment asks of go.
func (s *stage) goBuild(binary, goos, goarch string, flags ...string) error {
	// What go itself notes of the commit depends on where it finds the repository.
	args := slices.Concat([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.packaged=" + s.release.version + " -X main.packagedCommit=" + s.release.commit, "-o", binary},
		flags, []string{"./cmd/xencheck"})
	_, err := outputWith(s.root, goEnv(goos, goarch), "go", args...)
	return err
}

// goEnv is everything that decides what go makes of one source.
func goEnv(goos, goarch string) []string {
	return []string{"GOOS=" + goos, "GOARCH=" + goarch, "GOAMD64=v1", "GOARM64=v8.0", "GOARM=7", "CGO_ENABLED=0",
		"GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off", "GODEBUG="}
}

// documents makes everything that is no binary: pages of the manual,
// completions, schemas and licences, from a binary of this machine.
func (s *stage) documents() error {
	tool := filepath.Join(s.work, "xencheck")
	if err := s.goBuild(tool, runtime.GOOS, runtime.GOARCH); err != nil {
		return err
	}
	if err := s.manual(tool); err != nil {
		return err
	}
	for shell, places := range map[string][]string{
		"bash": {"/usr/share/bash-completion/completions/xencheck"},
		"fish": {"/usr/share/fish/vendor_completions.d/xencheck.fish"},
		"zsh":  {"/usr/share/zsh/vendor-completions/_xencheck", "/usr/share/zsh/site-functions/_xencheck"},
	} {
		text, err := output("", tool, "completion", shell)
		if err != nil {
			return err
		}
		for _, p := range places {
			var only []string
			switch {
			case strings.Contains(p, "vendor-completions"):
				only = []string{"deb"} // Debian's zsh looks there, every other one in site-functions
			case shell == "zsh":
				only = []string{"rpm", "apk", "tar"}
			}
			if err := s.add(p, text+"\n", file{mode: 0o644, only: only}); err != nil {
				return err
			}
		}
	}
	names, err := output("", tool, "schema", "--help")
	if err != nil {
		return err
	}
	for _, name := range schemaNames(names) {
		text, err := output("", tool, "schema", name)
		if err != nil {
			return err
		}
		if err := s.add("/usr/share/xencheck/schema/"+name+".json", text+"\n", file{mode: 0o644}); err != nil {
			return err
		}
	}
	if err := s.licences(); err != nil {
		return err
	}
	return s.static()
}

// schemaNames takes the names out of the usage line: schema [report|facts|…].
func schemaNames(help string) []string {
	_, rest, _ := strings.Cut(help, "schema [")
	list, _, ok := strings.Cut(rest, "]")
	if !ok {
		return nil
	}
	return strings.Split(list, "|")
}

// manual writes one page for each command, found by walking from the first.
func (s *stage) manual(tool string) error {
	queue := [][]string{{}}
	for len(queue) > 0 {
		args := queue[0]
		queue = queue[1:]
		text, err := output("", tool, append([]string{"man"}, args...)...)
		if err != nil {
			return err
		}
		// The commands do not know when they are released.
		text = strings.Replace(text, ` 1 "" `, ` 1 "`+s.release.time.Format(time.DateOnly)+`" `, 1)
		name := strings.Join(append([]string{"xencheck"}, args...), "-")
		zipped, err := s.zip([]byte(text + "\n"))
		if err != nil {
			return err
		}
		if err := s.add("/usr/share/man/man1/"+name+".1.gz", string(zipped), file{mode: 0o644}); err != nil {
			return err
		}
		for _, sub := range pagesBelow(text, name) {
			queue = append(queue, append(slices.Clone(args), sub))
		}
	}
	return nil
}

// pagesBelow reads which commands a page lists.
func pagesBelow(page, name string) []string {
	_, list, ok := strings.Cut(page, "\n.SH COMMANDS\n")
	if !ok {
		return nil
	}
	list, _, _ = strings.Cut(list, "\n.SH ")
	var subs []string
	for l := range strings.Lines(list) {
		l = strings.ReplaceAll(l, `\-`, "-")
		if rest, ok := strings.CutPrefix(l, `\fB`+name+"-"); ok {
			sub, _, _ := strings.Cut(rest, `\fR`)
			subs = append(subs, sub)
		}
	}
	return subs
}

// static adds the files that lie in the source as they are installed.
func (s *stage) static() error {
	for _, f := range []file{
		{source: "config.toml", path: "/etc/xencheck/config.toml", mode: 0o644, config: true, only: []string{"deb", "rpm", "apk"}},
		{source: "systemd/xencheck.service", path: "/usr/lib/systemd/system/xencheck.service", mode: 0o644, only: []string{"deb", "rpm", "tar"}},
		{source: "systemd/xencheck.timer", path: "/usr/lib/systemd/system/xencheck.timer", mode: 0o644, only: []string{"deb", "rpm", "tar"}},
		{source: "apt/apt-hook", path: "/usr/lib/xencheck/apt-hook", mode: 0o755, only: []string{"deb"}},
		{source: "apt/apt-ask", path: "/usr/lib/xencheck/apt-ask", mode: 0o755, only: []string{"deb"}},
		{source: "apt/20xencheck", path: "/etc/apt/apt.conf.d/20xencheck", mode: 0o644, config: true, only: []string{"deb"}},
		{source: "dnf/xencheck.py", path: "/usr/lib/xencheck/dnf4-plugin.py", mode: 0o644, only: []string{"rpm"}},
		{source: "dnf/xencheck.conf", path: "/etc/dnf/plugins/xencheck.conf", mode: 0o644, config: true, only: []string{"rpm"}},
		{source: "dnf/xencheck.actions", path: "/etc/dnf/libdnf5-plugins/actions.d/xencheck.actions", mode: 0o644, config: true, only: []string{"rpm"}},
		{source: "dnf/dnf5-gate", path: "/usr/lib/xencheck/dnf5-gate", mode: 0o755, only: []string{"rpm"}},
		{source: "zypp/xencheck", path: "/usr/lib/zypp/plugins/commit/xencheck", mode: 0o755, only: []string{"rpm"}},
	} {
		f.source = filepath.Join(s.root, "packaging", "files", f.source)
		if _, err := os.Stat(f.source); err != nil {
			return err
		}
		s.files = append(s.files, f)
	}
	for _, name := range []string{"report.json", "report.previous.json"} {
		s.files = append(s.files, file{path: "/var/lib/xencheck/" + name, mode: 0o644, ghost: true, only: []string{"rpm"}})
	}
	if err := s.rpmHistory(); err != nil {
		return err
	}
	changes, err := os.ReadFile(filepath.Join(s.root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	zipped, err := s.zip(changes)
	if err != nil {
		return err
	}
	if err := s.add("/usr/share/doc/xencheck/changelog.gz", string(zipped), file{mode: 0o644}); err != nil {
		return err
	}
	debian, err := s.zip(fmt.Appendf(nil, "xencheck (%s-0upstream1) unstable; urgency=medium\n\n  * xencheck %s\n    (changelog.gz tells what is new)\n\n -- %s  %s\n",
		s.release.version, s.release.version, maintainer, s.release.time.Format(time.RFC1123Z)))
	if err != nil {
		return err
	}
	return s.add("/usr/share/doc/xencheck/changelog.Debian.gz", string(debian), file{mode: 0o644, only: []string{"deb"}})
}

// rpmChangelog is a file of the work directory.
const rpmChangelog = "changelog.yaml"

// rpmHistory writes what rpm shows as the history of the package.
func (s *stage) rpmHistory() error {
	return os.WriteFile(filepath.Join(s.work, rpmChangelog), fmt.Appendf(nil, "---\n- semver: %s-1\n  date: %s\n  packager: %q\n  changes:\n    - note: \"changelog.gz tells what is new\"\n",
		s.release.version, s.release.time.Format(time.RFC3339), maintainer), 0o644)
}

// licences gathers the licences of everything that is linked into the binary.
func (s *stage) licences() error {
	modules, err := s.linked()
	if err != nil {
		return err
	}
	var b, list strings.Builder
	b.WriteString("Licences of the software that is part of the xencheck binary\n")
	for _, m := range modules {
		texts, err := licenceTexts(m.dirs)
		if err != nil {
			return err
		}
		if len(texts) == 0 {
			return fmt.Errorf("%s: no licence in %s", m.name, m.dirs[0])
		}
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", m.name, strings.Repeat("=", len(m.name)), strings.Join(texts, "\n"))
		fmt.Fprintf(&list, "  %s\n", m.name)
	}
	if err := s.add("/usr/share/doc/xencheck/THIRD-PARTY", b.String(), file{mode: 0o644}); err != nil {
		return err
	}
	own := filepath.Join(s.root, "LICENSE")
	s.files = append(s.files, file{source: own, path: "/usr/share/licenses/xencheck/LICENSE", mode: 0o644, license: true, only: []string{"rpm", "apk"}})
	s.files = append(s.files, file{source: own, path: "/LICENSE", mode: 0o644, only: []string{"tar"}})
	return s.add("/usr/share/doc/xencheck/copyright", `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: xencheck
Source: https://github.com/xencheck/xencheck
Comment: These are linked into the binary, under the licences in
 /usr/share/doc/xencheck/THIRD-PARTY:
`+list.String()+`
Files: *
Copyright: 2026 The xencheck authors
License: Apache-2.0

License: Apache-2.0
 On Debian systems, the text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
`, file{mode: 0o644, only: []string{"deb"}})
}

// module is one that is linked into the binary.
type module struct {
	name string   // with its version
	dirs []string // its own, and those of its packages that are linked
}

// linked returns the modules in the binary of any architecture, Go's own first.
func (s *stage) linked() ([]module, error) {
	goroot, err := output(s.root, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	dirs := map[string][]string{}
	for _, t := range targets() {
		list, err := outputWith(s.root, goEnv("linux", t.goarch), "go", "list", "-deps", "-f",
			`{{$dir := .Dir}}{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}|{{.Dir}}|{{$dir}}{{end}}{{end}}`, "./cmd/xencheck")
		if err != nil {
			return nil, err
		}
		for l := range strings.SplitSeq(list, "\n") {
			if part := strings.Split(l, "|"); len(part) == 3 {
				dirs[part[0]] = append(dirs[part[0]], part[1])
				// A package may have a licence of its own, for itself and those below.
				for dir := part[2]; len(dir) > len(part[1]); dir = filepath.Dir(dir) {
					dirs[part[0]] = append(dirs[part[0]], dir)
				}
			}
		}
	}
	modules := []module{{"Go, the standard library", []string{goroot}}}
	for _, name := range slices.Sorted(maps.Keys(dirs)) {
		modules = append(modules, module{name, slices.Compact(slices.Sorted(slices.Values(dirs[name])))})
	}
	return modules, nil
}

// licenceTexts reads what lies in directories by the name of a licence, each
// text once.
func licenceTexts(dirs []string) ([]string, error) {
	var texts []string
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			upper := strings.ToUpper(e.Name())
			if !e.Type().IsRegular() || strings.HasSuffix(upper, ".GO") ||
				!strings.HasPrefix(upper, "LICENSE") && !strings.HasPrefix(upper, "LICENCE") && !strings.HasPrefix(upper, "COPYING") && !strings.HasPrefix(upper, "NOTICE") {
				continue
			}
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			if text := string(bytes.TrimSpace(data)) + "\n"; !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
	}
	return texts, nil
}

// add writes a file into the work directory and stages it.
func (s *stage) add(path, text string, f file) error {
	f.path = path
	f.source = filepath.Join(s.work, fmt.Sprintf("%03d-%s", len(s.files), filepath.Base(path)))
	s.files = append(s.files, f)
	return os.WriteFile(f.source, []byte(text), 0o644)
}

// zip compresses without a time or a name.
func (s *stage) zip(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
