// Package page writes what was found on a fleet as one HTML page that needs
// nothing else: no network, no other file. It knows neither facts nor rules;
// it is handed words and numbers, and lays them out.
//
// The page keeps its data as columns of indices into tables of distinct
// strings, findings and verdicts, so that a fleet of 100,000 hosts of a few
// hundred kinds is a page of a few megabytes.
package page

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
)

var (
	//go:embed page.html
	markup string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
)

// Release is one support statement that the fleet was judged by.
type Release struct {
	Name         string // as it was asked for: "4.22", or "auto" for each host's own
	Revision     string // abbreviated commit of the statement; empty when it varies
	Date         string // of the revision, YYYY-MM-DD
	SecurityEnds string // YYYY-MM-DD; empty when not stated or when it varies
}

// Finding is one row of a statement, as far as it speaks against a host or
// leaves it open.
type Finding struct {
	Title string // the row, in the statement's words
	Key   string // of the row; empty when no row is meant
	Place string // where the row stands: "4.22, line 44"
	Words string // what it comes to
	Grade string // what it comes to, as a grade of the report
	Seen  string
	Why   string
	Do    string
	// Waived says who answers for it, until when and why; empty when nobody
	// does.
	Waived string
}

// Waiver is a decision to live with something that is found on hosts.
type Waiver struct {
	Name   string `json:"name"`  // what it is about, and where it stands
	State  string `json:"state"` // in words; the page counts the hosts
	Reason string `json:"reason"`
	Owner  string `json:"owner"`
	Until  string `json:"until"` // YYYY-MM-DD
}

// Verdict is the judgement of one host by one release.
type Verdict struct {
	Grade    string // a grade of the report; any other counts as unknown
	Words    string
	By       string // the release, where each host is judged by its own
	Findings []Finding
	// Waivers holds the numbers of those that set something aside: the first
	// one that is handed to [Page.Waive] is 0.
	Waivers []int
}

// Host is one line of the page's table.
type Host struct {
	// Key tells hosts apart; records with an empty one are a host each.
	Key    string
	ID     string // what the host is called; empty where it has no name
	Source string // where its facts were read: file:line
	Arch   string
	Board  string
	CPU    string
	CPUs   int    // 0 when not known
	Memory uint64 // bytes; 0 when not known
	IOMMU  string
	GIC    string // empty on x86
	Xen    string // version of the running Xen; empty without one
	// Ends is when the running Xen leaves security support; zero when that is
	// not known or no Xen runs.
	Ends time.Time
	// Verdicts has one for each release of the fleet, in their order.
	Verdicts []Verdict
	// Collected is when the facts were collected, in seconds since 1970: of
	// several records of one host the newest counts, and of one moment the last.
	Collected uint32
}

// Failure is a record that could not be judged.
type Failure struct {
	Place string // file:line
	Cause string
}

// grades lists what a verdict can be, best first, with the page's words for it.
var grades = []grade{
	{"supported", "security supported"},
	{"security_supported", "security fixes only"},
	{"security_support_external", "security support elsewhere"},
	{"conditional", "under conditions"},
	{"unknown", "could not be determined"},
	{"not_security_supported", "not security supported"},
	{"outside_the_statement", "outside the statement"},
}

type grade struct {
	ID    string `json:"id"`
	Words string `json:"words"`
}

// Page collects hosts. The zero value is not ready; use New.
type Page struct {
	data     data
	hosts    []row
	named    map[string]int // index into hosts by key
	failed   int            // records that could not be judged
	strings  table[string]
	findings table[[9]int]
	verdicts table[string]
}

// New starts a page. Tool names the program and its version, at is when the
// hosts were judged.
func New(tool string, at time.Time, releases []Release) *Page {
	// The script reads lists, also where they are empty.
	p := &Page{named: map[string]int{}, data: data{Tool: tool, At: at.UTC().Format(time.RFC3339), Grades: grades, Releases: []release{},
		Failures: [][2]string{}, Notes: []string{}, Waivers: []Waiver{}, Verdicts: []verdict{}}}
	p.findings.list, p.strings.list = [][9]int{}, []string{}
	for _, r := range releases {
		p.data.Releases = append(p.data.Releases, release(r))
	}
	return p
}

// data is what the script of the page reads.
type data struct {
	Tool     string      `json:"tool"`
	At       string      `json:"at"`
	Grades   []grade     `json:"grades"`
	Releases []release   `json:"releases"`
	Failures [][2]string `json:"failures"`
	Notes    []string    `json:"notes"`
	Waivers  []Waiver    `json:"waivers"`
	Strings  []string    `json:"strings"`
	Findings [][9]int    `json:"findings"` // title, key, place, words, grade, seen, why, do, waived
	Verdicts []verdict   `json:"verdicts"`
	Hosts    columns     `json:"hosts"`
}

type release struct {
	Name         string `json:"name"`
	Revision     string `json:"revision"`
	Date         string `json:"date"`
	SecurityEnds string `json:"ends"`
}

type verdict struct {
	Grade    int   `json:"g"`
	Words    int   `json:"w"`
	By       int   `json:"b"`
	Findings []int `json:"f"`
	Waivers  []int `json:"x"`
}

// columns holds the hosts sorted by name, a slice for each column.
type columns struct {
	ID     []string `json:"id"`
	Source []string `json:"source"`
	Arch   []int    `json:"arch"`
	Board  []int    `json:"board"`
	CPU    []int    `json:"cpu"`
	CPUs   []int    `json:"cpus"`
	Memory []int64  `json:"mem"` // MiB
	IOMMU  []int    `json:"iommu"`
	GIC    []int    `json:"gic"`
	Xen    []int    `json:"xen"`
	Ends   []int    `json:"ends"` // days since 1970; 0 when not known
	// Verdicts has a column for each release.
	Verdicts [][]int `json:"v"`
}

type row struct {
	id, source            string
	arch, board, cpu      int
	cpus                  int
	mem                   int64
	iommu, gic, xen, ends int
	verdicts              []int
	at                    uint32 // when its facts were collected
	out                   bool   // a filter leaves the host out
}

// table gives each distinct value a number.
type table[K comparable] struct {
	index map[K]int
	list  []K
}

func (t *table[K]) of(k K) int {
	if i, ok := t.index[k]; ok {
		return i
	}
	if t.index == nil {
		t.index = map[K]int{}
	}
	t.index[k] = len(t.list)
	t.list = append(t.list, k)
	return len(t.list) - 1
}

// word numbers a string, and keeps a copy: what it is given may be a small part of
// a large text, which would stay in memory with it.
func (p *Page) word(s string) int {
	if i, ok := p.strings.index[s]; ok {
		return i
	}
	return p.strings.of(strings.Clone(s))
}

// Add takes a host, of which no string is kept. A host with another number of
// verdicts than the page has releases is an error of the caller; missing ones are
// shown as unknown.
func (p *Page) Add(h Host) {
	s := p.word
	r := row{
		id: strings.Clone(h.ID), source: strings.Clone(h.Source), arch: s(h.Arch), board: s(h.Board), cpu: s(h.CPU), cpus: h.CPUs,
		mem: int64(h.Memory >> 20), iommu: s(h.IOMMU), gic: s(h.GIC), xen: s(h.Xen),
	}
	if !h.Ends.IsZero() {
		r.ends = int(h.Ends.Unix() / (24 * 60 * 60))
	}
	for i := range p.data.Releases {
		v := Verdict{Grade: "unknown", Words: "not judged"}
		if i < len(h.Verdicts) {
			v = h.Verdicts[i]
		}
		r.verdicts = append(r.verdicts, p.verdict(v))
	}
	r.at = h.Collected
	if r.id == "" {
		r.id = r.source
	}
	p.enter(h.Key, r)
}

// LeaveOut takes a record that a filter leaves out: if it is the newest of its
// host, so is the host.
func (p *Page) LeaveOut(key string, collected uint32) {
	if key != "" {
		p.enter(key, row{at: collected, out: true})
	}
}

// enter keeps the newest record of each host.
func (p *Page) enter(key string, r row) {
	i, ok := p.named[key]
	switch {
	case !ok || key == "":
		if key != "" {
			p.named[strings.Clone(key)] = len(p.hosts)
		}
		p.hosts = append(p.hosts, r)
	case r.at >= p.hosts[i].at:
		p.hosts[i] = r
	}
}

// maxFailures bounds the records that could not be judged and are listed; more
// are only counted.
const maxFailures = 1000

// gradeIndex numbers a grade; what is none counts as unknown.
func gradeIndex(id string) int {
	if g := slices.IndexFunc(grades, func(g grade) bool { return g.ID == id }); g >= 0 {
		return g
	}
	return slices.IndexFunc(grades, func(g grade) bool { return g.ID == "unknown" })
}

// verdict numbers a verdict; those that are the same share a number.
func (p *Page) verdict(v Verdict) int {
	s := p.word
	out := verdict{Grade: gradeIndex(v.Grade), Words: s(v.Words), By: s(v.By), Findings: []int{}, Waivers: append([]int{}, v.Waivers...)}
	for _, f := range v.Findings {
		out.Findings = append(out.Findings, p.findings.of([9]int{s(f.Title), s(f.Key), s(f.Place), s(f.Words), gradeIndex(f.Grade), s(f.Seen), s(f.Why), s(f.Do), s(f.Waived)}))
	}
	n := len(p.verdicts.list)
	i := p.verdicts.of(fmt.Sprint(out))
	if i == n {
		p.data.Verdicts = append(p.data.Verdicts, out)
	}
	return i
}

// Fail takes a record that could not be judged.
func (p *Page) Fail(f Failure) {
	if p.failed++; p.failed <= maxFailures {
		p.data.Failures = append(p.data.Failures, [2]string{f.Place, f.Cause})
	}
}

// Waive takes a waiver, in the order in which verdicts number them.
func (p *Page) Waive(w Waiver) { p.data.Waivers = append(p.data.Waivers, w) }

// Note takes a sentence that the page shows below its heading.
func (p *Page) Note(s string) { p.data.Notes = append(p.data.Notes, s) }

// Write writes the page. The script and the style sheet are named in the
// page's own security policy by their digests, so that nothing else runs, not
// even something that a host's name would smuggle in.
func (p *Page) Write(w io.Writer) error {
	p.hosts = slices.DeleteFunc(p.hosts, func(r row) bool { return r.out })
	d := p.data
	if n := p.failed - len(d.Failures); n > 0 {
		d.Notes = append(slices.Clone(d.Notes), fmt.Sprintf("%d more records could not be judged than are listed here.", n))
	}
	d.Strings, d.Findings = p.strings.list, p.findings.list
	slices.SortStableFunc(p.hosts, func(a, b row) int {
		return cmp.Or(strings.Compare(natural(a.id), natural(b.id)), strings.Compare(a.id, b.id))
	})
	d.Hosts = p.columns()
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("writing the data of the page: %w", err)
	}
	t, err := template.New("page").Parse(markup)
	if err != nil {
		return fmt.Errorf("reading the template of the page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{
		"Title":  title(len(p.hosts)),
		"Tool":   p.data.Tool,
		"Policy": "default-src 'none'; img-src data:; style-src '" + digest(style) + "'; script-src '" + digest(script) + "'",
		"Style":  template.CSS(style),
		"Script": template.JS(script),
		"Data":   template.JS(body),
	}); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func title(hosts int) string {
	if hosts == 1 {
		return "Xen support of 1 host"
	}
	return fmt.Sprintf("Xen support of %d hosts", hosts)
}

func (p *Page) columns() columns {
	n := len(p.hosts)
	c := columns{ID: make([]string, 0, n), Source: make([]string, 0, n), Verdicts: make([][]int, len(p.data.Releases)), Memory: make([]int64, 0, n)}
	for _, l := range []*[]int{&c.Arch, &c.Board, &c.CPU, &c.CPUs, &c.IOMMU, &c.GIC, &c.Xen, &c.Ends} {
		*l = make([]int, 0, n)
	}
	for i := range c.Verdicts {
		c.Verdicts[i] = make([]int, 0, n)
	}
	for _, h := range p.hosts {
		c.ID = append(c.ID, h.id)
		c.Source = append(c.Source, h.source)
		c.Arch = append(c.Arch, h.arch)
		c.Board = append(c.Board, h.board)
		c.CPU = append(c.CPU, h.cpu)
		c.CPUs = append(c.CPUs, h.cpus)
		c.Memory = append(c.Memory, h.mem)
		c.IOMMU = append(c.IOMMU, h.iommu)
		c.GIC = append(c.GIC, h.gic)
		c.Xen = append(c.Xen, h.xen)
		c.Ends = append(c.Ends, h.ends)
		for i, v := range h.verdicts {
			c.Verdicts[i] = append(c.Verdicts[i], v)
		}
	}
	return c
}

// natural widens the numbers in a name, so that host9 comes before host10.
func natural(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && s[j] >= '0' && s[j] <= '9' {
			j++
		}
		if j > i {
			for pad := j - i; pad < 12; pad++ {
				b.WriteByte('0')
			}
			b.WriteString(s[i:j])
			i = j
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

// digest names a text in a Content-Security-Policy (CSP level 3, section 2.3.1).
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
