package support

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// releases holds one distilled statement a file, named as it is asked for.
//
//go:embed releases/*.md
var releases embed.FS

// ErrUnknownRelease is wrapped by the error of [Library.Open] for a name that
// no statement has.
var ErrUnknownRelease = errors.New("no statement for this release")

// Entry describes one statement of a [Library].
type Entry struct {
	Name       string     `json:"name"`
	Provenance Provenance `json:"provenance"`
	// Newest is true for the revision that [Library.Open] returns for the
	// branch.
	Newest bool `json:"newest"`
}

// Library is the set of statements that can be asked for by name: those
// embedded in the program, and those of a directory that override them. It is
// immutable once made and safe for concurrent use.
type Library struct {
	entries []held                 // by release, the newest revision of each first
	notes   func() ([]note, error) // embedded; parsed with the first statement
}

// held is an entry and what it stands for: an embedded file, or a statement
// that was read from elsewhere.
type held struct {
	Entry
	file      string
	statement *Statement
}

// NewLibrary returns the embedded statements together with those in override,
// which may be nil. Of override every *.md, *.txt and *.html file of the top
// directory is read, and is what opening the release named in its header
// returns from then on. A file that cannot be read or is no statement is
// reported and left out; the library is usable all the same.
func NewLibrary(override fs.FS) (*Library, []error) {
	l := &Library{notes: sync.OnceValues(func() ([]note, error) { return parseNotes(notesText) })}
	var errs []error
	files, err := releases.ReadDir("releases")
	if err != nil {
		errs = append(errs, fmt.Errorf("embedded statements: %w", err))
	}
	newest := map[string]Provenance{}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".md")
		p, err := embeddedProvenance(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.entries = append(l.entries, held{Entry: Entry{Name: name, Provenance: p}, file: embeddedPath(name)})
		if p.Date > newest[p.Branch].Date {
			newest[p.Branch] = p
		}
	}
	for i := range l.entries {
		p := &l.entries[i].Provenance
		if n := newest[p.Branch]; n.Commit != p.Commit {
			p.Superseded = n.Commit + " of " + n.Date
		}
		l.entries[i].Newest = p.Superseded == ""
	}
	l.sort()
	if override != nil {
		errs = append(errs, l.override(override)...)
		l.sort()
	}
	return l, errs
}

// sort orders the entries by release, the newest revision of each first.
func (l *Library) sort() {
	slices.SortFunc(l.entries, func(a, b held) int {
		if c := compareReleases(a.Provenance.Branch, b.Provenance.Branch); c != 0 {
			return c
		}
		if a.Newest != b.Newest {
			if a.Newest {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Name, a.Name)
	})
}

// embeddedProvenance reads the first line of an embedded statement, which is
// enough to list it.
func embeddedProvenance(name string) (Provenance, error) {
	f, err := releases.Open(embeddedPath(name))
	if err != nil {
		return Provenance{}, fmt.Errorf("embedded statement %q: %w", name, err)
	}
	defer f.Close()
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Provenance{}, fmt.Errorf("embedded statement %q: %w", name, err)
	}
	line, _, _ := strings.Cut(string(head[:n]), "\n")
	p, ok := parseProvenance(line)
	if !ok {
		return Provenance{}, fmt.Errorf("embedded statement %q does not say where it is from", name)
	}
	p.Origin = originEmbedded
	return p, nil
}

const originEmbedded = "embedded"

func embeddedPath(name string) string { return path.Join("releases", name+".md") }

// override adds the statements of a directory.
func (l *Library) override(dir fs.FS) []error {
	files, err := fs.ReadDir(dir, ".")
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return []error{fmt.Errorf("statements that override the embedded ones: %w", err)}
	}
	var errs []error
	for _, f := range files {
		switch path.Ext(f.Name()) {
		case ".md", ".txt", ".html":
		default:
			continue
		}
		s, err := readStatement(dir, f.Name())
		if err == nil && s.Header.Release() == "" {
			err = fmt.Errorf("%q names no release in its Xen-Version", f.Name())
		}
		if err == nil {
			err = l.add(s)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// add makes a statement the one of its release. The embedded one stays, under
// the name of its revision.
func (l *Library) add(s *Statement) error {
	l.Identify(s)
	s.Name = s.Header.Release()
	s.Provenance.Branch = s.Name
	for i := range l.entries {
		e := &l.entries[i]
		if e.Provenance.Branch != s.Name {
			continue
		}
		if e.Newest && e.statement != nil {
			return fmt.Errorf("%q is for release %s, and so is %q, which was read first", s.Provenance.Origin, s.Name, e.Provenance.Origin)
		}
		e.Newest = false
		if e.Name == s.Name {
			e.Name += "@" + e.Provenance.Commit
		}
	}
	l.entries = append(l.entries, held{Entry: Entry{Name: s.Name, Provenance: s.Provenance, Newest: true}, statement: s})
	return nil
}

// readStatement reads and parses a file, at most maxSize bytes of it and only
// when it is a regular file: opening a FIFO would wait for ever.
// A fault in reading it costs this one statement.
func readStatement(dir fs.FS, name string) (s *Statement, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("%q: internal error: %v", name, p)
		}
	}()
	info, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", name)
	}
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return Parse(name, text)
}

// List returns what can be opened, by release and with the newest revision of
// each first.
func (l *Library) List() []Entry {
	list := make([]Entry, len(l.entries))
	for i, e := range l.entries {
		list[i] = e.Entry
	}
	return list
}

// Open returns the statement with a name: a release (4.22), a point release
// (4.18.5, which is judged by the newest statement of its branch), a revision
// (4.18@37fcb4c206, the commit may be abbreviated) or one of the other names
// that [Library.List] shows. Only this statement is parsed.
func (l *Library) Open(name string) (*Statement, error) {
	e, err := l.find(name)
	if err != nil {
		return nil, err
	}
	return l.load(e)
}

// load returns the statement of an entry.
func (l *Library) load(e held) (*Statement, error) {
	if e.statement != nil {
		return e.statement.clone(), nil
	}
	text, err := releases.ReadFile(e.file)
	if err != nil {
		return nil, fmt.Errorf("embedded statement: %w", err)
	}
	s, err := Parse(e.Name, text)
	if err != nil {
		return nil, fmt.Errorf("embedded statement: %w", err)
	}
	s.Provenance = e.Provenance
	notes, err := l.notes()
	if err != nil {
		return nil, fmt.Errorf("embedded notes: %w", err)
	}
	annotate(s, notes)
	return s, nil
}

// find returns the entry that a name means.
func (l *Library) find(name string) (held, error) {
	branch, commit, revision := strings.Cut(name, "@")
	if !revision {
		branch = branchOf(name)
	}
	var found []held
	for _, e := range l.entries {
		switch {
		case e.Name == name:
			return e, nil
		case branch == "" || e.Provenance.Branch != branch:
		case !revision && e.Newest, revision && len(commit) >= 4 && strings.HasPrefix(e.Provenance.Commit, commit):
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		names := make([]string, len(l.entries))
		for i, e := range l.entries {
			names[i] = e.Name
		}
		return held{}, fmt.Errorf("%q: %w; there is %s", name, ErrUnknownRelease, strings.Join(names, ", "))
	case 1:
		return found[0], nil
	}
	return held{}, fmt.Errorf("%q: several revisions begin like this: %s and %s", name, found[0].Name, found[1].Name)
}

// branchOf returns MAJOR.MINOR of a version such as 4.18.5 or 4.18.4-pre,
// empty for other strings.
func branchOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return ""
	}
	if len(parts) == 3 {
		patch := parts[2]
		if patch == "" || !isDigit(patch[0]) {
			return ""
		}
	} else if minor, _, suffixed := strings.Cut(parts[1], "-"); suffixed {
		parts[1] = minor
	}
	for _, p := range parts[:2] {
		if _, err := strconv.ParseUint(p, 10, 16); err != nil {
			return ""
		}
	}
	return parts[0] + "." + parts[1]
}

// compareReleases orders MAJOR.MINOR by number: 4.9 comes before 4.10.
func compareReleases(a, b string) int {
	a1, a2, _ := strings.Cut(a, ".")
	b1, b2, _ := strings.Cut(b, ".")
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	if c := cmp.Compare(number(a1), number(b1)); c != 0 {
		return c
	}
	return cmp.Compare(number(a2), number(b2))
}

// Newest returns the newest release that is out at a moment.
func (l *Library) Newest(at time.Time) (*Statement, error) {
	for _, e := range slices.Backward(l.entries) {
		if !e.Newest {
			continue
		}
		s, err := l.load(e)
		if err != nil {
			return nil, err
		}
		if p := s.Header.Phase(at); p != Unreleased && p != PhaseUnknown {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w: none was released by %s", ErrUnknownRelease, at.UTC().Format(time.DateOnly))
}

// DataDate returns the day of the newest revision that is embedded.
func (l *Library) DataDate() time.Time {
	var newest time.Time
	for _, e := range l.entries {
		if t, err := time.Parse(time.DateOnly, e.Provenance.Date); err == nil && e.statement == nil && t.After(newest) {
			newest = t
		}
	}
	return newest
}

// Read parses a statement that is not in the library and says of it what the
// library knows, as [Library.Identify] does.
func (l *Library) Read(name string, text []byte) (*Statement, error) {
	s, err := Parse(name, text)
	if err != nil {
		return nil, err
	}
	l.Identify(s)
	return s, nil
}

// Identify completes a statement from elsewhere. When it says exactly what an
// embedded revision of its release says, it is that revision, and its
// provenance is filled in. Its rows get the notes of those rows that the
// embedded statement of the release, or else the newest one, has with the same
// key and value.
func (l *Library) Identify(s *Statement) {
	var known *Statement
	for _, e := range l.entries {
		if e.statement != nil || e.Provenance.Branch != s.Header.Release() {
			continue
		}
		candidate, err := l.load(e)
		if err != nil {
			continue
		}
		p := &s.Provenance
		if p.Commit == "" && saysTheSame(s, candidate) {
			p.Branch, p.Commit, p.Date = e.Provenance.Branch, e.Provenance.Commit, e.Provenance.Date
		}
		if p.Commit == e.Provenance.Commit {
			p.Superseded = e.Provenance.Superseded
			known = candidate
			break
		}
		if known == nil {
			known = candidate
		}
	}
	for i := len(l.entries) - 1; i >= 0 && known == nil; i-- {
		if l.entries[i].statement == nil {
			known, _ = l.load(l.entries[i])
		}
	}
	if known != nil {
		copyNotes(s, known)
	}
}

// saysTheSame reports whether two statements have the same header and rows.
func saysTheSame(a, b *Statement) bool {
	d := Diff(a, b)
	return len(d.Header)+len(d.Added)+len(d.Removed)+len(d.Changed) == 0
}

// clone returns a copy whose rows and sections can be changed.
func (s *Statement) clone() *Statement {
	c := *s
	c.Sections, c.Rows, c.Problems = slices.Clone(s.Sections), slices.Clone(s.Rows), slices.Clone(s.Problems)
	return &c
}
