package fleet

import "hash/maphash"

// newest keeps, for every host that has a name, which of its records counts:
// the newest, and of several of one moment the last.
//
// A host takes 20 bytes in a table that is at least 7/10 full: 29 bytes. Hosts
// are told apart by 64 bits of a keyed hash of their names: among a million
// hosts the chance that any two are taken for one is below 1 in ten million, and
// nobody can choose names that are.
type newest struct {
	seed   maphash.Seed
	shards [shards]shard
	older  int // records that were set aside
	unlike int // of them, those where the hardware of a name changed
}

// shards is how many tables there are: one grows at a time, so that growing
// never holds two copies of everything.
const shards = 256

type shard struct {
	slots []slot
	used  int
}

// slot is one host. The hash is in two halves, so that a slot needs no padding.
type slot struct {
	high, low uint32 // of the hash; both zero in an empty slot
	time      uint32 // when its facts were collected, see moment
	entry     entry
}

// entry is what is kept of a record: indices of what is told of many.
type entry struct {
	hardware uint32
	verdict  uint32
}

func newNewest() *newest { return &newest{seed: maphash.MakeSeed()} }

// hash returns the hash of a name, never 0.
func (n *newest) hash(name string) uint64 {
	return max(maphash.String(n.seed, name), 1)
}

// add enters a record of a host.
func (n *newest) add(hash uint64, time uint32, e entry) {
	s := &n.shards[hash>>56]
	if 8*(s.used+1) > 7*len(s.slots) {
		s.grow()
	}
	at := s.find(hash)
	if at.high|at.low == 0 {
		s.used++
		*at = slot{uint32(hash >> 32), uint32(hash), time, e}
		return
	}
	n.older++
	if e.verdict != leftOut && at.entry.verdict != leftOut && e.hardware != at.entry.hardware {
		n.unlike++
	}
	if time >= at.time {
		at.time, at.entry = time, e
	}
}

// find returns the slot of a host, or the empty one where it belongs. There is
// always an empty one.
func (s *shard) find(hash uint64) *slot {
	high, low := uint32(hash>>32), uint32(hash)
	for i := int(uint64(low) * uint64(len(s.slots)) >> 32); ; i++ {
		if i == len(s.slots) {
			i = 0
		}
		if at := &s.slots[i]; at.high|at.low == 0 || at.high == high && at.low == low {
			return at
		}
	}
}

func (s *shard) grow() {
	old := s.slots
	s.slots = make([]slot, max(len(old)*5/4, 8))
	for _, o := range old {
		if o.high|o.low != 0 {
			*s.find(uint64(o.high)<<32 | uint64(o.low)) = o
		}
	}
}

// each calls visit for every host, with the time of its newest record.
func (n *newest) each(visit func(e entry, time uint32)) {
	for i := range n.shards {
		for _, s := range n.shards[i].slots {
			if s.high|s.low != 0 {
				visit(s.entry, s.time)
			}
		}
	}
}
