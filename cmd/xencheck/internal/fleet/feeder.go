package fleet

import (
	"context"
	"sync"

	"github.com/xencheck/xencheck/probe/facts"
)

const (
	batchRecords = 64
	batchFull    = 4 // where reports are made: one takes a hundred times its facts
	batchBytes   = 256 << 10
)

// item is one record before it is judged: the bytes of a JSON object, a host
// that has yet to be collected, or an error.
type item struct {
	place   Place
	data    []byte
	own     bool // nobody else will write to data
	collect func(context.Context) (*facts.Host, error)
	err     error
	hasty   bool // see piece
	then    byte
}

// batch is what travels through the pipeline at once: records that follow each
// other, what came of them, and what the sinks are to write of them.
type batch struct {
	items   []item
	bytes   []byte // holds the data of the items, but for large ones
	size    int    // of the data of all items
	large   int    // of it, that of large items
	results []Result
	boiled  []boiled
	keys    []byte // holds the keys of what is boiled down
	out     [][]byte
	err     error
	done    chan struct{}
	pause   bool // the input waits after it
}

// feeder fills batches and sends them off.
type feeder struct {
	ctx   context.Context
	send  func(*batch) error
	pool  sync.Pool
	now   *batch
	most  int    // records in a batch
	added int    // items so far
	buf   []byte // of the splitter, used again for the next file
	large *budget
	files files
}

func newFeeder(ctx context.Context, most int, send func(*batch) error) *feeder {
	f := &feeder{ctx: ctx, send: send, most: most, large: newBudget()}
	f.pool.New = func() any { return &batch{} }
	return f
}

// take returns an empty batch.
func (f *feeder) take() *batch {
	b := f.pool.Get().(*batch)
	b.done = make(chan struct{})
	return b
}

// give takes back a batch that is done with.
func (f *feeder) give(b *batch) {
	if cap(b.bytes) > 2*batchBytes || cap(b.keys) > batchBytes {
		return // one huge record costs no more than its own time
	}
	clear(b.items)
	clear(b.results)
	*b = batch{
		items: b.items[:0], bytes: b.bytes[:0], results: b.results[:0],
		boiled: b.boiled[:0], keys: b.keys[:0], out: b.out,
	}
	f.pool.Put(b)
}

// add puts an item into the batch. The bytes of its data are copied unless they
// are its own.
func (f *feeder) add(it item) error {
	if f.now == nil {
		f.now = f.take()
	}
	b := f.now
	b.size += len(it.data)
	if it.own {
		b.large += len(it.data)
	} else if n := len(b.bytes); len(it.data) > 0 {
		// Items that were added before keep what they point to when it moves.
		b.bytes = append(b.bytes, it.data...)
		it.data = b.bytes[n:len(b.bytes):len(b.bytes)]
	}
	b.items = append(b.items, it)
	f.added++
	if len(b.items) >= f.most || b.size >= batchBytes || it.collect != nil {
		return f.flush(false)
	}
	return nil
}

// fail adds an item that is nothing but an error.
func (f *feeder) fail(file string, err error) error {
	return f.add(item{place: Place{File: file}, err: err})
}

// flush sends the batch off.
func (f *feeder) flush(pause bool) error {
	if f.now == nil {
		return f.ctx.Err()
	}
	b := f.now
	f.now, b.pause = nil, pause
	if b.large > 0 {
		f.large.take(b.large)
	}
	return f.send(b)
}
