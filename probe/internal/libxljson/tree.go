package libxljson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/discreet"
)

// The bounds of what is read.
const (
	MaxSize    = 32 << 20 // bytes; a domain has a few thousand
	maxDomains = 4096     // far more than Xen hosts run
	maxStrange = 16       // elements that are no domain, before it is no list of domains
	maxNodes   = 100_000  // values of one domain; affinities of 256 vCPUs to 256 CPUs are 65,536
	maxDepth   = 24       // libxl's own structures are nested nine deep
)

// node is one JSON value with the line it stands on.
type node struct {
	value  any // nil, bool, string or json.Number of a plain value
	object map[string]*node
	array  []*node
	kind   byte // { for an object, [ for an array, 0 for a plain value
	line   int
	name   string // of the member it is or, as an element, belongs to
	report *report
}

// report collects what was not understood of a domain.
type report []facts.DomainProblem

// wrong reports why a value is none and returns that.
func (n *node) wrong(why string) string {
	const most = 100
	if len(*n.report) < most {
		*n.report = append(*n.report, facts.DomainProblem{Line: n.line, Message: discreet.Text(n.name) + ": " + why})
	}
	return why
}

// get returns a member; nil when there is none, or when n is no object.
func (n *node) get(names ...string) *node {
	for _, name := range names {
		if n == nil {
			return nil
		}
		n = n.object[name]
	}
	return n
}

// scanner reads values one after the other and counts lines.
type scanner struct {
	src     []byte
	dec     *json.Decoder
	line    int
	counted int // line is that of this offset
	nodes   int // read of this domain
	report  *report
}

func newScanner(b []byte) *scanner {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return &scanner{src: b, dec: d, line: 1, report: new(report)}
}

// token returns the next token; an early end is an error.
func (s *scanner) token() (json.Token, error) {
	t, err := s.dec.Token()
	if at := int(s.dec.InputOffset()); at > s.counted {
		s.line += bytes.Count(s.src[s.counted:at], []byte("\n"))
		s.counted = at
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", s.line, err)
	}
	return t, nil
}

// next reads one value.
func (s *scanner) next(name string, depth int) (*node, error) {
	t, err := s.token()
	if err != nil {
		return nil, err
	}
	return s.from(t, name, depth)
}

// from reads the rest of the value that begins with a token.
func (s *scanner) from(t json.Token, name string, depth int) (*node, error) {
	if s.nodes++; s.nodes > maxNodes {
		return nil, fmt.Errorf("line %d: more than %d values", s.line, maxNodes)
	}
	n := &node{line: s.line, name: name, report: s.report}
	d, compound := t.(json.Delim)
	if !compound {
		n.value = t
		return n, nil
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("line %d: nested too deeply", s.line)
	}
	n.kind = byte(d)
	if n.kind == '{' {
		n.object = map[string]*node{}
	}
	for s.dec.More() {
		if n.kind == '{' {
			key, err := s.token()
			if err != nil {
				return nil, err
			}
			name, _ = key.(string)
		}
		child, err := s.next(name, depth+1)
		if err != nil {
			return nil, err
		}
		if n.kind == '{' {
			n.object[name] = child
		} else {
			n.array = append(n.array, child)
		}
	}
	_, err := s.token() // the closing bracket
	return n, err
}
