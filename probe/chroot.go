package probe

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// InChroot tells by what this process sees that its root is not that of the
// system, as while a system is installed or an image is built; empty when it
// looks like the root, or when only root could tell.
func InChroot() string {
	own, err := os.Stat("/")
	if err != nil {
		return ""
	}
	first, err := os.Stat("/proc/1/root/.")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no /proc is mounted"
	case err != nil:
		return "" // no permission
	}
	a, ok := own.Sys().(*syscall.Stat_t)
	b, ok2 := first.Sys().(*syscall.Stat_t)
	if ok && ok2 && (a.Dev != b.Dev || a.Ino != b.Ino) {
		return "the root of process 1 is another one"
	}
	return ""
}
