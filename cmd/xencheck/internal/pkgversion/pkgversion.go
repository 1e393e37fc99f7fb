// Package pkgversion tells which Xen is in a package, from the package's
// version as distributions spell it.
package pkgversion

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Version is the Xen of a package.
type Version struct {
	Major, Minor int
	Point        int    // of 4.17.7; -1 when the version has none
	Pre          string // rc4, pre, unstable, snapshot: before the release; empty for none
	Commits      int    // on the release's branch after the point release
	Commit       string // abbreviated; empty when the version names none
}

// maxText bounds a version; dpkg and rpm know none near it.
const maxText = 256

// ErrNoRelease is returned for a version that does not begin like a release of
// Xen.
var ErrNoRelease = errors.New("names no release of Xen")

var (
	// Years and dates are no releases: Xen counts in small numbers.
	leading = lazy(`^([1-9][0-9]?)\.(0|[1-9][0-9]{0,2})(?:\.([0-9]{1,3}))?($|[^0-9A-Za-z].*$|(?:rc|pre).*$)`)
	// Fedora writes a release 0.N.rcM before the first.
	early = lazy(`^[~._+-]?(?:0\.(?:[0-9]{1,3}\.)?)?(rc[0-9]*|pre|unstable|alpha[0-9]*|beta[0-9]*)(?:$|[^a-z])`)
	// What sorts before the release by a tilde was taken before it.
	snapshot = lazy(`^~(?:git|hg|dev|[0-9]{6})`)
	// Debian writes 4.17.7+13-g2445b30a44 as git describe does; others with a
	// dot or a caret (https://docs.fedoraproject.org, Versioning).
	ahead = lazy(`^[+.^](?:git)?([0-9]{1,6})[-.]g([0-9a-f]{7,40})(?:$|[^0-9a-f])`)
)

// lazy compiles an expression when it is first used: most runs see no package.
func lazy(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// Parse reads the version of a Debian, Ubuntu, rpm or Alpine package:
// [EPOCH:]UPSTREAM[-REVISION].
func Parse(text string) (Version, error) {
	if len(text) > maxText {
		return Version{}, fmt.Errorf("version of %d bytes: %w", len(text), ErrNoRelease)
	}
	upstream := text
	if epoch, rest, ok := strings.Cut(text, ":"); ok && epoch != "" && strings.Trim(epoch, "0123456789") == "" {
		upstream = rest
	}
	m := leading().FindStringSubmatch(upstream)
	if m == nil {
		return Version{}, fmt.Errorf("%q %w", text, ErrNoRelease)
	}
	v := Version{Major: number(m[1]), Minor: number(m[2]), Point: -1}
	if m[3] != "" {
		v.Point = number(m[3])
	}
	rest := m[4]
	if e := early().FindStringSubmatch(rest); e != nil {
		v.Pre = e[1]
	} else if snapshot().MatchString(rest) {
		v.Pre = "snapshot"
	}
	if a := ahead().FindStringSubmatch(rest); a != nil {
		v.Commits, v.Commit = number(a[1]), a[2]
	}
	return v, nil
}

// number reads digits that an expression has found, few enough to fit.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// Release is what statements are named by: 4.17.
func (v Version) Release() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// String says the version in words: 4.17.7 plus 13 commits.
func (v Version) String() string {
	s := v.Release()
	if v.Point >= 0 {
		s += "." + strconv.Itoa(v.Point)
	}
	if v.Pre != "" {
		s += "-" + v.Pre
	}
	switch {
	case v.Commits == 1:
		s += " plus 1 commit"
	case v.Commits > 1:
		s += fmt.Sprintf(" plus %d commits", v.Commits)
	}
	return s
}
