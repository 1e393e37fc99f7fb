package fleet

import (
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// What a summary tells apart. Beyond that it still counts, without saying what:
// no honest fleet has so many kinds of hosts, and memory has to be bounded for
// the others as well.
const (
	maxHurts    = 1 << 15
	maxHardware = 1 << 16
	maxJudged   = 1 << 16
	maxVerdicts = 1 << 16
	maxListed   = 100 // bad records in a summary
)

// register numbers things in the order in which they come, from 1. Zero stands
// for all those that came when it was full. It may be used by many goroutines.
type register[K comparable] struct {
	most  int
	mu    sync.RWMutex
	index map[K]uint32
	list  []K
}

func newRegister[K comparable](most int) *register[K] {
	return &register[K]{most: most, index: map[K]uint32{}}
}

func (r *register[K]) id(k K) uint32 {
	r.mu.RLock()
	n, ok := r.index[k]
	r.mu.RUnlock()
	if ok {
		return n
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, ok := r.index[k]; ok {
		return n
	}
	if len(r.list) >= r.most {
		return 0
	}
	return r.add(k)
}

// always is id for what there is room for in any case.
func (r *register[K]) always(k K) uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, ok := r.index[k]; ok {
		return n
	}
	return r.add(k)
}

func (r *register[K]) add(k K) uint32 {
	r.list = append(r.list, k)
	r.index[k] = uint32(len(r.list))
	return uint32(len(r.list))
}

// all returns what there is, by number less one. A run that is given up is
// summed up while workers still finish what they have begun: what comes later is
// not in it.
func (r *register[K]) all() []K {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.list
}

// at returns what has a number other than 0.
func (r *register[K]) at(n uint32) K {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.list[n-1]
}

// foundXen is the Xen that a host has.
type foundXen struct {
	branch string // MAJOR.MINOR; empty when none was found
	how    report.How
}

// tally counts. A record is first boiled down to two short keys, by any
// goroutine; then they are counted one after the other.
type tally struct {
	judge    Judge
	asked    int
	xens     *register[foundXen]
	stated   *register[*Statement]
	hurts    *register[Hurt]
	judged   *register[string] // what a judgement comes to, see judgedKey
	newest   *newest
	hardware map[string]uint32 // what hosts are grouped by
	verdicts map[string]uint32
	nameless map[entry]int
	records  int
	bad      int
	faults   int // of them, because of a fault in here
	bytes    int64
	badFirst []report.BadRecord
}

// leftOut is the verdict of a record that the filter leaves out.
const leftOut = 0

func newTally(j Judge, asked int) *tally {
	return &tally{
		judge: j, asked: asked,
		xens: newRegister[foundXen](1 << 12), stated: newRegister[*Statement](1 << 12), hurts: newRegister[Hurt](maxHurts),
		judged: newRegister[string](maxJudged),
		newest: newNewest(), hardware: map[string]uint32{}, verdicts: map[string]uint32{"": leftOut}, nameless: map[entry]int{},
	}
}

// boiled is a record boiled down: who, when, and the keys of what is counted.
type boiled struct {
	hash              uint64 // of the name; 0 for a host without one
	time              uint32
	hardware, verdict []byte
}

// boiler boils records down for one goroutine. It remembers the numbers of what
// it has seen: the registers are shared, and this is asked for every host.
type boiler struct {
	t        *tally
	hurts    map[*Hurt]uint32
	stated   map[*Statement]uint32
	xens     map[xenVersion]uint32
	judged   map[string]uint32
	hardware map[string]string // what hosts are grouped by, by the facts it is made of
	key      []byte
}

// mostRemembered bounds each of the maps of a boiler.
const mostRemembered = 1 << 12

type xenVersion struct {
	major, minor int
	how          report.How
}

func (t *tally) boiler() *boiler {
	return &boiler{t: t, hurts: map[*Hurt]uint32{}, stated: map[*Statement]uint32{}, xens: map[xenVersion]uint32{}, judged: map[string]uint32{}, hardware: map[string]string{}}
}

// remember returns what a map holds of a key, or puts it there.
func remember[K comparable](m map[K]uint32, k K, number func() uint32) uint32 {
	n, ok := m[k]
	if !ok {
		if len(m) >= mostRemembered {
			clear(m)
		}
		n = number()
		m[k] = n
	}
	return n
}

// boil appends the keys of a record to buf, which it returns.
func (c *boiler) boil(r *Result, buf []byte) (boiled, []byte) {
	b := boiled{time: moment(r.Host.CollectedAt)}
	if r.Host.Name != "" {
		b.hash = c.t.newest.hash(r.Host.Name)
	}
	if !r.Selected {
		return b, buf
	}
	start := len(buf)
	buf = append(buf, c.hardwareOf(r.Host)...)
	b.hardware = buf[start:len(buf):len(buf)]
	start = len(buf)
	buf = c.appendVerdict(buf, r)
	b.verdict = buf[start:len(buf):len(buf)]
	return b, buf
}

func (c *boiler) hardwareOf(h *facts.Host) string {
	c.key = report.AppendHardwareKey(c.key[:0], h)
	words, ok := c.hardware[string(c.key)]
	if !ok {
		if len(c.hardware) >= mostRemembered {
			clear(c.hardware)
		}
		words = string(report.AppendHardware(nil, h))
		c.hardware[string(c.key)] = words
	}
	return words
}

// moment is when facts were collected, in seconds since 1970; 0 for facts that
// do not say so, which are older than any that do.
func moment(at *time.Time) uint32 {
	if at == nil {
		return 0
	}
	return uint32(min(max(at.Unix(), 0), 1<<32-1))
}

// appendVerdict writes what is counted of a judged host: the numbers of its
// Xen, and of what it comes to by each release asked for.
func (c *boiler) appendVerdict(buf []byte, r *Result) []byte {
	buf = binary.AppendUvarint(buf, uint64(remember(c.xens, xenVersionOf(r.Host), func() uint32 { return c.t.xens.id(xenOf(r.Host)) })))
	for i := range r.Judgements {
		buf = binary.AppendUvarint(buf, uint64(c.judgement(&r.Judgements[i])))
	}
	return buf
}

// judgement returns the number of what a judgement comes to.
func (c *boiler) judgement(j *Judgement) uint32 {
	k := binary.AppendUvarint(c.key[:0], uint64(remember(c.stated, j.Statement, func() uint32 { return c.t.stated.id(j.Statement) })))
	k = append(k, byte(gradeIndex(j.Grade)), byte(j.Exit))
	k = appendWaivers(k, j.Waivers)
	for _, h := range j.Hurts {
		k = binary.AppendUvarint(k, uint64(remember(c.hurts, h, func() uint32 { return c.t.hurts.id(*h) })))
	}
	c.key = k
	n, ok := c.judged[string(k)]
	if !ok {
		if len(c.judged) >= mostRemembered {
			clear(c.judged)
		}
		n = c.t.judgement(string(k))
		c.judged[string(k)] = n
	}
	return n
}

// appendWaivers appends the numbers, from 1, of the waivers that set something
// aside, and a zero behind them.
func appendWaivers(k []byte, waivers []rules.WaiverUse) []byte {
	for i := range waivers {
		if waivers[i].State == rules.WaiverUsed {
			k = binary.AppendUvarint(k, uint64(i)+1)
		}
	}
	return append(k, 0)
}

// xenOf returns the Xen a host runs, or else the newest of those installed.
func xenOf(h *facts.Host) foundXen {
	v := xenVersionOf(h)
	if v.how == report.Newest {
		return foundXen{"", report.Newest}
	}
	return foundXen{strconv.Itoa(v.major) + "." + strconv.Itoa(v.minor), v.how}
}

func xenVersionOf(h *facts.Host) xenVersion {
	if h.Xen.Running.IsKnown() {
		v := &h.Xen.Running.Value
		return xenVersion{v.Major, v.Minor, report.Running}
	}
	if vs, ok := h.Xen.Installed.Get(); ok && len(vs) > 0 {
		v := slices.MaxFunc(vs, func(a, b facts.XenVersion) int {
			return cmp.Or(cmp.Compare(a.Major, b.Major), cmp.Compare(a.Minor, b.Minor))
		})
		return xenVersion{v.Major, v.Minor, report.Installed}
	}
	return xenVersion{how: report.Newest}
}

// count counts a record.
func (t *tally) count(b boiled) {
	e := entry{verdict: leftOut}
	if b.verdict != nil {
		e = entry{number(t.hardware, b.hardware, maxHardware), t.verdict(b.verdict)}
	}
	if b.hash == 0 {
		t.nameless[e]++
		return
	}
	t.newest.add(b.hash, b.time, e)
}

// number numbers keys from 1; 0 stands for all those that came too late.
func number(index map[string]uint32, key []byte, most int) uint32 {
	n, ok := index[string(key)]
	if !ok && len(index) < most {
		n = uint32(len(index)) + 1
		index[string(key)] = n
	}
	return n
}

// judgement numbers what judgements come to. One too many keeps what decides, and
// its reasons count as others; it may be called by many goroutines.
func (t *tally) judgement(key string) uint32 {
	if n := t.judged.id(key); n > 0 {
		return n
	}
	return t.judged.always(withoutHurts(key))
}

// verdict numbers verdicts. One too many loses its reasons likewise.
func (t *tally) verdict(key []byte) uint32 {
	if n, ok := t.verdicts[string(key)]; ok {
		return n
	}
	if len(t.verdicts) >= maxVerdicts {
		v := decodeVerdict(string(key))
		key = binary.AppendUvarint(nil, uint64(v.xen))
		for _, n := range v.judged {
			key = binary.AppendUvarint(key, uint64(t.judged.always(withoutHurts(t.judged.at(n)))))
		}
		if n, ok := t.verdicts[string(key)]; ok {
			return n
		}
	}
	n := uint32(len(t.verdicts))
	t.verdicts[string(key)] = n
	return n
}

// verdictKey is what appendVerdict wrote.
type verdictKey struct {
	xen    uint32
	judged []uint32 // by release asked for
}

// judgedKey is what a judgement comes to: in a key
//
//	the statement, the grade, the exit code, the waivers, a zero, the hurts
type judgedKey struct {
	statement uint32
	grade     int
	exit      report.ExitCode
	waivers   []uint32 // that set something aside, by number
	hurts     []uint32
}

// numbers returns the numbers that a key holds. It was written by this very
// run, so it is whole.
func numbers(key string) (list []uint32) {
	for b := []byte(key); len(b) > 0; {
		n, k := binary.Uvarint(b)
		b, list = b[k:], append(list, uint32(n))
	}
	return list
}

func decodeVerdict(key string) verdictKey {
	list := numbers(key)
	return verdictKey{list[0], list[1:]}
}

func decodeJudged(key string) judgedKey {
	list := numbers(key) // a grade and an exit code are numbers below 128
	waivers := list[3:]
	n := slices.Index(waivers, 0)
	return judgedKey{list[0], int(list[1]), report.ExitCode(list[2]), waivers[:n], waivers[n+1:]}
}

// withoutHurts returns the key of a judgement that has lost its reasons: it has
// one that stands for all.
func withoutHurts(key string) string {
	j := decodeJudged(key)
	k := append(binary.AppendUvarint(nil, uint64(j.statement)), byte(j.grade), byte(j.exit))
	for _, n := range j.waivers {
		k = binary.AppendUvarint(k, uint64(n))
	}
	k = append(k, 0)
	if len(j.hurts) > 0 {
		k = append(k, 0)
	}
	return string(k)
}

// fail counts a record that could not be used.
func (t *tally) fail(p Place, err error) {
	t.bad++
	if errors.Is(err, ErrFault) {
		t.faults++
	}
	if len(t.badFirst) < maxListed {
		t.badFirst = append(t.badFirst, badRecord(p, err))
	}
}

func badRecord(p Place, err error) report.BadRecord {
	return report.BadRecord{Kind: report.KindError, Schema: report.Schema, File: p.File, Line: p.Line, Offset: p.Offset, Error: err.Error()}
}

const gradeCount = 7 // len(grades())

// grades lists every grade, best first.
func grades() []rules.Grade {
	return []rules.Grade{
		rules.GradeSupported, rules.GradeSecurityOnly, rules.GradeExternal, rules.GradeConditional,
		rules.GradeNotSecurity, rules.GradeOutside, rules.GradeUnknown,
	}
}

func gradeIndex(g rules.Grade) int { return slices.Index(grades(), g) }

// keysOf returns the keys of an index by their numbers.
func keysOf(index map[string]uint32) []string {
	keys := make([]string, len(index)+1)
	for k, n := range maps.All(index) {
		keys[n] = k
	}
	return keys
}
