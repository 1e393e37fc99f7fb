package probe

import (
	"errors"
	"io/fs"
	"strings"
)

// Root is the only way a probe reaches a machine: the running one, a captured
// tree, an archive, or files given one by one.
//
// A name is either an absolute path as Linux spells it (/proc/cpuinfo), or,
// without a leading slash, an interface of the running system (uname(2),
// cpuid). Only the live root answers for interfaces; an archive replays what
// they said.
//
// What cannot be had is told by the errors below, by the errors of [io/fs], or
// by a [facts.Problem] that an archive recorded.
type Root interface {
	// ReadFile returns the bytes of a regular file, or ErrTooLarge when there
	// are more than limit.
	ReadFile(name string, limit int64) ([]byte, error)
	// ReadDir returns the names in a directory in no particular order, or
	// ErrTooLarge when there are more than limit. It does not look at the
	// entries themselves: a large machine has 98,304 memory blocks.
	ReadDir(name string, limit int) ([]string, error)
	// ReadLink returns what a symbolic link says, unresolved.
	ReadLink(name string) (string, error)
}

// What a [Root] can fail with besides fs.ErrNotExist and fs.ErrPermission.
// fs.ErrNotExist means that the source is known not to be there.
var (
	ErrNotRecorded = errors.New("not recorded")
	ErrTooLarge    = errors.New("larger than any honest source of its kind")
	ErrNotFile     = errors.New("not a regular file")
	ErrTimeout     = errors.New("reading did not end in time")
)

// isInterface reports whether a source name is an interface of the running
// system and not a path.
func isInterface(name string) bool { return !strings.HasPrefix(name, "/") }

// regular refuses what may block, act, or not end when it is read: FIFOs,
// sockets, devices and directories.
func regular(mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return &kindError{"a directory"}
	case mode&fs.ModeNamedPipe != 0:
		return &kindError{"a FIFO"}
	case mode&fs.ModeSocket != 0:
		return &kindError{"a socket"}
	case mode&fs.ModeDevice != 0:
		return &kindError{"a device"}
	}
	return &kindError{"of another kind"}
}

// kindError says what was found where a regular file was expected. It is an
// ErrNotFile.
type kindError struct{ is string }

func (e *kindError) Error() string { return "is " + e.is + ", not a regular file" }

func (e *kindError) Is(target error) bool { return target == ErrNotFile }
