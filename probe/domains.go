package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/libxljson"
	"github.com/xencheck/xencheck/probe/internal/xencall"
	"github.com/xencheck/xencheck/probe/internal/xlcfg"
)

const (
	libxlData = "/var/lib/xen"
	xenEtc    = "/etc/xen"
)

// readDomains lists the running domains, and the configurations of domains
// that run, are kept in Xen's directory, or were given.
func (s *session) readDomains() {
	s.host.Running = s.readRunning()
	s.sharedPages()

	var all []facts.Domain
	var sources []string
	var problem *facts.Problem
	add := func(ds []facts.Domain, l look) {
		if l.problem != nil && problem == nil {
			problem = l.problem
		}
		if l.known() {
			sources = append(sources, l.source)
		}
		ds = ds[:min(len(ds), maxDomains-len(all))]
		s.lookAtKernels(ds)
		all = append(all, ds...)
	}
	looked := false
	if names := s.givenDomains(); len(names) > 0 {
		looked = true
		for _, n := range names {
			add(s.domainsOf(s.file(textDomains+"/"+n, tableFile)))
		}
	}
	if len(s.treeGuests) > 0 {
		looked = true
		add(s.domainsOfTree())
	}
	if s.isDom0() && !s.isPaper() {
		looked = true
		add(s.domainsOfLibxl())
	}
	if s.opts.DomainDirs && !s.isPaper() {
		looked = true
		for _, l := range s.configuredDomains() {
			add(s.domainsOf(l))
		}
	}
	o := &s.host.Domains
	switch {
	case !looked:
	case len(all) > 0:
		*o = facts.Is(all, strings.Join(slices.Compact(sources), ", "))
		if problem != nil {
			o.Note = "not all: " + problem.Error()
		}
	case problem != nil:
		*o = facts.Not[[]facts.Domain](problem)
	default:
		*o = facts.Missing[[]facts.Domain](libxlData)
		if len(sources) > 0 {
			o.Source = strings.Join(slices.Compact(sources), ", ")
		}
	}
}

// readRunning asks Xen for its domains, and xenstore for who serves them.
func (s *session) readRunning() facts.Observed[[]facts.RunningDomain] {
	domains, l := asked[[]xencall.Domain](s, callDomains)
	if !l.known() {
		return notTold[[]facts.RunningDomain](s, l)
	}
	nodes, store := s.askStore()
	out := []facts.RunningDomain{}
	for _, d := range domains {
		if d.Dying {
			continue
		}
		r := facts.RunningDomain{
			ID: int(d.ID), HVM: d.HVM, HAP: d.HAP, Xenstore: d.Xenstore, Pool: d.CPUPool,
			MaxPages: d.MaxPages, Shared: d.SharedPages, Paged: d.PagedPages, BackendIDs: []int{},
		}
		var kinds []string
		for _, b := range nodes.Backends {
			if b.Client != r.ID {
				continue
			}
			kinds = append(kinds, b.Kind)
			if b.Server != 0 && !slices.Contains(r.BackendIDs, b.Server) {
				r.BackendIDs = append(r.BackendIDs, b.Server)
			}
		}
		slices.Sort(kinds)
		r.Backends = strings.Join(slices.Compact(kinds), ",")
		out = append(out, r)
	}
	o := facts.Is(out, l.source)
	if !store.known() {
		o.Note = "backends are not known: " + store.why().Error()
	}
	return o
}

// sharedPages sums up what memory sharing has saved.
func (s *session) sharedPages() {
	domains, ok := s.host.Running.Get()
	if !ok {
		s.host.Xen.SharedPages = s.sharedByInfo()
		return
	}
	var n uint64
	for _, d := range domains {
		n += d.Shared
	}
	s.host.Xen.SharedPages = facts.Is(n, s.host.Running.Source).WithNote("pages of domains that are shared with others")
}

// sharedByInfo takes the amount from xl info, which rounds down to whole MiB:
// none there may be a few pages.
func (s *session) sharedByInfo() facts.Observed[uint64] {
	if s.info != nil {
		for _, key := range []string{"sharing_freed_memory", "sharing_used_memory"} {
			if mib, ok := s.info.Int(key); ok && mib > 0 {
				return facts.Is(uint64(mib)<<8, s.infoSource).WithNote("by " + key + ", in pages of 4 KiB")
			}
		}
		if _, told := s.info.Int("sharing_used_memory"); told {
			return facts.Not[uint64](&facts.Problem{Cause: facts.Incomplete, Source: s.infoSource, Detail: "less than 1 MiB is shared, which may be none", Remedy: "run xencheck on the host itself"})
		}
	}
	if s.host.Running.Problem != nil {
		return facts.Not[uint64](s.host.Running.Problem)
	}
	return facts.Observed[uint64]{}
}

// givenDomains names the configurations that were given, now or when the
// archive was made.
func (s *session) givenDomains() []string {
	if len(s.opts.Domains) == 0 && !s.replays {
		return nil
	}
	names, err := s.root.ReadDir(textDomains, maxDomains)
	if err != nil {
		return nil
	}
	return slices.Sorted(slices.Values(names))
}

// domainsOfTree are the domains that Xen starts by itself. It numbers them in
// the order of the tree, from 1 on.
func (s *session) domainsOfTree() ([]facts.Domain, look) {
	running, _ := s.host.Running.Get()
	for i := range s.treeGuests {
		d := &s.treeGuests[i]
		d.Source = s.boardSource + " " + d.Source
		if slices.ContainsFunc(running, func(r facts.RunningDomain) bool { return r.ID == i+1 }) {
			d.ID = facts.Set(i+1, 0)
		}
	}
	return s.treeGuests, look{source: s.boardSource, state: facts.Known}
}

// domainsOfLibxl reads what libxl keeps of each running domain: a file
// userdata-d.DOMID.UUID.libxl-json. Those of domains that are gone, and
// dom0's, are left out.
func (s *session) domainsOfLibxl() ([]facts.Domain, look) {
	list := s.dir(libxlData, maxEntries)
	if !list.known() {
		return nil, list
	}
	running, told := s.host.Running.Get()
	var all []facts.Domain
	out := list
	for _, name := range slices.SortedFunc(slices.Values(list.names), func(a, b string) int { return strings.Compare(publicBase(a), publicBase(b)) }) {
		parts := strings.SplitN(name, ".", 4)
		if len(parts) != 4 || parts[0] != "userdata-d" || parts[3] != "libxl-json" {
			continue
		}
		id, err := strconv.Atoi(parts[1])
		if err != nil || id <= 0 {
			continue
		}
		if told && !slices.ContainsFunc(running, func(r facts.RunningDomain) bool { return r.ID == id }) {
			continue
		}
		kept := s.file(libxlData+"/"+name, tableFile)
		if kept.known() && !bytes.HasPrefix(bytes.TrimSpace(kept.data), []byte("{")) {
			kept.state, kept.problem = facts.Unknown, s.damaged(kept, errors.New("it holds no JSON"))
		}
		ds, l := s.domainsOf(kept)
		for i := range ds {
			if !ds[i].ID.Given {
				ds[i].ID = facts.Set(id, 0) // the file's name says it
			}
		}
		if l.problem != nil && out.problem == nil {
			out.problem = l.problem
		}
		all = append(all, ds...)
	}
	return all, out
}

// configuredDomains reads the files of /etc/xen that are configurations of
// domains by their name, and all of /etc/xen/auto, where they are usually
// links to the former.
func (s *session) configuredDomains() []look {
	var found []look
	var contents [][]byte
	for _, dir := range []string{xenEtc, xenEtc + "/auto"} {
		list := s.dir(dir, maxEntries)
		if list.problem != nil {
			found = append(found, list)
		}
		for _, name := range slices.Sorted(slices.Values(list.names)) {
			if dir == xenEtc && !strings.HasSuffix(name, ".cfg") || strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || name == "README" {
				continue
			}
			l := s.file(path.Join(dir, name), xlcfg.MaxSize)
			if l.known() && slices.ContainsFunc(contents, func(b []byte) bool { return bytes.Equal(b, l.data) }) {
				continue // the same file, by its link
			}
			contents = append(contents, l.data)
			if len(found) < maxDomains && !l.absent() {
				found = append(found, l)
			}
		}
	}
	return found
}

// recordedDomains is the form in which an archive keeps configurations: what
// was understood of them, for the files hold passwords and addresses.
type recordedDomains struct {
	Format  string         `json:"format"`
	Domains []facts.Domain `json:"domains"`
	Problem string         `json:"problem,omitempty"` // what came after the domains could not be read
}

const domainsFormat = "xencheck domains"

// domainsOf understands one source of configurations.
func (s *session) domainsOf(l look) ([]facts.Domain, look) {
	if !l.known() {
		return nil, l
	}
	ds, err := parseDomains(l.data)
	if err != nil {
		l.problem = s.damaged(l, err)
	}
	for i := range ds {
		ds[i].Source = l.source
	}
	return ds, l
}

// parseDomains reads a file of xl.cfg(5), what xl list -l prints, or the form
// that archives hold. JSON begins with a bracket, which no file of xl.cfg does.
func parseDomains(b []byte) ([]facts.Domain, error) {
	text := bytes.TrimLeft(b, "\ufeff \t\r\n")
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		if len(b) > xlcfg.MaxSize {
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, xlcfg.MaxSize)
		}
		return []facts.Domain{xlcfg.Domain(xlcfg.Parse(b))}, nil
	}
	var r recordedDomains
	if text[0] == '{' && json.Unmarshal(text, &r) == nil && r.Format == domainsFormat {
		if r.Problem != "" {
			return r.Domains, errors.New(word(r.Problem))
		}
		return r.Domains, nil
	}
	return libxljson.Parse(b)
}

// redactDomains turns a source of configurations into the form that archives
// hold.
func redactDomains(b []byte) []byte {
	ds, err := parseDomains(b)
	r := recordedDomains{Format: domainsFormat, Domains: ds}
	if err != nil {
		r.Problem = err.Error()
	}
	out, err := json.Marshal(r)
	if err != nil {
		return nil
	}
	return append(out, '\n')
}
