// Package fleet judges many hosts: it reads their records from whatever they
// are packed in, judges them on all cores, hands the results out in order, and
// counts.
//
// A reader cuts the input into batches of records, workers decode and judge
// them, and one writer takes the batches in the order of the input, counts them
// and feeds the sinks. What is in memory at a time is a few batches, some bytes
// for each host, and what the summary tells apart.
package fleet

import (
	"context"
	"errors"
	"io"
	"runtime"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/rules"
)

// Options is what a run depends on.
type Options struct {
	Inputs   []string  // files and directories; - is Stdin
	Stdin    io.Reader //
	Lines    bool      // each line of Stdin is one record, whatever it holds
	Judge    Judge
	Releases []string // by which each host is judged; at least one
	Where    Filter   // the hosts that matter; the zero Filter is all
	Sinks    []Sink
	Tool     string
	At       time.Time // the judging date
	Intents  []string
	FailOn   report.FailOn
	Waivers  []rules.Waiver // those that Judge knows of
	Probe    probe.Options  // for archives of sources: tool and clock
	Workers  int            // 0 for one on each core
	// Progress is told how far the run is, now and then; nil for nobody.
	Progress func(Progress)
}

// Run judges everything and returns the summary of what was judged, also when
// it ends early: when ctx is done, and then the summary says so, or with an
// error, which is of a sink or a fault in here.
func Run(ctx context.Context, o Options) (*report.Fleet, error) {
	r := &run{o: &o, tally: newTally(o.Judge, len(o.Releases)), started: time.Now()}
	for _, s := range o.Sinks {
		if w, ok := s.(Renderer); ok {
			r.renderers = append(r.renderers, w)
		} else {
			r.sinks = append(r.sinks, s)
		}
		r.full = r.full || s.Full()
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	err := r.pipeline(ctx)
	f := r.tally.summary(&o)
	f.Passed = r.passed
	if f.Interrupted = ctx.Err() != nil; f.Interrupted {
		f.ExitCode, f.ExitMeaning = report.ExitInterrupted, report.ExitInterrupted.String()
	}
	for _, s := range o.Sinks {
		if err == nil {
			err = s.Finish(f)
		}
	}
	return f, err
}

type run struct {
	o         *Options
	tally     *tally
	sinks     []Sink
	renderers []Renderer
	full      bool
	passed    int
	started   time.Time
}

// pipeline runs the reader, the workers and, on this goroutine, the writer.
func (r *run) pipeline(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	work := make(chan *batch, r.o.Workers)
	order := make(chan *batch, 2*r.o.Workers+2) // bounds what is in flight
	most := batchRecords
	if r.full {
		most = batchFull
	}
	f := newFeeder(ctx, most, func(b *batch) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case order <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		work <- b // never waits for long: there is a worker for all that order holds
		return nil
	})
	in := &input{feeder: f, stdin: r.o.Stdin, eachLine: r.o.Lines, probe: r.o.Probe}
	if r.o.Progress != nil {
		go func() { in.files.total.Store(size(ctx, r.o.Inputs)) }()
	}
	go func() {
		defer close(order)
		defer close(work)
		_ = in.read(r.o.Inputs) // fails only when the pipeline is given up
	}()
	for range r.o.Workers {
		go func() {
			w := newWorker(r)
			for b := range work {
				w.work(ctx, b)
				if b.large > 0 {
					w.forget(b)
					f.large.give(b.large)
				}
				close(b.done)
			}
		}()
	}
	return r.write(parent, order, f)
}

// write takes the batches in order. When the run is given up it still takes
// what has been sent off, and does not wait for a reader that may be stuck.
func (r *run) write(ctx context.Context, order chan *batch, f *feeder) error {
	every := time.NewTicker(progressEvery)
	defer every.Stop()
	for {
		var b *batch
		var ok bool
		select {
		case b, ok = <-order:
		case <-every.C:
			r.progress(&f.files)
			continue
		case <-ctx.Done():
			select {
			case b, ok = <-order:
			default:
			}
		}
		if !ok {
			r.passed = int(f.files.passed.Load())
			return r.flush()
		}
		<-b.done
		if err := r.take(b); err != nil {
			return err
		}
		f.give(b)
	}
}

func (r *run) flush() error {
	for _, s := range r.o.Sinks {
		if err := s.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// hand gives a record to a sink. One that the sink has a fault with becomes one
// that could not be used; those before it in line have it as it was.
func (r *run) hand(s Sink, res *Result) error {
	err := tellSink(s, res)
	if errors.Is(err, ErrFault) && res.Err == nil {
		*res = Result{Place: res.Place, Err: err}
		err = tellSink(s, res)
	}
	return err
}

func tellSink(s Sink, res *Result) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault(p)
		}
	}()
	return s.Record(res)
}

// take counts a batch and hands it to the sinks.
func (r *run) take(b *batch) error {
	if b.err != nil {
		return b.err
	}
	r.tally.bytes += int64(b.size)
	for i := range b.results {
		res := &b.results[i]
		var err error
		for _, s := range r.sinks {
			if err == nil {
				err = r.hand(s, res)
			}
		}
		r.tally.records++
		if res.Err != nil {
			r.tally.fail(res.Place, res.Err)
		} else {
			r.tally.count(b.boiled[i])
		}
		if err != nil {
			return err
		}
	}
	for i, s := range r.renderers {
		if err := s.Write(b.out[i]); err != nil {
			return err
		}
	}
	if b.pause {
		return r.flush()
	}
	return nil
}
