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
	version string // 1.2.3, 1.3.0~rc1, 1.2.3+5.gabcdef0123, 0.1.0~git20261121150405.gabcdef0123
	apk     string // the same in Alpine's words
	commit  string // the beginning of its hash; empty when nobody knows
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
	described = regexp.MustCompile(`^v([0-9]+\.[0-9]+\.[0-9]+)(?:-(alpha|beta|rc)\.?([0-9]+))?(?:-([0-9]+)-g([0-9a-f]+))?(-dirty)?$`)
	inSource  = regexp.MustCompile(`(?m)^const release = "([0-9.]+)"$`)
	archived  = regexp.MustCompile(`^([0-9]+) ([0-9a-f]{10})[0-9a-f]* ?(\S*)$`)
)

// findRelease takes the version from the tag. Between two of them it counts the
// commits; before the first the source tells what is going to be released.
func findRelease(root, given string) (release, error) {
	c, err := findCommit(root)
	if err != nil {
		return release{}, err
	}
	if seconds := os.Getenv("SOURCE_DATE_EPOCH"); seconds != "" {
		n, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return release{}, fmt.Errorf("SOURCE_DATE_EPOCH=%q: expected seconds since 1970", seconds)
		}
		c.time = time.Unix(n, 0)
	}
	r := release{time: c.time.UTC(), commit: c.hash}
	switch {
	case given != "":
		c.tag = "v" + strings.TrimPrefix(given, "v")
		if r.version, r.apk, err = versions(c.tag); err != nil {
			return r, fmt.Errorf("-version %s: expected a version such as 1.2.3 or 1.2.3-rc1", given)
		}
		return r, nil
	case c.tag != "":
		r.version, r.apk, err = versions(c.tag)
		return r, err
	}
	source, err := os.ReadFile(filepath.Join(root, "cmd", "xencheck", "version.go"))
	if err != nil {
		return r, err
	}
	m := inSource.FindSubmatch(source)
	if m == nil {
		return r, errors.New("cmd/xencheck/version.go names no release")
	}
	// To apk _git comes after a release, and _alpha before it.
	r.version = string(m[1]) + "~git" + r.time.Format("20060102150405")
	midnight := r.time.Truncate(24 * time.Hour)
	r.apk = fmt.Sprintf("%s_alpha0_git%s_p%d", m[1], midnight.Format("20060102"), int(r.time.Sub(midnight).Seconds()))
	if c.hash != "" {
		r.version += ".g" + c.hash
	}
	if c.dirty {
		r.version += ".dirty"
	}
	return r, nil
}

// versions turns what git describe says into a version that dpkg and rpm put in
// order, and one for apk: v1.3.0-rc1-5-gabcdef0123 is 1.3.0~rc1+5.gabcdef0123,
// before 1.3.0, and 1.3.0_rc1_p5.
func versions(tag string) (version, apk string, err error) {
	m := described.FindStringSubmatch(tag)
	if m == nil {
		return "", "", fmt.Errorf("the tag in %q is no version: expected one such as v1.2.3 or v1.2.3-rc1, or -version", tag)
	}
	version, apk = m[1], m[1]
	if m[2] != "" {
		version += "~" + m[2] + m[3]
		apk += "_" + m[2] + m[3]
	}
	if m[4] != "" {
		version += "+" + m[4] + ".g" + m[5]
		apk += "_p" + m[4]
	}
	switch {
	case m[6] != "" && m[4] != "":
		version += ".dirty"
	case m[6] != "":
		version += "+dirty"
	}
	return version, apk, nil
}

// commit is where the source comes from.
type commit struct {
	time  time.Time
	hash  string // its beginning; empty when nobody knows
	tag   string // as git describe says; empty before the first one
	dirty bool   // the source has been changed since
}

// findCommit asks git, or reads what git archive noted in commit.txt. A source
// with neither is as old as its files.
func findCommit(root string) (commit, error) {
	var c commit
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		text, err := output(root, "git", "log", "-1", "--abbrev=10", "--format=%ct %h")
		if err != nil {
			return c, err
		}
		seconds, hash, _ := strings.Cut(text, " ")
		n, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return c, err
		}
		c.time, c.hash = time.Unix(n, 0), hash
		changed, err := output(root, "git", "status", "--porcelain", "--untracked-files=no")
		if err != nil {
			return c, err
		}
		c.dirty = changed != ""
		// It fails where there is no tag.
		c.tag, _ = output(root, "git", "describe", "--tags", "--abbrev=10", "--match", "v[0-9]*", "--dirty")
		return c, nil
	}
	text, err := os.ReadFile(filepath.Join(root, "packaging", "build", "commit.txt"))
	if err != nil {
		return c, err
	}
	if m := archived.FindStringSubmatch(strings.TrimSpace(string(text))); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return c, err
		}
		return commit{time: time.Unix(n, 0), hash: m[2], tag: m[3]}, nil
	}
	info, err := os.Stat(filepath.Join(root, "go.mod"))
	if err != nil {
		return c, err
	}
	c.time = info.ModTime()
	return c, nil
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
