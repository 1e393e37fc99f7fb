package fleet

import "sync"

const (
	// largeRecord is from where on a record is large. Most are a hundredth of
	// it, so what is read of them ahead needs no bound of its own.
	largeRecord = 2 * batchBytes
	// mostLarge is how many bytes of large records may be on their way at a
	// time; a larger one is on its way alone.
	mostLarge = 16 << 20
)

// budget bounds the bytes of large records that are on their way: from the
// reader, who is the only one to wait, until a worker is done with them.
type budget struct {
	mu   sync.Mutex
	done sync.Cond
	used int
}

func newBudget() *budget {
	b := &budget{}
	b.done.L = &b.mu
	return b
}

// await waits until there is room for n bytes, or nothing else is on its way.
func (b *budget) await(n int) {
	if n <= largeRecord {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.used > 0 && b.used+n > mostLarge {
		b.done.Wait()
	}
}

// take sends n bytes on their way, give says that they are done with.
func (b *budget) take(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += n
}

func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.done.Signal()
}
