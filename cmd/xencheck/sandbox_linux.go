package main

import (
	"path/filepath"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// confine takes from this process, for good, all but what it needs: to read
// files, to write in the directories of its output, to speak with Xen's
// devices. It can then start no program, write nowhere else and open no
// connection, whatever foreign bytes make of it. Files that are open stay so.
//
// It is as much as the kernel's Landlock can do (Linux 5.13 on, more with later
// versions; Documentation/userspace-api/landlock.rst); a kernel without it
// confines nothing, and that is no error.
func confine(outputs []string) error {
	const (
		read   = ll.AccessFSReadFile | ll.AccessFSReadDir
		write  = ll.AccessFSWriteFile | ll.AccessFSMakeReg | ll.AccessFSRemoveFile | ll.AccessFSTruncate
		device = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSIoctlDev
	)
	rules := []landlock.Rule{
		landlock.PathAccess(read, "/"),
		landlock.PathAccess(device, "/dev/xen", "/proc/xen").IgnoreIfMissing(),
	}
	for _, name := range outputs {
		rules = append(rules, landlock.PathAccess(read|write, filepath.Dir(name)).IgnoreIfMissing())
	}
	return landlock.V8.BestEffort().Restrict(rules...)
}
