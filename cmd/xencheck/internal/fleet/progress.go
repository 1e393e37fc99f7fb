package fleet

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// progressEvery is how often a run tells how far it is.
const progressEvery = 250 * time.Millisecond

// Progress is how far a run is.
type Progress struct {
	Records int
	Bad     int
	Elapsed time.Duration
	// Left is how much longer it will take at this rate; negative where that
	// is not known, as of standard input.
	Left time.Duration
}

// Rate returns records a second.
func (p Progress) Rate() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Records) / p.Elapsed.Seconds()
}

func (r *run) progress(f *files) {
	if r.o.Progress == nil {
		return
	}
	p := Progress{Records: r.tally.records, Bad: r.tally.bad, Elapsed: time.Since(r.started), Left: -1}
	if read, total := f.read.Load(), f.total.Load(); read > 0 && total >= read {
		p.Left = time.Duration(float64(p.Elapsed) / float64(read) * float64(total-read))
	}
	r.o.Progress(p)
}

// size adds up the files that will be read; 0 when that cannot be known.
func size(ctx context.Context, inputs []string) int64 {
	var total int64
	for _, name := range inputs {
		if name == "-" {
			return 0
		}
		err := filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil || d.IsDir() {
				return nil // what is wrong with it is told when it is read
			}
			if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
				total += info.Size()
			}
			return nil
		})
		if err != nil {
			return 0
		}
	}
	return total
}
