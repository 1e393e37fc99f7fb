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

// read reads a file the user named, or standard input for "-". At most limit
// bytes are read and kept.
func (s *streams) read(name string, limit int64) ([]byte, error) {
	if name == "-" {
		return readAll(s.in, stdinName, limit)
	}
	// O_NONBLOCK: opening a FIFO must not wait for somebody to write to it.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, plainPath(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, plainPath(err)
	}
	switch {
	case info.IsDir():
		return nil, fmt.Errorf("%s: is a directory", name)
	case info.Mode().IsRegular():
	case strings.HasPrefix(name, "/dev/fd/") || name == "/dev/stdin" || strings.HasPrefix(name, "/proc/self/fd/"):
		// What a shell makes of <(command).
	default:
		return nil, fmt.Errorf("%s: is not a regular file; use - to read standard input", name)
	}
	if info.Mode().IsRegular() && info.Size() > limit {
		return nil, fmt.Errorf("%s: larger than %s", name, rules.Size(uint64(limit)))
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
