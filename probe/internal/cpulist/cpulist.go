// Package cpulist reads and writes lists of CPU numbers as Linux does in
// /sys/devices/system/cpu/{online,present,possible} and in cpusets: 0-3,8
// (cpuset(7), "List format").
package cpulist

import (
	"fmt"
	"iter"
	"math/bits"
	"strconv"
	"strings"
)

// Max is one more than the largest CPU number a set holds. It is well above
// any kernel's NR_CPUS, and keeps a forged 0-4294967295 small.
const Max = 65536

// Set is a set of CPU numbers. The zero Set is empty.
type Set struct {
	words []uint64
}

// Parse reads a list. Ranges may come in any order and overlap; the empty list
// is the empty set. Blanks are allowed only around the whole list.
func Parse(s string) (Set, error) {
	var set Set
	s = strings.TrimSpace(s)
	if s == "" {
		return set, nil
	}
	named := 0
	for item := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(item, "-")
		low, err := number(first)
		if err != nil {
			return Set{}, err
		}
		high := low
		if isRange {
			if high, err = number(last); err != nil {
				return Set{}, err
			}
		}
		if low > high {
			return Set{}, fmt.Errorf("CPU list has the backward range %q", item)
		}
		// An honest list names a CPU once; a forged one must not cost minutes.
		if named += high - low + 1; named > 4*Max {
			return Set{}, fmt.Errorf("CPU list names the same CPUs over and over")
		}
		for n := low; n <= high; n++ {
			set.Add(n)
		}
	}
	return set, nil
}

func number(s string) (int, error) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, fmt.Errorf("CPU list has %.40q where a number belongs", s)
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil || n >= Max {
		return 0, fmt.Errorf("CPU list has %.40q where a number below %d belongs", s, Max)
	}
	return n, nil
}

// Add puts a CPU into the set. It reports whether it was new; a number outside
// [0, Max) is not taken.
func (s *Set) Add(n int) bool {
	if n < 0 || n >= Max || s.Has(n) {
		return false
	}
	for len(s.words) <= n/64 {
		s.words = append(s.words, 0)
	}
	s.words[n/64] |= 1 << (n % 64)
	return true
}

// Has reports whether a CPU is in the set.
func (s Set) Has(n int) bool {
	return n >= 0 && n/64 < len(s.words) && s.words[n/64]>>(n%64)&1 == 1
}

// Len returns how many CPUs are in the set.
func (s Set) Len() int {
	n := 0
	for _, w := range s.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// All yields the CPUs in ascending order.
func (s Set) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range s.words {
			for ; w != 0; w &= w - 1 {
				if !yield(i*64 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

// String writes the set as the kernel does: ascending, neighbours joined. Two
// sets are equal when their strings are.
func (s Set) String() string {
	var b strings.Builder
	first, last := -1, -1
	flush := func() {
		if first < 0 {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(first))
		if last > first {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(last))
		}
	}
	for n := range s.All() {
		if n != last+1 || first < 0 {
			flush()
			first = n
		}
		last = n
	}
	flush()
	return b.String()
}
