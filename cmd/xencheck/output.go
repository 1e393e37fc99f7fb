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
	b := bufio.NewWriterSize(s.out, 64<<10)
	err := write(b)
	if err == nil {
		err = b.Flush()
	}
	if err != nil && !closedPipe(err) {
		return &failure{report.ExitInternal, fmt.Errorf("cannot write: %w", plainPath(err))}
	}
	return nil
}

// replaceFile puts new content into place whole or not at all: it is written
// beside the target and renamed. A target that is a link, a device or a
// directory is refused, since renaming would replace it by a file.
func replaceFile(name string, write func(io.Writer) error) error {
	return replaceFileAfter(name, write, func() error { return nil })
}

// replaceFileAfter is replaceFile that does something else when the new content
// is on the disk and the old one still in place.
func replaceFileAfter(name string, write func(io.Writer) error, last func() error) (err error) {
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
	temp := filepath.Join(filepath.Dir(name), fmt.Sprintf(".%s.%08x.tmp", filepath.Base(name), rand.Uint32()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", name, cause(err))
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(temp)
		}
	}()
	if old != nil {
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return fmt.Errorf("%s: %w", name, cause(err))
		}
	}
	if err := write(f); err != nil {
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
	return nil
}

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
