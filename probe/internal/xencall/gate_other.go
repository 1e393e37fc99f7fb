//go:build !linux

package xencall

import (
	"fmt"
	"runtime"
)

// Open fails: hypercalls are known from Linux alone.
func Open() (*Xen, error) {
	return nil, fmt.Errorf("%w: hypercalls from %s are not known", ErrNoDevice, runtime.GOOS)
}
