package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/hostjson"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
)

// ErrFault marks a record that could not be judged because of a fault in here.
var ErrFault = errors.New("internal error")

// fault is the error of a panic.
func fault(p any) error { return fmt.Errorf("%w: %v", ErrFault, p) }

// worker decodes and judges one record after the other, on one goroutine. What
// it needs for that is used again for the next record, unless a sink gets to
// see the record later.
type worker struct {
	*run
	decoder    *hostjson.Decoder
	seat       Seat
	judgements []Judgement
	boiler     *boiler
	lengths    []int  // room of render
	slow       uint64 // records that were not decoded the fast way
}

func newWorker(r *run) *worker { return &worker{run: r} }

// equip gives a worker what it works with: at the beginning, and after a fault,
// which may have left it in any state.
func (w *worker) equip() {
	w.decoder, w.seat, w.boiler = new(hostjson.Decoder), w.o.Judge.Seat(), w.tally.boiler()
	w.judgements = make([]Judgement, len(w.o.Releases))
}

// forget lets go of what large records have taken, so that the next ones find the
// room. Of very large ones that is more than all the rest of the process.
func (w *worker) forget(b *batch) {
	clear(b.items)
	if b.large <= mostLarge/4 {
		return
	}
	w.decoder = new(hostjson.Decoder)
	if w.seat != nil {
		w.seat.Host(nil)
	}
	runtime.GC()
}

// work judges a batch and renders what is wanted of it. What fails besides the
// records ends the run: it is not known what was left out.
func (w *worker) work(ctx context.Context, b *batch) {
	defer func() {
		if p := recover(); p != nil {
			b.err = fault(p)
		}
	}()
	for len(b.out) < len(w.renderers) {
		b.out = append(b.out, nil)
	}
	for i := range w.renderers {
		b.out[i] = b.out[i][:0]
	}
	for i := range b.items {
		it := &b.items[i]
		slow := w.slow
		res, boiled := w.one(ctx, b, it)
		if !it.hasty || res.Err == nil && w.slow == slow || !w.lookInto(ctx, b, it) {
			w.tell(b, res, boiled)
		}
		if b.err != nil {
			return
		}
	}
}

// lookInto looks into a line that was handed out in haste, and tells what it
// holds unless that is one object.
func (w *worker) lookInto(ctx context.Context, b *batch, it *item) (told bool) {
	defer func() {
		if p := recover(); p != nil {
			w.tell(b, Result{Place: it.place, Err: fault(p)}, boiled{})
			told = true
		}
	}()
	p := piece{line: it.place.Line, offset: it.place.Offset, data: it.data, then: it.then}
	s := p.again()
	first, err := s.next(true)
	if err == nil && first.err == nil && len(first.data) == len(bytes.TrimSpace(it.data)) {
		return false
	}
	for ; err == nil; first, err = s.next(true) {
		one := item{place: Place{it.place.File, first.line, first.offset}, data: first.data, err: first.err}
		res, boiled := w.one(ctx, b, &one)
		w.tell(b, res, boiled)
	}
	return true
}

// tell hands on what became of a record. One that cannot be written is one that
// could not be used.
func (w *worker) tell(b *batch, res Result, boiled boiled) {
	if err := w.render(b, &res); err != nil {
		again := res.Err != nil
		res = Result{Place: res.Place, Err: err}
		if again || w.render(b, &res) != nil {
			b.err = err
			return
		}
	}
	if len(w.sinks) == 0 {
		res.Host, res.Judgements = nil, nil
	}
	b.results = append(b.results, res)
	b.boiled = append(b.boiled, boiled)
}

// render has all renderers append a record to a batch, or none of them.
func (w *worker) render(b *batch, res *Result) (err error) {
	w.lengths = w.lengths[:0]
	for _, out := range b.out {
		w.lengths = append(w.lengths, len(out))
	}
	defer func() {
		if p := recover(); p != nil {
			err = fault(p)
		}
		if err != nil {
			for k, n := range w.lengths {
				b.out[k] = b.out[k][:n]
			}
		}
	}()
	for k, s := range w.renderers {
		if b.out[k], err = s.Render(b.out[k], res); err != nil {
			return fmt.Errorf("%w: %w", ErrFault, err)
		}
	}
	return nil
}

// one judges one record. A fault in here costs this record, and no other.
func (w *worker) one(ctx context.Context, b *batch, it *item) (res Result, boiled boiled) {
	res = Result{Place: it.place, Err: it.err}
	defer func() {
		if p := recover(); p != nil {
			res = Result{Place: it.place, Err: fault(p)}
			w.seat = nil
		}
	}()
	switch {
	case w.seat == nil:
		w.equip()
	case len(w.sinks) > 0:
		w.decoder, w.judgements = new(hostjson.Decoder), make([]Judgement, len(w.o.Releases))
	}
	if res.Err == nil {
		res.Host, res.Err = w.host(ctx, it)
	}
	if res.Err == nil {
		res.Judgements, res.Err = w.judge(res.Host)
	}
	if res.Err == nil {
		res.Selected = w.o.Where.Match(&res)
		boiled, b.keys = w.boiler.boil(&res, b.keys)
	}
	return res, boiled
}

// host returns the facts of a record.
func (w *worker) host(ctx context.Context, it *item) (*facts.Host, error) {
	if it.collect != nil {
		// What was begun is finished: an interrupted run tells all it has.
		return it.collect(context.WithoutCancel(ctx))
	}
	before := w.decoder.Slow
	h, err := w.decoder.Decode(it.data)
	w.slow += w.decoder.Slow - before
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
func (w *worker) judge(h *facts.Host) ([]Judgement, error) {
	w.seat.Host(h)
	for i, release := range w.o.Releases {
		var err error
		if w.judgements[i], err = w.seat.Judge(release, w.full); err != nil {
			return nil, err
		}
	}
	return w.judgements, nil
}
