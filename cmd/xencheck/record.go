package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
)

// What record keeps, and where.
const (
	stateDir     = "/var/lib/xencheck"
	textfileDir  = "/var/lib/prometheus/node-exporter"
	reportFile   = "report.json"
	previousFile = "report.previous.json"
	metricsFile  = "xencheck.prom"
	spareFile    = "." + previousFile + ".tmp"
	lockFile     = "lock"
)

// recordOptions are the flags of record.
type recordOptions struct {
	xen          string
	dir, metrics string
	judge        judgeOptions
	host         hostOptions
}

// newRecord returns the command that a timer runs.
func newRecord(s *streams) *cobra.Command {
	o := &recordOptions{}
	c := &cobra.Command{
		Use:   "record [flags]",
		Short: "Judge this machine, keep the report, say what changed",
		Long: `Record judges this machine as check does and keeps the report as
` + reportFile + ` in a directory, and the one before it as ` + previousFile + `. A
report that cannot be written leaves the old one alone. It prints one line when
the verdict is another than that of the report before, and nothing otherwise.

Where the directory for text files of Prometheus' node exporter exists, the
metrics are written there too, as ` + metricsFile + `.

Only one record at a time works in a directory; another one says so and ends
with 2. Otherwise the exit codes are those of check.`,
		Example: `  xencheck record
  xencheck record --state-dir /srv/xencheck --textfile-dir /srv/metrics`,
		Args: usageArgs(cobra.NoArgs),
	}
	f := c.Flags()
	f.StringVar(&o.xen, "xen", auto, "`RELEASE` to judge by: 4.22, 4.18@COMMIT, auto, or a file with a statement")
	f.StringVar(&o.dir, "state-dir", stateDir, "keep the reports in `DIR`, which must exist")
	f.StringVar(&o.metrics, "textfile-dir", textfileDir, "write metrics into `DIR` if it exists")
	o.judge.register(c)
	o.host.register(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if o.dir == "" {
			return &usageError{c, errors.New(`invalid argument "" for "--state-dir" flag: must name a directory`)}
		}
		if err := o.judge.check(c); err != nil {
			return err
		}
		if err := o.host.check(c, s); err != nil {
			return err
		}
		return runRecord(c.Context(), s, o)
	}
	return c
}

// runRecord does everything under a lock, which is gone with the process.
func runRecord(ctx context.Context, s *streams, o *recordOptions) error {
	lock, err := lockDir(o.dir)
	if err != nil {
		return badInput(err)
	}
	defer lock.Close()
	sweep(o.dir)
	before := s.kept(filepath.Join(o.dir, reportFile))

	h, err := probe.Collect(ctx, o.host.Options)
	if err != nil {
		return badInput(err)
	}
	r, err := newJudge(s, o.judge).report(h, o.xen)
	if err != nil {
		return err
	}
	// What cannot be told is not kept either: it is still a change the next time.
	if line := change(before, r); line != "" {
		if err := s.deliver("", func(w io.Writer) error {
			_, err := fmt.Fprintln(w, report.Clean(line))
			return err
		}); err != nil {
			return err
		}
	}
	// What was found out is told before anything can go wrong with the disk;
	// what cannot be written there costs nothing else.
	failed := false
	for _, err := range []error{keep(o.dir, r), writeMetrics(o.metrics, r)} {
		if err != nil {
			s.line(err.Error())
			failed = true
		}
	}
	if failed {
		return result(report.ExitUsage)
	}
	return result(r.ExitCode)
}

// lockDir takes the lock of a directory, until the file that it returns is
// closed or the process ends. The lock is on a file in it that only its owner
// can open: whoever can open a file, if only to read it, can keep its lock for
// ever. The file stays, and means nothing by itself.
func lockDir(dir string) (*os.File, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, plainPath(err)
	}
	// Reading is enough for a lock, and is possible where nothing can be written.
	name := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(name, os.O_RDONLY|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, plainPath(err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s: is not a regular file", name)
	case info.Mode().Perm()&0o077 != 0:
		err = f.Chmod(0o600)
	}
	if err == nil {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%s: another xencheck record is at work here; nothing was done", dir)
		} else if err != nil {
			err = fmt.Errorf("%s: cannot be locked: %w", name, err)
		}
	}
	if err != nil {
		f.Close()
		return nil, plainPath(err)
	}
	return f, nil
}

// sweep takes away what a record left half written when it was killed. Under the
// lock nobody else can be writing it.
func sweep(dir string) {
	for _, pattern := range []string{temporary(reportFile, "????????"), spareFile} {
		left, _ := filepath.Glob(filepath.Join(dir, pattern)) // the pattern is a good one
		for _, name := range left {
			_ = os.Remove(name) // as good as nothing, and in nobody's way
		}
	}
}

// kept reads the report of the last time; nil when there is none that can be
// used.
func (s *streams) kept(name string) *report.Report {
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	objects, err := s.objects(name)
	if err != nil {
		s.warn("the last report cannot be read: %v", err)
		return nil
	}
	r, err := report.Decode(objects[0])
	if err != nil {
		s.warn("the last report cannot be used: %v", named(name, err))
		return nil
	}
	return r
}

// change says in one line how a verdict differs from the one before; empty when
// it does not.
func change(before, now *report.Report) string {
	is := verdictLine(now)
	if before == nil {
		return "first verdict: " + is
	}
	if was := verdictLine(before); was != is {
		return "the verdict has changed: " + is + "; it was: " + was
	}
	return ""
}

// verdictLine says everything that makes a verdict another one: the release,
// the answers that were wanted, and the exit code.
func verdictLine(r *report.Report) string {
	parts := make([]string, 0, len(r.Intents)+1)
	for _, a := range r.Answers {
		for _, wanted := range r.Intents {
			if a.Intent == wanted {
				parts = append(parts, a.Title+": "+report.AnswerWords(a))
			}
		}
	}
	return fmt.Sprintf("%s by Xen %s (exit code %d, %s)", strings.Join(parts, ", "), r.Release, r.ExitCode, r.ExitMeaning)
}

// keep puts a report into the place of the last one, which stays as the
// previous one. The new one is on the disk before the old one is moved.
func keep(dir string, r *report.Report) error {
	current, previous := filepath.Join(dir, reportFile), filepath.Join(dir, previousFile)
	return replaceFileAfter(current, func(w io.Writer) error { return report.Write(w, r) }, func() error {
		spare := filepath.Join(dir, spareFile)
		if err := os.Link(current, spare); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // the first time
			}
			return fmt.Errorf("%s: cannot be kept: %w", current, cause(err))
		}
		if err := os.Rename(spare, previous); err != nil {
			_ = os.Remove(spare)
			return fmt.Errorf("%s: cannot be replaced: %w", previous, cause(err))
		}
		return nil
	})
}

// writeMetrics writes the metrics where somebody collects them: another user,
// who has to be able to read a new file whatever the umask is.
func writeMetrics(dir string, r *report.Report) error {
	if info, err := os.Stat(dir); dir == "" || err != nil || !info.IsDir() {
		return nil
	}
	name := filepath.Join(dir, metricsFile)
	_, old := os.Lstat(name)
	err := replaceFile(name, func(w io.Writer) error {
		d := report.NewDocument(w, report.FormatPrometheus, report.Look{})
		if err := d.Report("", r); err != nil {
			return err
		}
		return d.Close()
	})
	if err == nil && errors.Is(old, fs.ErrNotExist) {
		err = plainPath(os.Chmod(name, 0o644))
	}
	return err
}
