package probe

import "testing"

func TestMountedAtRoot(t *testing.T) {
	system := "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n22 27 0:21 / /proc rw - proc proc rw\n"
	chroot := "297 27 0:75 / /proc rw,relatime - proc proc rw\n"
	for mounts, want := range map[string]bool{system: true, chroot: false, "27 1": false} {
		if got := mountedAtRoot(mounts); got != want {
			t.Errorf("%q: %t", mounts, got)
		}
	}
}
