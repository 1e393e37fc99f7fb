package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/support"
)

// overrideDir holds statements that replace or extend the embedded ones. It is
// not an option: what root put there holds for everybody.
const overrideDir = "/etc/xencheck/statements"

// maxStatement bounds a statement; the longest so far has 60 KiB as markdown.
const maxStatement = 4 << 20

// library opens the embedded statements and those of overrideDir. What is
// wrong with one of the latter costs that one only.
func (s *streams) library() *support.Library {
	var override fs.FS
	if info, err := os.Stat(overrideDir); err == nil && info.IsDir() {
		override = os.DirFS(overrideDir)
	}
	lib, problems := support.NewLibrary(override)
	for _, err := range problems {
		s.warn("%s: not used: %v", overrideDir, err)
	}
	return lib
}

// openStatement opens a statement by a release (4.22, 4.18@37fcb4c206, 4.18.5)
// or reads it from a file; "-" is standard input.
func (s *streams) openStatement(lib *support.Library, name string) (*support.Statement, error) {
	if !isFile(name) {
		st, err := lib.Open(name)
		if err != nil {
			return nil, badInput(err)
		}
		return located(st), nil
	}
	text, err := s.statementText(name)
	if err != nil {
		return nil, err
	}
	st, err := lib.Read(name, text)
	if err != nil {
		return nil, badInput(named(name, err))
	}
	return st, nil
}

// statementText reads the text of a statement.
func (s *streams) statementText(name string) ([]byte, error) {
	text, err := s.read(name, maxStatement)
	if err != nil {
		return nil, badInput(err)
	}
	return text, nil
}

// located tells where a statement of overrideDir lies; the library knows only
// the name of the file.
func located(st *support.Statement) *support.Statement {
	if o := &st.Provenance.Origin; *o != embedded && !strings.Contains(*o, "/") {
		*o = overrideDir + "/" + *o
	}
	return st
}

// named puts the name of a file before an error that does not tell it.
func named(name string, err error) error {
	shown := name
	if name == "-" {
		shown = stdinName
	}
	if rest, ok := strings.CutPrefix(err.Error(), strconv.Quote(name)+" is "); ok {
		return fmt.Errorf("%s: %s", shown, rest)
	}
	if strings.HasPrefix(err.Error(), shown+":") {
		return err
	}
	return at(shown, err)
}

// isFile tells a path from a release: what has a slash or exists is a path,
// unless it is spelled like a release.
func isFile(name string) bool {
	if name == "-" || strings.Contains(name, "/") {
		return true
	}
	if looksLikeRelease(name) {
		return false
	}
	_, err := os.Stat(name)
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}

// looksLikeRelease reports whether a name is MAJOR.MINOR, with more numbers, a
// -word or a @commit behind it.
func looksLikeRelease(name string) bool {
	name, _, _ = strings.Cut(name, "@")
	name, _, _ = strings.Cut(name, "-")
	parts := strings.Split(name, ".")
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return len(parts) >= 2
}

// twice reports an error when standard input is named more than once.
func twice(names ...string) error {
	n := 0
	for _, name := range names {
		if name == "-" {
			n++
		}
	}
	if n > 1 {
		return badInput(fmt.Errorf("%s can be read only once", stdinName))
	}
	return nil
}
