package cpuinfo

import (
	"bytes"
	"errors"
	"slices"
	"unicode/utf8"
)

// collector adds up lists of feature names. Processors mostly show the same
// list, so a list is taken apart only when it is new.
type collector struct {
	last  []byte
	seen  map[string]bool // further lists, up to maxSeen
	names map[string]*use
	lists int // lists taken apart
}

// use counts the lists that have a name.
type use struct{ lists, last int }

const maxSeen = 16

var (
	errEncoding = errors.New("not UTF-8")
	errTooMany  = errors.New("more names than any processor has")
)

func (c *collector) add(list []byte) error {
	if c.lists > 0 && bytes.Equal(list, c.last) || c.seen[string(list)] {
		return nil
	}
	if !utf8.Valid(list) {
		return errEncoding
	}
	if c.names == nil {
		c.names = map[string]*use{}
		c.seen = map[string]bool{}
	}
	c.lists++
	c.last = append(c.last[:0], list...)
	if len(c.seen) < maxSeen {
		c.seen[string(list)] = true
	}
	var err error
	for name := range bytes.FieldsSeq(list) {
		u := c.names[string(name)]
		if u == nil {
			if len(c.names) == maxDistinct {
				err = errTooMany
				continue
			}
			u = new(use)
			c.names[string(name)] = u
		}
		if u.last != c.lists {
			u.last = c.lists
			u.lists++
		}
	}
	return err
}

func (c *collector) features(silent int) Features {
	f := Features{Silent: silent}
	for name, u := range c.names {
		f.Any = append(f.Any, name)
		if u.lists == c.lists {
			f.All = append(f.All, name)
		}
	}
	slices.Sort(f.Any)
	slices.Sort(f.All)
	return f
}

// merge adds the names of another kind of list of the same processors.
func (f *Features) merge(g Features) {
	f.Any = slices.Compact(slices.Sorted(slices.Values(append(f.Any, g.Any...))))
	f.All = slices.Compact(slices.Sorted(slices.Values(append(f.All, g.All...))))
}
