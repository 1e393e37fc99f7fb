package probe

import (
	"encoding/json"

	"github.com/xencheck/xencheck/probe/facts"
)

// readLibraries asks ghw about the running machine. Its numbers stand beside
// those of the sources themselves and never replace them.
func (s *session) readLibraries() {
	if !s.whole {
		return
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
	if r.Physical > 0 {
		s.reading(uint64(r.Physical), facts.Blocks, l.source)
	}
	if r.Nodes > 0 {
		s.host.CPU.Nodes = facts.Is(r.Nodes, l.source)
	}
	fill(&s.host.Machine.Board, r.Board, l.source)
}
