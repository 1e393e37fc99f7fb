package probe

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links one name may lead through, as in Linux
// (path_resolution(7)).
const maxLinks = 40

// treeRoot is a captured directory. Links are followed as chroot(2) would: an
// absolute one starts again at the tree's top and .. stops there. What is
// opened in the end goes through os.Root, so that not even a link exchanged
// under our hands leads out of the tree.
type treeRoot struct{ root *os.Root }

func openTree(dir string) (*treeRoot, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &treeRoot{r}, nil
}

func (t *treeRoot) Close() error { return t.root.Close() }

func (t *treeRoot) ReadFile(name string, limit int64) ([]byte, error) {
	f, size, err := t.openRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, size, limit)
}

func (t *treeRoot) Stream(name string, limit int64) (io.ReadCloser, error) {
	f, size, err := t.openRegular(name)
	if err != nil {
		return nil, err
	}
	if size > limit {
		f.Close()
		return nil, ErrTooLarge
	}
	return f, nil
}

// openRegular opens a regular file and returns the size that it claims.
func (t *treeRoot) openRegular(name string) (*os.File, int64, error) {
	f, err := t.open(name, 0)
	if err != nil {
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err == nil {
		err = regular(fi.Mode())
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, fi.Size(), nil
}

func (t *treeRoot) ReadDir(name string, limit int) ([]string, error) {
	f, err := t.open(name, syscall.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readNames(f, limit)
}

func (t *treeRoot) CountNames(name string, limit int, match func(string) bool) (int, error) {
	f, err := t.open(name, syscall.O_DIRECTORY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return countIn(f, limit, match)
}

func (t *treeRoot) ReadLink(name string) (string, error) {
	if isInterface(name) {
		return "", ErrNotRecorded
	}
	dir, err := t.resolve(path.Dir(name))
	if err != nil {
		return "", t.missing(name, err)
	}
	target, err := t.root.Readlink(path.Join(dir, path.Base(name)))
	if err != nil {
		return "", t.missing(name, err)
	}
	return target, nil
}

func (t *treeRoot) open(name string, flags int) (*os.File, error) {
	if isInterface(name) {
		// A tree holds no running system, and the one we run on is another.
		return nil, ErrNotRecorded
	}
	const read = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
	f, err := t.root.OpenFile(rel(name), read|flags, 0)
	if err == nil {
		return f, nil
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		// os.Root refuses links that chroot would follow inside the tree.
		var resolved string
		if resolved, err = t.resolve(name); err == nil {
			f, err = t.root.OpenFile(resolved, read|flags, 0)
		}
	}
	if errors.Is(err, syscall.ENXIO) {
		err = &kindError{"a socket or a device without a driver"}
	}
	if err != nil {
		return nil, t.missing(name, err)
	}
	return f, nil
}

// missing decides what a missing file means: where its directory was captured,
// it was not there; where the directory was not captured either, or where a
// link leads to what was not, nobody looked.
func (t *treeRoot) missing(name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir, derr := t.resolve(path.Dir(name))
	if derr != nil {
		return ErrNotRecorded
	}
	if fi, derr := t.root.Lstat(dir); derr != nil || !fi.IsDir() || dir == "." {
		return ErrNotRecorded
	}
	if _, derr := t.root.Lstat(path.Join(dir, path.Base(name))); derr == nil {
		return ErrNotRecorded
	}
	return err
}

// resolve returns the name relative to the tree's top with every link
// followed.
func (t *treeRoot) resolve(name string) (string, error) {
	todo := strings.Split(path.Clean(name), "/")
	done, links := ".", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			done = path.Dir(done) // path.Dir(".") is ".": the top has no parent
			continue
		}
		next := path.Join(done, part)
		fi, err := t.root.Lstat(next)
		if err != nil {
			return "", err
		}
		if fi.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", syscall.ELOOP
		}
		target, err := t.root.Readlink(next)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(target, "/") {
			done = "."
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return done, nil
}

// rel turns an absolute path into one relative to the tree's top.
func rel(name string) string {
	if r := strings.TrimPrefix(path.Clean(name), "/"); r != "" {
		return r
	}
	return "."
}
