package procfs

import (
	"bytes"
	"strings"
)

// ContainerFromEnviron returns the container manager that /proc/1/environ
// names in its variable "container" (systemd's Container Interface): docker,
// lxc, systemd-nspawn, …; empty when there is none. No other variable is
// looked at.
func ContainerFromEnviron(environ []byte) string {
	for v := range bytes.SplitSeq(environ, []byte{0}) {
		if name, ok := bytes.CutPrefix(v, []byte("container=")); ok {
			if s := Value(name); len(s) <= 64 {
				return s
			}
		}
	}
	return ""
}

// ContainerFromCgroup returns the container manager that the control groups of
// process 1 (/proc/1/cgroup) are named after; empty when they tell none. With
// cgroup version 2 and a cgroup namespace they tell none in a container
// either.
func ContainerFromCgroup(cgroup []byte) string {
	for _, line := range lines(cgroup) {
		// hierarchy:controllers:path
		f := strings.SplitN(string(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		for _, hint := range [...]struct{ part, name string }{
			{"/libpod", "podman"},
			{"/kubepods", "kubernetes"},
			{"/docker", "docker"},
			{"/lxc", "lxc"},
			{"/garden", "garden"},
		} {
			if strings.Contains(f[2], hint.part) {
				return hint.name
			}
		}
	}
	return ""
}
