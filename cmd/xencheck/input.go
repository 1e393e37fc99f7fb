package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/rules"
)

// stdinName is how standard input is called in messages.
const stdinName = "standard input"

// open opens a file the user named, or standard input for "-". The size is 0
// where it is not known.
func (s *streams) open(name string) (f io.ReadCloser, size int64, err error) {
	if name == "-" {
		return io.NopCloser(s.in), 0, nil
	}
	// O_NONBLOCK: opening a FIFO must not wait for somebody to write to it.
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, plainPath(err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = plainPath(err)
	case info.IsDir():
		err = fmt.Errorf("%s: is a directory", name)
	case info.Mode().IsRegular():
		return file, info.Size(), nil
	case strings.HasPrefix(name, "/dev/fd/") || name == "/dev/stdin" || strings.HasPrefix(name, "/proc/self/fd/"):
		return file, 0, nil // what a shell makes of <(command)
	default:
		err = fmt.Errorf("%s: is not a regular file; use - to read standard input", name)
	}
	file.Close()
	return nil, 0, err
}

// read reads a file the user named, or standard input for "-". At most limit
// bytes are read and kept.
func (s *streams) read(name string, limit int64) ([]byte, error) {
	f, size, err := s.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, fmt.Errorf("%s: larger than %s", name, rules.Size(uint64(limit)))
	}
	if name == "-" {
		name = stdinName
	}
	return readAll(f, name, limit)
}

// readAll reads one byte more than allowed, to tell a full input from one that
// goes on.
func readAll(r io.Reader, name string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, cause(err))
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: larger than %s", name, rules.Size(uint64(limit)))
	}
	return data, nil
}

// objects reads the JSON objects of a file.
func (s *streams) objects(name string) ([][]byte, error) {
	data, err := s.read(name, report.MaxInput)
	if err != nil {
		return nil, err
	}
	if name == "-" {
		name = stdinName
	}
	objects, err := report.Split(data)
	if err != nil {
		return nil, at(name, err)
	}
	return objects, nil
}

// at puts the name of an input before an error: FILE:LINE: reason where the
// line is known.
func at(name string, err error) error {
	var l report.LineError
	if errors.As(err, &l) {
		return fmt.Errorf("%s:%w", name, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}
