package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// deliver writes what a command has to say to a file, or to standard output. A
// reader that goes away early, as head does, is no error.
func (s *streams) deliver(file string, write func(io.Writer) error) error {
	if file != "" && file != "-" {
		return badInput(replaceFile(file, write))
	}
	b := bufio.NewWriterSize(labelled{s.out, "standard output"}, 64<<10)
	err := write(b)
	if err == nil {
		err = b.Flush()
	}
	var told *failure
	switch {
	case closedPipe(err):
		return nil
	case err != nil && !errors.As(err, &told):
		return &failure{report.ExitInternal, err}
	}
	return err
}

// labelled is a writer whose errors say what could not be written: several files
// may be on their way at once.
type labelled struct {
	w    io.Writer
	name string
}

func (n labelled) Write(p []byte) (int, error) {
	k, err := n.w.Write(p)
	if err != nil {
		err = badInput(fmt.Errorf("%s: cannot be written: %w", n.name, cause(err)))
	}
	return k, err
}

// whileRead passes on what is written for as long as somebody reads it; that
// nobody does must not keep other files from being written.
type whileRead struct {
	w      io.Writer
	closed bool
}

func (r *whileRead) Write(p []byte) (int, error) {
	if r.closed {
		return len(p), nil
	}
	n, err := r.w.Write(p)
	if closedPipe(err) {
		r.closed, n, err = true, len(p), nil
	}
	return n, err
}

// Flush hands on what a buffered writer holds.
func (r *whileRead) Flush() error {
	f, ok := r.w.(interface{ Flush() error })
	if !ok || r.closed {
		return nil
	}
	err := f.Flush()
	if closedPipe(err) {
		r.closed, err = true, nil
	}
	return err
}

// replaceFile puts new content into place whole or not at all: it is written
// beside the target and renamed. A target that is a link, a device or a
// directory is refused, since renaming would replace it by a file.
func replaceFile(name string, write func(io.Writer) error) error {
	return replaceFileAfter(name, write, func() error { return nil })
}

// replaceFileAfter is replaceFile that does something else when the new content
// is on the disk and the old one still in place.
func replaceFileAfter(name string, write func(io.Writer) error, last func() error) error {
	mode := fs.FileMode(0o666) // less the umask
	old, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return plainPath(err)
	case old.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s: is a symbolic link; name the file itself", name)
	case !old.Mode().IsRegular():
		return fmt.Errorf("%s: is not a regular file", name)
	}
	temp := filepath.Join(filepath.Dir(name), temporary(filepath.Base(name), fmt.Sprintf("%08x", rand.Uint32())))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", name, cause(err))
	}
	placed := false
	defer func() { // also after a panic
		if !placed {
			_ = f.Close()
			_ = os.Remove(temp)
		}
	}()
	if old != nil {
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return fmt.Errorf("%s: %w", name, cause(err))
		}
	}
	if err := write(labelled{f, name}); err != nil {
		var told *failure
		if errors.As(err, &told) { // it names what it is about
			return err
		}
		return fmt.Errorf("%s: %w", name, cause(err))
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("%s: %w", name, cause(err))
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("%s: %w", name, cause(err))
	}
	if err := last(); err != nil {
		return err
	}
	if err := os.Rename(temp, name); err != nil {
		return fmt.Errorf("%s: cannot be replaced: %w", name, cause(err))
	}
	placed = true
	return nil
}

// temporary is what a file is called while it is written.
func temporary(base, mark string) string { return "." + base + "." + mark + ".tmp" }

// cause takes the name of the temporary file out of an error.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}
