package fleet

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
)

// StdinName is how standard input is called.
const StdinName = "standard input"

// maxNested bounds how deep archives may be packed into each other: records in
// a compressed tar, and archives of sources in another one.
const maxNested = 5

// files is what was found besides records.
type files struct {
	read   atomic.Int64 // bytes of files, as stored
	total  atomic.Int64 // that there are; 0 when not known
	passed atomic.Int64 // files of a directory or archive that are none of ours
}

// input walks what the user named.
type input struct {
	*feeder
	stdin    io.Reader
	eachLine bool          // each line of stdin is a record
	probe    probe.Options // for archives of sources: tool and clock
}

// read feeds everything in the order in which it was named. An input that
// cannot be used is one record that is an error; only a pipeline that ended is
// an error here.
func (in *input) read(names []string) error {
	for _, name := range names {
		if err := in.name(name); err != nil {
			return err
		}
	}
	return in.flush(false)
}

// survive makes a record of a fault in here: it costs the rest of one input.
func (in *input) survive(name string, err *error) {
	if p := recover(); p != nil {
		*err = in.fail(name, fault(p))
	}
}

func (in *input) name(name string) (err error) {
	defer in.survive(name, &err)
	if name == "-" && in.eachLine {
		return in.lines(StdinName, in.stdin)
	}
	if name == "-" {
		return in.open(StdinName, in.stdin, sniffAll, true, 0)
	}
	before := in.added
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return in.fail(name, cause(err))
	case info.IsDir():
		err = in.dir(name)
	default:
		err = in.file(name, sniffAll)
	}
	if err == nil && in.added == before && (info.IsDir() || info.Mode().IsRegular()) { // a pipe may well have nothing to say
		return in.fail(name, errNoRecord)
	}
	return err
}

// errNoRecord is told of what was named and has nothing to judge: most likely it
// is not what was meant.
var errNoRecord = errors.New("holds no record: expected facts or reports of xencheck in JSON")

// dir feeds the files below a directory in the order of their names. Links to
// directories are not followed: they may lead in circles.
func (in *input) dir(name string) error {
	if in.unpacked(name) {
		return in.captured(name)
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		if err := in.fail(name, cause(err)); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if err := in.ctx.Err(); err != nil {
			return err
		}
		p := filepath.Join(name, e.Name())
		info, err := os.Stat(p)
		switch {
		case strings.HasPrefix(e.Name(), "."):
			in.files.passed.Add(1)
			continue
		case err != nil:
			err = in.fail(p, cause(err))
		case e.IsDir():
			err = in.dir(p)
		case info.Mode().IsRegular():
			err = in.file(p, sniffKind(p))
		default:
			in.files.passed.Add(1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file feeds one file.
func (in *input) file(name string, want sniffing) error {
	// O_NONBLOCK: opening a FIFO must not wait for somebody to write to it.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return in.fail(name, cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return in.fail(name, cause(err))
	}
	live := false
	switch {
	case info.Mode().IsRegular():
	case strings.HasPrefix(name, "/dev/fd/") || name == "/dev/stdin" || strings.HasPrefix(name, "/proc/self/fd/"):
		live = true // what a shell makes of <(command)
	default:
		return in.fail(name, errors.New("is not a regular file; use - to read standard input"))
	}
	return in.open(name, &counted{f, &in.files.read}, want, live, 0)
}

// counted counts what is read of a file, for the progress.
type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// sniffing says what of an input is wanted.
type sniffing int

const (
	sniffAll  sniffing = iota // it was named, or has the name of a kind that is read
	sniffOurs                 // only if it looks like one of the kinds
)

// sniffKind tells by the name of a file among others.
func sniffKind(name string) sniffing {
	ext := path.Ext(name)
	switch strings.ToLower(ext) {
	case ".json", ".ndjson", ".jsonl", ".tar", ".tgz", ".gz", ".zst", ".tzst", ".txz", ".tbz", ".tbz2":
		return sniffAll
	case ".xz", ".bz2", ".lz4", ".zip", ".7z", ".z": // facts.json.xz is not to be left out without a word
		return sniffKind(strings.TrimSuffix(name, ext))
	}
	return sniffOurs
}

// open feeds what a reader holds, whatever it is packed in. live says that the
// reader may pause.
func (in *input) open(name string, r io.Reader, want sniffing, live bool, depth int) (err error) {
	defer in.survive(name, &err)
	if depth > maxNested {
		return in.fail(name, fmt.Errorf("packed more than %d times", maxNested))
	}
	p := &peeker{r: r}
	kind := p.sniff()
	if want == sniffOurs && !kind.ours() {
		in.files.passed.Add(1)
		return nil
	}
	for kind == isTar || kind == isSources {
		read := in.tar
		if kind == isSources {
			read = in.sources
		}
		if more, err := read(name, p, depth); !more || err != nil {
			return err
		}
		kind = p.sniff() // another one, where several were put together
	}
	switch kind {
	case isGzip:
		zr, err := gzip.NewReader(p)
		if err != nil {
			return in.fail(name, fmt.Errorf("not readable as gzip: %w", err))
		}
		return in.open(name, packed{zr}, want, live, depth+1)
	case isZstd:
		zr, err := newZstd(p)
		if err != nil {
			return in.fail(name, fmt.Errorf("not readable as zstd: %w", err))
		}
		defer zr.Close()
		return in.open(name, packed{zr}, want, live, depth+1)
	case isUTF16:
		return in.fail(name, errors.New("in UTF-16; JSON is read in UTF-8: iconv -f UTF-16 -t UTF-8 makes it that"))
	case isForeign:
		return in.fail(name, errors.New("packed in a way that is not read here; tar, gzip and zstd are"))
	}
	return in.stream(name, p, live, !live && kind == isText && p.binary())
}

// packed words the errors of a compressed input.
type packed struct{ io.Reader }

func (p packed) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("cannot be unpacked from here on: %w", err)
	}
	return n, err
}

// stream feeds the records of a stream of JSON, or of what should be one.
func (in *input) stream(name string, r io.Reader, live, binary bool) error {
	s := newSplitter(r)
	s.binary, s.hurry, s.await = binary, true, in.large.await
	s.buf = in.buf[:0]
	defer func() {
		if cap(s.buf) == firstBuffer {
			in.buf = s.buf
		}
	}()
	wait := !live
	empty := true
	for {
		p, err := s.next(wait)
		switch {
		case err == errMore:
			if err := in.flush(true); err != nil {
				return err
			}
			wait = true
			continue
		case err == io.EOF && empty && !live: // a pipe may well have nothing to say
			return in.fail(name, errors.New("empty: expected facts or a report of xencheck in JSON"))
		case err != nil:
			return in.ctx.Err()
		}
		wait, empty = !live, false
		p.err = cause(p.err)
		if p.noted > p.line {
			p.err = fmt.Errorf("in line %d: %w", p.noted, p.err)
		}
		own := len(p.data) > largeRecord
		if own {
			s.part()
		}
		if err := in.add(item{place: Place{name, p.line, p.offset}, data: p.data, own: own, err: p.err, hasty: p.hasty, then: p.then}); err != nil {
			return err
		}
	}
}

// tar feeds the files of a tar in their order, and reports whether more stands
// behind its end.
func (in *input) tar(name string, p *peeker, depth int) (more bool, err error) {
	end := &lastBlock{r: p}
	tr := tar.NewReader(end)
	for {
		hdr, err := tr.Next()
		if err == io.EOF && end.zero() {
			more, err = p.padding()
			if err == nil {
				return more, in.ctx.Err()
			}
		}
		if err == io.EOF {
			err = errors.New("its end is missing")
		}
		if err != nil {
			return false, in.fail(name, fmt.Errorf("the archive cannot be read on: %w", err))
		}
		switch {
		case hdr.Typeflag == tar.TypeDir:
			continue
		case !holdsFile(hdr) || strings.HasPrefix(path.Base(hdr.Name), "."):
			in.files.passed.Add(1)
			continue
		}
		if err := in.open(name+"!"+hdr.Name, tr, sniffKind(hdr.Name), false, depth+1); err != nil {
			return false, err
		}
	}
}

// holdsFile reports whether a member of a tar is a file with its content: also
// one with holes (tar --sparse), or one that was to lie in one piece.
func holdsFile(h *tar.Header) bool {
	return h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse || h.Typeflag == tar.TypeCont
}

// lastBlock remembers the last block that was read of a tar. Of one that is
// whole it is zero: otherwise nothing tells that members are missing.
type lastBlock struct {
	r    io.Reader
	last [512]byte
	n    int // how much of it there is
}

func (l *lastBlock) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if n >= len(l.last) {
		l.n = copy(l.last[:], p[n-len(l.last):n])
	} else {
		keep := min(l.n, len(l.last)-n)
		copy(l.last[:], l.last[l.n-keep:l.n])
		l.n = keep + copy(l.last[keep:], p[:n])
	}
	return n, err
}

func (l *lastBlock) zero() bool { return l.n == len(l.last) && l.last == [512]byte{} }

// sources feeds the host that an archive of collect --raw describes, and reports
// whether more stands behind its end.
func (in *input) sources(name string, p *peeker, _ int) (more bool, err error) {
	root, then, err := probe.ReadArchive(p)
	if err == nil {
		more, err = p.padding() // which also sees that what it was packed in is whole
	}
	if err != nil {
		return false, in.fail(name, err)
	}
	o := in.probe
	o.FS = root
	return more, in.replay(name, o, then)
}

// replay feeds the host that an archive of sources describes. What it was
// called and when that was is what the facts said then.
func (in *input) replay(name string, o probe.Options, then *facts.Host) error {
	return in.add(item{place: Place{File: name}, collect: func(ctx context.Context) (*facts.Host, error) {
		h, err := probe.Collect(ctx, o)
		if err != nil {
			return nil, err
		}
		h.CollectedAt, h.Origin.What = nil, []string{name}
		if then != nil {
			h.CollectedAt, h.Name = then.CollectedAt, then.Name
		}
		return h, nil
	}})
}

// unpacked reports whether a directory is an unpacked archive of sources.
func (in *input) unpacked(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, probe.ManifestName), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, probe.ArchiveStart)
	n, _ := io.ReadFull(f, start)
	return probe.IsManifest(start[:n])
}

// captured feeds the host of an unpacked archive of sources.
func (in *input) captured(dir string) error {
	o := in.probe
	o.Root = dir
	var then *facts.Host
	if f, err := os.OpenFile(filepath.Join(dir, probe.FactsName), os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
		b, err := io.ReadAll(io.LimitReader(f, MaxRecord))
		if err == nil {
			then, _ = report.DecodeHost(b) // without them the host has no name
		}
		f.Close()
	}
	return in.replay(dir, o, then)
}

// cause takes the name of the file out of an error: it is told beside it.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
