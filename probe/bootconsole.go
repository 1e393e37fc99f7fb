package probe

import (
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fdt"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// readBootConsole tells which device /chosen names as the console (Devicetree
// Specification, section 3.6), unless the tree is the one that Xen has made for
// its dom0: there Xen keeps the device it uses to itself.
func (s *session) readBootConsole(t *fdt.Tree) {
	if s.board.Xen != nil || s.board.Stub {
		return
	}
	o := &s.host.Xen.BootConsole
	if *o = facts.Missing[[]string](s.boardSource); s.boardPart != nil {
		*o = facts.Not[[]string](s.boardPart)
	}
	chosen := t.Root.Child("chosen")
	if chosen == nil {
		return
	}
	// What follows the colon are settings of the line.
	path, _, _ := strings.Cut(chosen.String("stdout-path"), ":")
	if aliases := t.Root.Child("aliases"); aliases != nil && path != "" && path[0] != '/' {
		path = aliases.String(path)
	}
	if path == "" || path[0] != '/' {
		return
	}
	n := t.Find(path)
	if n == nil {
		return
	}
	if v, ok := n.Property("compatible"); s.boardPart != nil && ok && (len(v) == 0 || v[len(v)-1] != 0) {
		return // cut off
	}
	const most = 8 // a device has two or three
	var words []string
	for _, c := range n.Compatible() {
		if len(words) < most {
			words = append(words, procfs.Value([]byte(c)))
		}
	}
	if len(words) > 0 {
		*o = facts.Is(words, s.boardSource)
	}
}
