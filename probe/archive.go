package probe

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// An archive is a gzipped tar of
//
//	MANIFEST.json       what was looked at, and what came of it
//	facts.json          the facts as collected, for reading; a replay does
//	                    not read them back
//	root/PATH           files, under the paths they had
//	interfaces/NAME     what interfaces of the running system said
//
// The manifest is what makes a replay exact: a source that was not readable
// stays so, with its reason, and a directory keeps its list of names although
// most of what it lists is not in the archive.
const (
	// ManifestName is what the manifest is called, which comes first.
	ManifestName = "MANIFEST.json"
	// FactsName is what the facts as collected are called.
	FactsName       = "facts.json"
	manifestFormat  = "xencheck sources"
	manifestVersion = 1
)

// What an archive may hold. The largest machines need a few thousand members
// and some ten MiB.
const (
	maxMembers  = 32 << 10
	maxUnpacked = 256 << 20
	// maxRatio is how much larger than its compressed form an archive may
	// become once it has passed freeUnpacked bytes.
	maxRatio     = 400
	freeUnpacked = 32 << 20
	// maxBehind is what may fill an archive up to the size of a block.
	maxBehind = 1 << 20
)

type manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Tool    string `json:"tool,omitempty"`
	Live    bool   `json:"live"`            // of a running machine: what was missing was absent
	Paper   bool   `json:"paper,omitempty"` // of no machine, but of files and values that were given
	// Digest is the SHA-256 of Entries as compact JSON, in hexadecimal: a
	// manifest that was damaged describes another machine. The first archives
	// had none.
	Digest  string          `json:"entries_sha256,omitempty"`
	Entries []manifestEntry `json:"entries"`
}

// digest returns what Digest has to be.
func (m *manifest) digest() string {
	b, err := json.Marshal(m.Entries)
	if err != nil {
		return "" // of strings and numbers: it cannot fail
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// manifestEntry is one source. Kind is file, dir or link.
type manifestEntry struct {
	Name    string         `json:"name"`
	Kind    string         `json:"kind"`
	State   facts.State    `json:"state"` // known, absent or unknown
	Size    int            `json:"size,omitempty"`
	SHA256  string         `json:"sha256,omitempty"`
	Names   []string       `json:"names,omitempty"`
	Target  string         `json:"target,omitempty"`
	Problem *facts.Problem `json:"problem,omitempty"`
}

// WriteRaw collects like [Collect] and writes the sources that were read to w,
// so that somebody else can reproduce the facts: as Options.Root, the archive
// gives the same ones again. Serial numbers, UUIDs, MAC addresses and product
// keys are blanked before anything is written. The bytes depend on nothing but
// the sources and the options.
func WriteRaw(ctx context.Context, w io.Writer, o Options) (*facts.Host, error) {
	rec := &recorder{entries: map[string]manifestEntry{}, data: map[string][]byte{}}
	s, err := newSession(ctx, o, func(r Root) Root { rec.Root = r; return rec })
	if err != nil {
		return nil, err
	}
	defer s.close()
	rec.classify = s.classify
	s.collect()
	// What boots next is looked at for the archive alone: no fact of the host as
	// it is rests on it.
	host := *s.host
	host.Sources = slices.Clone(host.Sources)
	s.nextHost()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("collecting was given up: %w", err)
	}
	m := manifest{Format: manifestFormat, Version: manifestVersion, Tool: o.Tool, Live: s.whole, Paper: s.isPaper()}
	for _, key := range slices.Sorted(maps.Keys(rec.entries)) {
		m.Entries = append(m.Entries, rec.entries[key])
	}
	m.Digest = m.digest()
	return &host, writeArchive(w, m, &host, rec.data)
}

func writeArchive(w io.Writer, m manifest, h *facts.Host, data map[string][]byte) error {
	zw := gzip.NewWriter(w)
	tw := tar.NewWriter(zw)
	add := func(name string, b []byte) error {
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(b)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}); err != nil {
			return err
		}
		_, err := tw.Write(b)
		return err
	}
	addJSON := func(name string, v any) error {
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return err
		}
		return add(name, append(b, '\n'))
	}
	// The manifest comes first: of an archive that is cut off, it still tells
	// what is missing.
	if err := addJSON(ManifestName, m); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	if err := addJSON(FactsName, h); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if err := add(memberName(name), data[name]); err != nil {
			return fmt.Errorf("writing the archive: %w", err)
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	return nil
}

func memberName(source string) string {
	if isInterface(source) {
		return "interfaces/" + source
	}
	return "root" + source
}

// recorder keeps what passes through a root, redacted.
type recorder struct {
	Root
	classify func(*look, error)
	entries  map[string]manifestEntry
	data     map[string][]byte
}

func (r *recorder) ReadFile(name string, limit int64) ([]byte, error) {
	b, err := r.Root.ReadFile(name, limit)
	e := r.entry(name, "file", err)
	if err == nil {
		clean := redact(name, b)
		sum := sha256.Sum256(clean)
		e.Size, e.SHA256 = len(clean), hex.EncodeToString(sum[:])
		r.data[e.Name] = clean
	}
	r.entries[e.Name+" file"] = e
	return b, err
}

func (r *recorder) ReadDir(name string, limit int) ([]string, error) {
	names, err := r.Root.ReadDir(name, limit)
	if errors.Is(err, syscall.ENOTDIR) {
		return names, err // a file that was tried as a directory; it is recorded as what it is
	}
	e := r.entry(name, "dir", err)
	if err == nil {
		e.Names = redactNames(name, names)
	}
	r.entries[name+" dir"] = e
	return names, err
}

func (r *recorder) ReadLink(name string) (string, error) {
	target, err := r.Root.ReadLink(name)
	e := r.entry(name, "link", err)
	e.Target = target
	r.entries[name+" link"] = e
	return target, err
}

func (r *recorder) entry(name, kind string, err error) manifestEntry {
	var l look
	r.classify(&l, err)
	if l.problem != nil {
		p := *l.problem
		p.Source = ""
		l.problem = &p
	}
	return manifestEntry{Name: publicName(name), Kind: kind, State: l.state, Problem: l.problem}
}

// openArchive unpacks an archive into memory. A member that is missing or was
// changed is a problem of that source alone; an archive without a manifest is
// none of ours.
func openArchive(name string) (Root, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.New(plain(err)))
	}
	defer f.Close()
	members, err := unpack(f)
	root, err := replayMembers(members, err)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return root, nil
}

// replayMembers returns the root of an unpacked archive; broken is what
// unpacking it ended with.
func replayMembers(members map[string][]byte, broken error) (Root, error) {
	if broken != nil && len(members) == 0 {
		return nil, fmt.Errorf("not an archive of sources: %w", broken)
	}
	return replay(members[ManifestName], broken, func(member string) ([]byte, error) {
		if b, ok := members[member]; ok {
			return b, nil
		}
		if broken != nil {
			return nil, broken
		}
		return nil, fs.ErrNotExist
	})
}

// ArchiveStart is how many bytes [IsArchive] wants to see.
const ArchiveStart = 1 << 10

// IsArchive reports whether an uncompressed tar begins like an archive that
// [WriteRaw] wrote.
func IsArchive(start []byte) bool {
	const block = 512 // of a tar: the header of the first member
	return len(start) > block && bytes.HasPrefix(start, []byte(ManifestName+"\x00")) && IsManifest(start[block:])
}

// IsManifest reports whether a file begins like the manifest of such an
// archive.
func IsManifest(start []byte) bool {
	return bytes.Contains(start[:min(len(start), 64)], []byte(strconv.Quote(manifestFormat)))
}

// ReadArchive reads an archive that [WriteRaw] wrote, from the uncompressed
// tar, for [Options.FS]. It also returns the facts as they were collected, nil
// where they are missing: the sources do not tell what the host was called then
// (--id), nor when that was. What stands behind the end of the archive is not
// read, and what the archive was packed in may yet prove to be damaged there.
func ReadArchive(r io.Reader) (Root, *facts.Host, error) {
	members, err := unpackTar(&countingReader{r: r})
	root, err := replayMembers(members, err)
	if err != nil {
		return nil, nil, err
	}
	var h facts.Host
	if json.Unmarshal(members[FactsName], &h) != nil {
		return root, nil, nil // nothing that is judged depends on them
	}
	return root, &h, nil
}

// unpack reads the members of an archive. On an error it returns what came
// before it.
func unpack(r io.Reader) (map[string][]byte, error) {
	counted := &countingReader{r: r}
	zr, err := gzip.NewReader(counted)
	if err != nil {
		return nil, err
	}
	counted.unpacked = zr
	members, err := unpackTar(counted)
	if err != nil {
		return members, err
	}
	// The checksum of what was compressed stands behind the end.
	switch n, err := io.CopyN(io.Discard, zr, maxBehind+1); {
	case err != nil && !errors.Is(err, io.EOF):
		return members, err
	case n > maxBehind:
		return members, errors.New("goes on behind its end")
	}
	return members, nil
}

// unpackTar is unpack for what is not compressed, or no longer.
func unpackTar(counted *countingReader) (map[string][]byte, error) {
	members := map[string][]byte{}
	tr := tar.NewReader(counted.content())
	var total int64
	for n := 0; ; n++ {
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		if err != nil {
			return members, err
		}
		if n >= maxMembers {
			return members, fmt.Errorf("more than %d members", maxMembers)
		}
		if hdr.Typeflag == tar.TypeDir {
			continue
		}
		if hdr.Typeflag != tar.TypeReg {
			return members, fmt.Errorf("member %q is not a regular file", hdr.Name)
		}
		if !fs.ValidPath(hdr.Name) {
			return members, fmt.Errorf("member %q leads out of the archive", hdr.Name)
		}
		total += hdr.Size
		if total > maxUnpacked {
			return members, fmt.Errorf("more than %d MiB unpacked", maxUnpacked>>20)
		}
		b, err := io.ReadAll(io.LimitReader(tr, hdr.Size))
		if err != nil {
			return members, err
		}
		if total > freeUnpacked && total > maxRatio*counted.n {
			return members, fmt.Errorf("unpacks to more than %d times its size", maxRatio)
		}
		members[hdr.Name] = b
	}
}

// countingReader counts the bytes that are read of an archive as it is stored.
type countingReader struct {
	r        io.Reader
	n        int64
	unpacked io.Reader // what they unpack to; nil when they are not compressed
}

func (c *countingReader) content() io.Reader {
	if c.unpacked != nil {
		return c.unpacked
	}
	return c
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// openUnpacked returns a captured tree, or the root that its manifest
// describes when it is an unpacked archive.
func openUnpacked(t *treeRoot) (Root, error) {
	b, err := t.ReadFile("/"+ManifestName, maxUnpacked)
	if err != nil {
		return t, nil
	}
	root, err := replay(b, nil, func(member string) ([]byte, error) { return t.ReadFile("/"+member, maxUnpacked) })
	if err != nil && IsManifest(b) {
		return nil, err
	}
	if err != nil {
		return t, nil // a manifest of something else: an ordinary tree
	}
	return root, t.Close()
}

// replayRoot is a root that gives what a manifest says was given once.
type replayRoot struct {
	*memoryRoot
	live, paper bool
}

// replay builds the root that a manifest describes; read returns a member.
// Broken is what is wrong with the archive as a whole.
func replay(b []byte, broken error, read func(member string) ([]byte, error)) (Root, error) {
	if b == nil {
		return nil, fmt.Errorf("not an archive of sources: it has no %s", ManifestName)
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", ManifestName, err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("%s: format is %q, not %q", ManifestName, m.Format, manifestFormat)
	}
	if m.Version > manifestVersion {
		return nil, fmt.Errorf("%s: version %d is newer than this program understands", ManifestName, m.Version)
	}
	switch {
	case m.Digest == "" && broken != nil:
		return nil, fmt.Errorf("damaged: %w", broken)
	case m.Digest != "" && m.Digest != m.digest():
		return nil, fmt.Errorf("%s: was changed after it was written", ManifestName)
	}
	root := &replayRoot{newMemoryRoot(), m.Live, m.Paper}
	for _, e := range m.Entries {
		root.add(e, read)
	}
	return root, nil
}

// word returns a text of a manifest as it may be shown: of one line and of
// bounded length.
func word(s string) string {
	const most = 300
	return procfs.Value([]byte(s[:min(len(s), most)]))
}

func (r *replayRoot) add(e manifestEntry, read func(string) ([]byte, error)) {
	key := e.Name + " " + e.Kind
	switch {
	case e.State == facts.Absent:
		r.absent[key] = true
	case e.State != facts.Known:
		if e.Problem == nil {
			e.Problem = &facts.Problem{Cause: facts.Malformed, Detail: "the manifest says that it could not be read, but not why"}
		}
		r.problems[key] = &facts.Problem{Cause: facts.Cause(word(string(e.Problem.Cause))), Detail: word(e.Problem.Detail), Remedy: word(e.Problem.Remedy)}
	case e.Kind == "dir":
		r.dirs[e.Name] = e.Names
	case e.Kind == "link":
		r.links[e.Name] = e.Target
	default:
		member := memberName(e.Name)
		if !fs.ValidPath(member) || path.Clean(member) != member {
			return
		}
		b, err := read(member)
		if err != nil {
			r.problems[key] = &facts.Problem{Cause: facts.Truncated, Detail: "missing from the archive: " + plain(err)}
			return
		}
		sum := sha256.Sum256(b)
		if len(b) != e.Size || !strings.EqualFold(hex.EncodeToString(sum[:]), e.SHA256) {
			r.problems[key] = &facts.Problem{Cause: facts.Malformed, Detail: "differs from what the archive's manifest says of it"}
			return
		}
		r.files[e.Name] = bytes.Clone(b)
	}
}
