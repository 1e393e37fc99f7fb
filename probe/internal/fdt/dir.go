package fdt

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// maxProblems bounds how many unreadable files of one tree are told.
const maxProblems = 20

// FromFS reads a tree of directories and files as Linux shows it below
// /proc/device-tree: a directory is a node, a regular file a property. fsys is
// rooted at the tree's own root. Anything else, as links or FIFOs in a captured
// tree, is left out. What cannot be read is told in Problems; an error means
// that there is no tree at all.
//
// Linux sorts nothing: nodes come in the order of fsys, which need not be that
// of the blob.
func FromFS(fsys fs.FS) (*Tree, error) {
	r := dirReader{fsys: fsys, tree: &Tree{Root: &Node{}}}
	if err := r.node(r.tree.Root, ".", 1); err != nil {
		return nil, err
	}
	r.tree.index()
	return r.tree, nil
}

// dirReader counts while reading, so that no tree is larger than a blob may be.
type dirReader struct {
	fsys  fs.FS
	tree  *Tree
	nodes int
	files int
	bytes int
}

func (r *dirReader) problem(err error) {
	if len(r.tree.Problems) < maxProblems {
		r.tree.Problems = append(r.tree.Problems, err)
	}
}

// isText reports whether a property is always a string or several, of those
// that tell what a machine is made of (Devicetree Specification, 2.3 and 3.6).
func isText(name string) bool {
	switch name {
	case "compatible", "status", "device_type", "stdout-path", "method", "enable-method":
		return true
	}
	return false
}

// node fills n from a directory. Only the directory itself can fail it.
func (r *dirReader) node(n *Node, dir string, depth int) error {
	r.nodes++
	entries, err := fs.ReadDir(r.fsys, dir)
	if err != nil && len(entries) == 0 {
		return fmt.Errorf("devicetree node: %w", err)
	}
	if err != nil {
		r.problem(fmt.Errorf("devicetree node: %w", err))
	}
	if err == nil && len(entries) == 0 {
		// The kernel gives every node at least its name.
		r.problem(fmt.Errorf("%q: a node without any property: %w", dir, ErrTruncated))
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case len(e.Name()) > maxName:
			r.problem(fmt.Errorf("%q: name of %d bytes: %w", name, len(e.Name()), ErrMalformed))
		case e.IsDir():
			switch {
			case depth == maxDepth:
				r.problem(fmt.Errorf("%q: nodes are nested more than %d deep: %w", name, maxDepth, ErrMalformed))
				continue
			case r.nodes == maxNodes:
				r.problem(fmt.Errorf("%q: more than %d nodes: %w", name, maxNodes, ErrMalformed))
				return nil
			}
			child := &Node{Name: e.Name(), Parent: n}
			if err := r.node(child, name, depth+1); err != nil {
				r.problem(err)
				continue
			}
			n.Children = append(n.Children, child)
		case strings.HasPrefix(e.Name(), "security-"):
			// Kept from ordinary users, and about nothing but keys.
		case e.Type().IsRegular():
			value, err := r.property(name)
			if err != nil {
				r.problem(err)
				continue
			}
			if isText(e.Name()) && (len(value) == 0 || value[len(value)-1] != 0) {
				r.problem(fmt.Errorf("%q: a string that does not end: %w", name, ErrTruncated))
			}
			n.Properties = append(n.Properties, Property{Name: e.Name(), Value: value})
		}
	}
	return nil
}

func (r *dirReader) property(name string) ([]byte, error) {
	const maxFiles = 1 << 20
	if r.files++; r.files > maxFiles {
		return nil, fmt.Errorf("%q: more than %d properties: %w", name, maxFiles, ErrMalformed)
	}
	f, err := r.fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("devicetree property: %w", err)
	}
	left := MaxSize - r.bytes
	value, err := io.ReadAll(io.LimitReader(f, int64(left)+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("devicetree property %q: %w", name, err)
	}
	if len(value) > left {
		return nil, fmt.Errorf("%q: properties larger than %d bytes: %w", name, MaxSize, ErrMalformed)
	}
	r.bytes += len(value)
	return value, nil
}
