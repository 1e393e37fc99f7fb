package probe

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// InChroot tells by what this process sees that its root is not that of the
// system, as while a system is installed or an image is built; empty when it
// looks like the root.
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
		// No permission. A root that nothing is mounted at is a directory of
		// another system (proc_pid_mountinfo(5)).
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err == nil && len(mounts) > 0 && !mountedAtRoot(string(mounts)) {
			return "nothing is mounted at its root"
		}
		return ""
	}
	a, ok := own.Sys().(*syscall.Stat_t)
	b, ok2 := first.Sys().(*syscall.Stat_t)
	if ok && ok2 && (a.Dev != b.Dev || a.Ino != b.Ino) {
		return "the root of process 1 is another one"
	}
	return ""
}

// mountedAtRoot reports whether a list of mounts has one at the root.
func mountedAtRoot(mounts string) bool {
	for line := range strings.Lines(mounts) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == "/" {
			return true
		}
	}
	return false
}
