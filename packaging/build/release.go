package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// release is what is packaged.
type release struct {
	version string // 0.1.0, 0.1.0+5.gabcdef0123, 0.1.0~git20261121.abcdef0123
	apk     string // the same in Alpine's words
	time    time.Time
}

// moduleRoot returns the directory of xencheck's own go.mod, above this one's.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(text, []byte("module github.com/xencheck/xencheck\n")) {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("go.mod of xencheck is not above this directory")
		}
		dir = up
	}
}

var (
	described = regexp.MustCompile(`^v([0-9]+\.[0-9]+\.[0-9]+)-([0-9]+)-g([0-9a-f]+)$`)
	plain     = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)
	inSource  = regexp.MustCompile(`(?m)^const release = "([0-9.]+)"$`)
)

// findRelease takes the version from the tag. Between two of them it counts the
// commits; before the first, and without a repository, the source tells what is
// going to be released.
func findRelease(root, given string) (release, error) {
	var r release
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		seconds, _ = output(root, "git", "log", "-1", "--format=%ct")
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return r, fmt.Errorf("there is no commit to take the time from; set SOURCE_DATE_EPOCH")
	}
	r.time = time.Unix(n, 0).UTC()
	if given != "" {
		if !plain.MatchString(given) {
			return r, fmt.Errorf("-version %s: expected three numbers, such as 1.2.3", given)
		}
		r.version, r.apk = given, given
		return r, nil
	}
	text, err := output(root, "git", "describe", "--tags", "--long", "--abbrev=10", "--match", "v[0-9]*")
	if m := described.FindStringSubmatch(text); err == nil && m != nil {
		r.version, r.apk = m[1], m[1]
		if m[2] != "0" {
			r.version += "+" + m[2] + ".g" + m[3]
			r.apk += "_p" + m[2]
		}
		return r, nil
	}
	source, err := os.ReadFile(filepath.Join(root, "cmd", "xencheck", "version.go"))
	if err != nil {
		return r, err
	}
	m := inSource.FindSubmatch(source)
	if m == nil {
		return r, errors.New("cmd/xencheck/version.go names no release")
	}
	day := r.time.Format("20060102")
	r.version, r.apk = string(m[1])+"~git"+day, string(m[1])+"_git"+day
	if commit, err := output(root, "git", "rev-parse", "--short=10", "HEAD"); err == nil {
		r.version += "." + commit
	}
	return r, nil
}

// output runs a command and returns what it printed.
func output(dir, name string, args ...string) (string, error) {
	return outputWith(dir, nil, name, args...)
}

func outputWith(dir string, env []string, name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	var errs bytes.Buffer
	c.Stderr = &errs
	text, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return strings.TrimSuffix(string(text), "\n"), nil
}
