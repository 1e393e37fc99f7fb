package machines

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/machines/wire"
)

// Ramdisk is what goes into the initial ramdisk of a machine.
type Ramdisk struct {
	Init, Xencheck string            // programs on this machine
	Modules        string            // folder with modules, loaded in the order of their names
	XL             string            // folder with bin/xl, bin/xenstored and lib/; empty without
	Files          map[string][]byte // others, by their path in the machine
	Steps          []wire.Step
}

// Write writes the ramdisk as a cpio archive of the "newc" form
// (Documentation/driver-api/early-userspace/buffer-format.rst of Linux). It is
// not compressed: an emulated CPU unpacks slower than QEMU loads.
func (r Ramdisk) Write(w io.Writer) error {
	c := &cpio{w: w, dirs: map[string]bool{"/": true}}
	for _, d := range []string{"/dev", "/proc", "/sys", "/run/xen", "/tmp", "/etc/xen", "/var/lib/xen", "/var/lib/xenstored", "/var/log/xen", "/var/lock"} {
		c.dir(d)
	}
	c.link("/var/run", "/run")
	// The kernel opens the console before the init can mount /dev.
	c.device("/dev/console", 5, 1)
	c.program("/init", r.Init)
	c.program("/xencheck", r.Xencheck)
	modules, err := filepath.Glob(filepath.Join(r.Modules, "*.ko"))
	if err != nil {
		return err
	}
	for _, m := range modules {
		c.program("/modules/"+filepath.Base(m), m)
	}
	if r.XL != "" {
		if err := c.programs(r.XL, "xl", "xenstored"); err != nil {
			return err
		}
	}
	for _, name := range sorted(r.Files) {
		c.file(name, 0o644, r.Files[name])
	}
	steps, err := json.MarshalIndent(r.Steps, "", "  ")
	if err != nil {
		return err
	}
	c.file(wire.StepsFile, 0o644, steps)
	return c.close()
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// cpio writes an archive; its first error stays.
type cpio struct {
	w    io.Writer
	dirs map[string]bool
	n    uint32 // inodes
	err  error
}

const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
	modeChar = 0o020000
)

// entry writes one member: a header of hexadecimal fields, the name and the
// contents, each padded to four bytes.
func (c *cpio) entry(name string, mode, major, minor uint32, body []byte) {
	if c.err != nil {
		return
	}
	c.n++
	name = strings.TrimPrefix(name, "/")
	var b bytes.Buffer
	b.WriteString("070701")
	for _, field := range []uint32{c.n, mode, 0, 0, 1, 0, uint32(len(body)), 0, 0, major, minor, uint32(len(name) + 1), 0} {
		fmt.Fprintf(&b, "%08x", field)
	}
	b.WriteString(name + "\x00")
	pad(&b)
	b.Write(body)
	pad(&b)
	_, c.err = c.w.Write(b.Bytes())
}

func pad(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}

func (c *cpio) dir(name string) {
	if c.dirs[name] {
		return
	}
	c.dir(path.Dir(name))
	c.dirs[name] = true
	c.entry(name, modeDir|0o755, 0, 0, nil)
}

func (c *cpio) file(name string, permissions uint32, body []byte) {
	c.dir(path.Dir(name))
	c.entry(name, modeFile|permissions, 0, 0, body)
}

func (c *cpio) link(name, target string) {
	c.dir(path.Dir(name))
	c.entry(name, modeLink|0o777, 0, 0, []byte(target))
}

func (c *cpio) device(name string, major, minor uint32) {
	c.dir(path.Dir(name))
	c.entry(name, modeChar|0o600, major, minor, nil)
}

func (c *cpio) program(name, from string) {
	b, err := os.ReadFile(from)
	c.err = errors.Join(c.err, err)
	c.file(name, 0o755, b)
}

// programs adds programs of a set to /bin, and the libraries they are linked
// with, and no others, to /lib.
func (c *cpio) programs(set string, names ...string) error {
	var todo []string
	for _, n := range names {
		c.program("/bin/"+n, filepath.Join(set, "bin", n))
		todo = append(todo, filepath.Join(set, "bin", n))
	}
	seen := map[string]bool{}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		interpreter, needed, err := linkedWith(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if interpreter != "" && !seen[interpreter] {
			seen[interpreter] = true
			c.program(interpreter, filepath.Join(set, "lib", path.Base(interpreter)))
			seen[path.Base(interpreter)] = true
		}
		for _, lib := range needed {
			if seen[lib] {
				continue
			}
			seen[lib] = true
			from := filepath.Join(set, "lib", lib)
			if _, err := os.Stat(from); err != nil {
				return fmt.Errorf("%s needs %s, which no package of its set has", filepath.Base(name), lib)
			}
			c.program("/lib/"+lib, from)
			todo = append(todo, from)
		}
	}
	return nil
}

// linkedWith returns the interpreter and the libraries that an ELF file names.
func linkedWith(name string) (interpreter string, libraries []string, err error) {
	f, err := elf.Open(name)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b, err := io.ReadAll(p.Open())
			if err != nil {
				return "", nil, err
			}
			interpreter = strings.TrimRight(string(b), "\x00")
		}
	}
	libraries, err = f.ImportedLibraries()
	return interpreter, libraries, err
}

// close writes the last member, which only ends the archive.
func (c *cpio) close() error {
	c.entry("TRAILER!!!", 0, 0, 0, nil)
	return c.err
}
