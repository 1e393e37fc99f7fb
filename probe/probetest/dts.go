package probetest

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

// DeviceTree compiles the source of a device tree: nodes, and properties that
// are empty or made of strings, <cells> with references to labels, and [bytes]
// (Devicetree Specification 0.4, chapter 6). There is no preprocessor, no
// arithmetic and no overlay.
func DeviceTree(source string) ([]byte, error) {
	words, err := dtsWords(source)
	if err != nil {
		return nil, err
	}
	c := &dtsCompiler{words: words, labels: map[string]*dtsNode{}}
	root, err := c.tree()
	if err != nil {
		return nil, err
	}
	if err := c.resolve(root); err != nil {
		return nil, err
	}
	return fake.DTB(root.node()), nil
}

// dtsWord is a token: a string in quotes, a mark, or anything else between
// blanks and marks.
type dtsWord struct {
	text   string
	quoted bool
	line   int
}

func dtsWords(source string) ([]dtsWord, error) {
	const marks = "{};=<>[]" // and a comma that is not inside a name
	var words []dtsWord
	line := 1
	for i := 0; i < len(source); {
		c := source[i]
		switch {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case strings.HasPrefix(source[i:], "//"):
			n := strings.IndexByte(source[i:]+"\n", '\n')
			i += n
		case strings.HasPrefix(source[i:], "/*"):
			n := strings.Index(source[i:], "*/")
			if n < 0 {
				return nil, fmt.Errorf("line %d: a comment without end", line)
			}
			line += strings.Count(source[i:i+n], "\n")
			i += n + 2
		case c == '"':
			n := strings.IndexAny(source[i+1:], "\"\n")
			if n < 0 || source[i+1+n] == '\n' {
				return nil, fmt.Errorf("line %d: a string without end", line)
			}
			words = append(words, dtsWord{source[i+1 : i+1+n], true, line})
			i += n + 2
		case c == ',' || strings.IndexByte(marks, c) >= 0:
			words = append(words, dtsWord{string(c), false, line})
			i++
		default:
			n := i
			for n < len(source) && strings.IndexByte(" \t\r\n\""+marks, source[n]) < 0 {
				n++
			}
			words = append(words, dtsWord{source[i:n], false, line})
			i = n
		}
	}
	return words, nil
}

// dtsNode is a node whose references are still to be filled in.
type dtsNode struct {
	name     string
	props    []dtsProp
	children []*dtsNode
	phandle  uint32
}

type dtsProp struct {
	name  string
	value []byte
	refs  []dtsRef
}

// dtsRef is a cell that is to be another node's phandle.
type dtsRef struct {
	at    int
	label string
	line  int
}

func (n *dtsNode) node() fake.Node {
	out := fake.Node{Name: n.name}
	for _, p := range n.props {
		out.Props = append(out.Props, fake.Prop{Name: p.name, Value: p.value})
	}
	if n.phandle != 0 {
		out.Props = append(out.Props, fake.Prop{Name: "phandle", Value: n.phandle})
	}
	for _, c := range n.children {
		out.Children = append(out.Children, c.node())
	}
	return out
}

type dtsCompiler struct {
	words  []dtsWord
	at     int
	labels map[string]*dtsNode
	last   uint32 // phandle given last
}

func (c *dtsCompiler) next() dtsWord {
	if c.at >= len(c.words) {
		return dtsWord{}
	}
	c.at++
	return c.words[c.at-1]
}

func (c *dtsCompiler) peek() dtsWord {
	if c.at >= len(c.words) {
		return dtsWord{}
	}
	return c.words[c.at]
}

func (c *dtsCompiler) want(mark string) error {
	if w := c.next(); w.quoted || w.text != mark {
		return fmt.Errorf("line %d: %q where %q should be", w.line, w.text, mark)
	}
	return nil
}

func (c *dtsCompiler) tree() (*dtsNode, error) {
	if c.peek().text == "/dts-v1/" {
		c.next()
		if err := c.want(";"); err != nil {
			return nil, err
		}
	}
	if err := c.want("/"); err != nil {
		return nil, err
	}
	root, err := c.node("")
	if err == nil && c.at < len(c.words) {
		err = fmt.Errorf("line %d: %q behind the root", c.peek().line, c.peek().text)
	}
	return root, err
}

// node reads what is behind a node's name.
func (c *dtsCompiler) node(name string) (*dtsNode, error) {
	n := &dtsNode{name: name}
	if err := c.want("{"); err != nil {
		return nil, err
	}
	for {
		w := c.next()
		if w.text == "}" {
			return n, c.want(";")
		}
		label := ""
		if l, ok := strings.CutSuffix(w.text, ":"); ok {
			label = l
			w = c.next()
		}
		if w.quoted || w.text == "" || strings.ContainsAny(w.text, "{};=<>[]") {
			return nil, fmt.Errorf("line %d: %q where a name should be", w.line, w.text)
		}
		if c.peek().text == "{" {
			child, err := c.node(w.text)
			if err != nil {
				return nil, err
			}
			if label != "" {
				if c.labels[label] != nil {
					return nil, fmt.Errorf("line %d: two nodes are called %q", w.line, label)
				}
				c.labels[label] = child
			}
			n.children = append(n.children, child)
			continue
		}
		if len(n.children) > 0 {
			return nil, fmt.Errorf("line %d: property %q behind a node", w.line, w.text)
		}
		p, err := c.property(w.text)
		if err != nil {
			return nil, err
		}
		n.props = append(n.props, p)
	}
}

func (c *dtsCompiler) property(name string) (dtsProp, error) {
	p := dtsProp{name: name}
	if c.peek().text == ";" {
		return p, c.want(";")
	}
	if err := c.want("="); err != nil {
		return p, err
	}
	for {
		w := c.next()
		switch {
		case w.quoted:
			p.value = append(append(p.value, w.text...), 0)
		case w.text == "<":
			for c.peek().text != ">" {
				cell := c.next()
				if label, ok := strings.CutPrefix(cell.text, "&"); ok {
					p.refs = append(p.refs, dtsRef{len(p.value), label, cell.line})
					p.value = append(p.value, 0, 0, 0, 0)
					continue
				}
				v, err := strconv.ParseUint(cell.text, 0, 32)
				if err != nil {
					return p, fmt.Errorf("line %d: %q is no cell", cell.line, cell.text)
				}
				p.value = binary.BigEndian.AppendUint32(p.value, uint32(v))
			}
			c.next()
		case w.text == "[":
			for c.peek().text != "]" {
				b := c.next()
				v, err := strconv.ParseUint(b.text, 16, 8)
				if err != nil {
					return p, fmt.Errorf("line %d: %q is no byte", b.line, b.text)
				}
				p.value = append(p.value, byte(v))
			}
			c.next()
		default:
			return p, fmt.Errorf("line %d: %q where a value should be", w.line, w.text)
		}
		switch w := c.next(); w.text {
		case ",":
		case ";":
			return p, nil
		default:
			return p, fmt.Errorf("line %d: %q behind a value", w.line, w.text)
		}
	}
}

// resolve fills in references, in the order in which dtc gives phandles.
func (c *dtsCompiler) resolve(n *dtsNode) error {
	for _, p := range n.props {
		for _, r := range p.refs {
			to := c.labels[r.label]
			if to == nil {
				return fmt.Errorf("line %d: no node is called %q", r.line, r.label)
			}
			if to.phandle == 0 {
				c.last++
				to.phandle = c.last
			}
			binary.BigEndian.PutUint32(p.value[r.at:], to.phandle)
		}
	}
	for _, child := range n.children {
		if err := c.resolve(child); err != nil {
			return err
		}
	}
	return nil
}
