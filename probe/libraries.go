package probe

import (
	"encoding/json"

	"github.com/xencheck/xencheck/probe/facts"
)

// readLibraries asks ghw about the running machine. Its numbers stand beside
// those of the sources themselves and never replace them.
func (s *session) readLibraries() {
	if !s.whole || s.underXen {
		return // in a Xen domain it would count virtual CPUs
	}
	l := s.file(ghwInterface, smallFile)
	if !l.known() {
		return
	}
	var r ghwReading
	if err := json.Unmarshal(l.data, &r); err != nil {
		s.damaged(l, err)
		return
	}
	if r.Usable > 0 {
		s.reading(uint64(r.Usable), facts.MemTotal, l.source)
	}
	if r.Cores > 0 {
		s.host.CPU.Cores = facts.Is(r.Cores, l.source)
	}
	fill(&s.host.Machine.Board, r.Board, l.source)
}
