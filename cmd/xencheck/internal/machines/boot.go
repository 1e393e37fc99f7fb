package machines

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/machines/wire"
)

// Boot is one start of a machine.
type Boot struct {
	Report  *wire.Report  // nil when none came
	Console string        // file with all that the machine printed
	Wall    time.Duration // from the start of QEMU to the report
	CPU     time.Duration // that QEMU used
}

// always is what every machine is given: emulation in software, no screen, and
// no second try when it resets.
var always = []string{"-accel", "tcg,thread=multi", "-display", "none", "-nodefaults", "-no-reboot", "-no-user-config"}

// Start boots a machine with a ramdisk and waits for its report. Work is an
// empty folder; definitions is the folder that the machine was read from.
func (d Definition) Start(ctx context.Context, store *Store, definitions, ramdisk, work string) (*Boot, error) {
	args, err := d.arguments(store, definitions, ramdisk, work)
	if err != nil {
		return nil, err
	}
	b := &Boot{Console: filepath.Join(work, "console.log")}
	args = append(args, "-serial", "file:"+b.Console)
	if err := os.WriteFile(filepath.Join(work, "command"), []byte(strings.Join(args, "\n")+"\n"), 0o644); err != nil {
		return nil, err
	}
	own, err := os.Create(filepath.Join(work, "qemu.log"))
	if err != nil {
		return nil, err
	}
	defer own.Close()
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, d.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = own, own
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	failed := b.await(ended, begin)
	if failed == nil {
		// Some machines do not power themselves off: all is said, it may go.
		_ = cmd.Process.Kill()
		<-ended
	}
	if cmd.ProcessState != nil {
		b.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	switch {
	case failed == nil:
		return b, nil
	case whole.Err() != nil:
		return b, fmt.Errorf("stopped after %.0f s: the time of the test is up", time.Since(begin).Seconds())
	case ctx.Err() != nil:
		return b, fmt.Errorf("no report within %s", d.Limit)
	}
	said, _ := os.ReadFile(own.Name())
	if s := strings.TrimSpace(string(said)); s != "" {
		return b, fmt.Errorf("QEMU ended without a report: %s", s)
	}
	return b, fmt.Errorf("QEMU ended without a report: %w", failed)
}

// await reads the console until the report is complete, or QEMU has ended.
func (b *Boot) await(ended <-chan error, begin time.Time) error {
	size, last := int64(-1), false
	for {
		if info, err := os.Stat(b.Console); err == nil && (info.Size() != size || last) {
			size = info.Size()
			log, err := os.ReadFile(b.Console)
			if err != nil {
				return err
			}
			b.Wall = time.Since(begin)
			if b.Report, err = wire.Read(log); !errors.Is(err, wire.ErrIncomplete) {
				return err
			}
		}
		if last {
			return errors.New("the machine ended first")
		}
		select {
		case <-ended:
			last = true // the console may hold the rest by now
		case <-time.After(200 * time.Millisecond):
		}
	}
}

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// arguments fills in the files of a command line.
func (d Definition) arguments(store *Store, definitions, ramdisk, work string) ([]string, error) {
	var failed error
	args := append([]string{d.QEMU[0]}, always...)
	for _, a := range d.QEMU[1:] {
		args = append(args, placeholder.ReplaceAllStringFunc(a, func(p string) string {
			name, err := d.resolve(strings.Trim(p, "{}"), store, definitions, ramdisk, work)
			failed = errors.Join(failed, err)
			return name
		}))
	}
	return args, failed
}

// resolve returns the file that a placeholder stands for.
func (d Definition) resolve(name string, store *Store, definitions, ramdisk, work string) (string, error) {
	switch name {
	case "job":
		return ramdisk, nil
	case "job.gz":
		// Firmware reads disks slowly.
		to := ramdisk + ".gz"
		return to, zip(to, ramdisk)
	case "esp":
		return d.fillESP(store, definitions, ramdisk, work)
	}
	name, copied := strings.CutPrefix(name, "copy:")
	set, file, ok := strings.Cut(name, ":")
	if !ok {
		return "", fmt.Errorf("nothing is known of {%s}", name)
	}
	dir, err := store.Folder(set)
	if err != nil {
		return "", err
	}
	from := filepath.Join(dir, file)
	if _, err := os.Stat(from); err != nil || !copied {
		return from, err
	}
	to := filepath.Join(work, file)
	return to, copyFile(to, from)
}

// fillESP makes the folder that QEMU shows as an EFI system partition.
func (d Definition) fillESP(store *Store, definitions, ramdisk, work string) (string, error) {
	dir := filepath.Join(work, "esp")
	for _, to := range sorted(d.ESP) {
		from := filepath.Join(definitions, d.ESP[to])
		if m := placeholder.FindStringSubmatch(d.ESP[to]); m != nil {
			var err error
			if from, err = d.resolve(m[1], store, definitions, ramdisk, work); err != nil {
				return "", err
			}
		}
		to = filepath.Join(dir, filepath.FromSlash(to))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", err
		}
		if err := copyFile(to, from); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func zip(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err == nil {
		_, err = z.Write(b)
		err = errors.Join(err, z.Close())
	}
	return errors.Join(err, f.Close())
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}
