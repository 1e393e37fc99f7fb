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
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/hostjson"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
)

// Options is what a run depends on.
type Options struct {
	Inputs   []string  // files and directories; - is Stdin
	Stdin    io.Reader //
	Judge    Judge
	Releases []string // by which each host is judged; at least one
	Where    Filter   // the hosts that matter; the zero Filter is all
	Sinks    []Sink
	Tool     string
	At       time.Time // the judging date
	Intents  []string
	FailOn   report.FailOn
	Probe    probe.Options // for archives of sources: tool and clock
	Workers  int           // 0 for one on each core
	// Progress is told how far the run is, now and then; nil for nobody.
	Progress func(Progress)
}

// ErrFault marks a record that could not be judged because of a fault in here.
var ErrFault = errors.New("internal error")

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
	total     int64
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
	in := &input{feeder: f, stdin: r.o.Stdin, probe: r.o.Probe}
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
			var d hostjson.Decoder
			for b := range work {
				r.work(ctx, b, &d)
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

// take counts a batch and hands it to the sinks.
func (r *run) take(b *batch) error {
	if b.err != nil {
		return b.err
	}
	r.tally.bytes += int64(len(b.bytes))
	for i := range b.results {
		res := &b.results[i]
		r.tally.records++
		if res.Err != nil {
			r.tally.fail(res.Place, res.Err)
		} else {
			r.tally.count(b.boiled[i])
		}
		for _, s := range r.sinks {
			if err := s.Record(res); err != nil {
				return err
			}
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

// work decodes and judges a batch and renders what is wanted of it. Of what is
// not wanted any more when a record is rendered, nothing is kept.
func (r *run) work(ctx context.Context, b *batch, d *hostjson.Decoder) {
	for len(b.out) < len(r.renderers) {
		b.out = append(b.out, nil)
	}
	for i := range r.renderers {
		b.out[i] = b.out[i][:0]
	}
	for i := range b.items {
		if len(r.sinks) > 0 {
			d = new(hostjson.Decoder) // the host outlives the next one
		}
		res, boiled := r.one(ctx, b, &b.items[i], d)
		for k, s := range r.renderers {
			var err error
			if b.out[k], err = s.Render(b.out[k], &res); err != nil {
				b.err = err
				return
			}
		}
		if len(r.sinks) == 0 {
			res.Host, res.Judgements = nil, nil
		}
		b.results = append(b.results, res)
		b.boiled = append(b.boiled, boiled)
	}
}

// one judges one record. A fault in here costs this record, and no other.
func (r *run) one(ctx context.Context, b *batch, it *item, d *hostjson.Decoder) (res Result, boiled boiled) {
	res = Result{Place: it.place, Err: it.err}
	defer func() {
		if p := recover(); p != nil {
			res = Result{Place: it.place, Err: fmt.Errorf("%w: %v", ErrFault, p)}
		}
	}()
	if res.Err == nil {
		res.Host, res.Err = r.host(ctx, it, d)
	}
	if res.Err == nil {
		res.Judgements, res.Err = r.judge(res.Host)
	}
	if res.Err == nil {
		res.Selected = r.o.Where.Match(&res)
		boiled, b.keys = r.tally.boil(&res, b.keys)
	}
	return res, boiled
}

// host returns the facts of a record.
func (r *run) host(ctx context.Context, it *item, d *hostjson.Decoder) (*facts.Host, error) {
	if it.collect != nil {
		// What was begun is finished: an interrupted run tells all it has.
		return it.collect(context.WithoutCancel(ctx))
	}
	h, err := d.Decode(it.data)
	var at report.LineError
	if errors.As(err, &at) {
		// Its lines count from where the record begins.
		if err = at.Err; at.Line > 1 {
			err = fmt.Errorf("in line %d: %w", it.place.Line+at.Line-1, at.Err)
		}
	}
	return h, err
}

// judge judges a host by every release that was asked for.
func (r *run) judge(h *facts.Host) ([]Judgement, error) {
	js := make([]Judgement, len(r.o.Releases))
	for i, release := range r.o.Releases {
		var err error
		if js[i], err = r.o.Judge.Judge(h, release, r.full); err != nil {
			return nil, err
		}
	}
	return js, nil
}
