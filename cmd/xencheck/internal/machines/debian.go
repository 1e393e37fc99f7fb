package machines

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// debian asks apt for packages of any suite and architecture of Debian, with
// lists and a cache of its own: neither the system's sources nor dpkg's
// architectures are touched, and no privilege is needed.
type debian struct {
	dir    string // holds the lists
	once   sync.Once
	mirror string
	err    error

	mu    sync.Mutex
	lists map[string]error // by suite and architecture: those that were fetched
}

// ErrNoDebian means that there is no way to Debian's packages from here.
var ErrNoDebian = errors.New("no way to Debian's packages")

// find takes the mirror that the system itself uses.
func (d *debian) find() (string, error) {
	d.once.Do(func() {
		if _, err := exec.LookPath("apt-get"); err != nil {
			d.err = fmt.Errorf("%w: apt-get is not installed", ErrNoDebian)
			return
		}
		out, err := exec.Command("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main").Output()
		if err != nil {
			d.err = fmt.Errorf("%w: apt-get indextargets: %w", ErrNoDebian, err)
			return
		}
		for uri := range strings.Lines(string(out)) {
			// Not debian-security, and not what others publish.
			if uri = strings.TrimSpace(uri); path.Base(uri) == "debian" {
				d.mirror = uri
				return
			}
		}
		d.err = fmt.Errorf("%w: apt's sources name no mirror of Debian", ErrNoDebian)
	})
	return d.mirror, d.err
}

// home is the folder with apt's configuration for a suite and an architecture.
func (d *debian) home(suite, arch string) string { return filepath.Join(d.dir, suite+"-"+arch) }

// configure writes that configuration. Hooks that the system has for its own
// updates are cleared; its proxies stay.
func (d *debian) configure(suite, arch string) error {
	mirror, err := d.find()
	if err != nil {
		return err
	}
	home := d.home(suite, arch)
	for _, dir := range []string{"lists/partial", "cache/archives/partial", "sources"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o755); err != nil {
			return err
		}
	}
	source := fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\n", mirror, suite, arch)
	for _, keys := range []string{"/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"} {
		if _, err := os.Stat(keys); err == nil {
			source += "Signed-By: " + keys + "\n"
			break
		}
	}
	config := fmt.Sprintf(`#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Architecture "%[1]s";
APT::Architectures { "%[1]s"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Dir::State "%[2]s";
Dir::State::lists "%[2]s/lists";
Dir::State::status "%[2]s/status";
Dir::Cache "%[2]s/cache";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "%[2]s/sources";
`, arch, home)
	for name, text := range map[string]string{"sources/debian.sources": source, "apt.conf": config, "status": ""} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// apt runs one of apt's programs for a suite and an architecture.
func (d *debian) apt(dir, suite, arch string, args ...string) ([]byte, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(d.home(suite, arch), "apt.conf"), "LC_ALL=C")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s for %s %s: %w: %s", strings.Join(args, " "), suite, arch, err, lastLine(errs.String()))
	}
	return out, nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndex(s, "\n")+1:]
}

// update fetches the lists of packages, once.
func (d *debian) update(suite, arch string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := suite + " " + arch
	if err, done := d.lists[key]; done {
		return err
	}
	err := d.configure(suite, arch)
	if err == nil {
		_, err = d.apt(d.home(suite, arch), suite, arch, "apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update")
	}
	if d.lists == nil {
		d.lists = map[string]error{}
	}
	d.lists[key] = err
	return err
}

// dependency matches the first choice of a dependency in apt-cache's words.
var dependency = regexp.MustCompile(`(?m)^\s*\|?(?:Pre)?Depends: (\S+)$`)

// download fetches the packages of a set into a folder.
func (d *debian) download(s PartSet, dir string) error {
	if err := d.update(s.Suite, s.Arch); err != nil {
		return err
	}
	args := []string{"apt-get", "-q", "download"}
	for _, p := range s.Packages {
		name := p.Name
		if p.Glob != "" {
			out, err := d.apt(dir, s.Suite, s.Arch, "apt-cache", "depends", p.Name)
			if err != nil {
				return err
			}
			name = ""
			for _, m := range dependency.FindAllStringSubmatch(string(out), -1) {
				if ok, _ := path.Match(p.Glob, m[1]); ok {
					name = m[1]
					break
				}
			}
			if name == "" {
				return fmt.Errorf("%s of %s %s depends on nothing like %s", p.Name, s.Suite, s.Arch, p.Glob)
			}
		}
		args = append(args, name)
	}
	_, err := d.apt(dir, s.Suite, s.Arch, args...)
	return err
}
