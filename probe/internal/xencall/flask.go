package xencall

import (
	"context"
	"fmt"
)

const (
	flaskInterface  = 1 // xsm/flask_op.h, XEN_FLASK_INTERFACE_VERSION
	flaskGetEnforce = 2 // FLASK_GETENFORCE
)

// FlaskEnforcing tells whether the FLASK security module enforces its policy
// or only logs. The error wraps [ErrNotImplemented] when another module, or
// none, is in charge. The request is struct xen_flask_op: cmd at offset 0,
// interface_version at 4.
func (x *Xen) FlaskEnforcing(ctx context.Context) (bool, error) {
	var enforcing bool
	err := x.do(ctx, call{
		name: "FLASK_GETENFORCE", op: hypercallXSM,
		ask: func(m memory) [5]uint64 {
			put32(m.bytes, 0, flaskGetEnforce)
			put32(m.bytes, 4, flaskInterface)
			return [5]uint64{m.address(0)}
		},
		answer: func(ret int64, _ memory) error {
			if ret != 0 && ret != 1 {
				return fmt.Errorf("%w: %d is neither 0 nor 1", ErrMalformed, ret)
			}
			enforcing = ret == 1
			return nil
		},
	})
	return enforcing, err
}
