package xencall

import (
	"context"
	"fmt"
)

// LivePatch is a payload that is loaded into the hypervisor.
type LivePatch struct {
	Name  string         `json:"name"`
	State LivePatchState `json:"state"`
	// Result is 0, or the negative errno of the last action on it.
	Result int32 `json:"result"`
}

// LivePatchState is how far a payload is (sysctl.h, LIVEPATCH_STATE_*).
type LivePatchState uint32

// The states of a payload.
const (
	LivePatchChecked LivePatchState = 1 // loaded, not in effect
	LivePatchApplied LivePatchState = 2 // in effect
)

// String returns the state as xen-livepatch lists it.
func (s LivePatchState) String() string {
	switch s {
	case LivePatchChecked:
		return "CHECKED"
	case LivePatchApplied:
		return "APPLIED"
	}
	return fmt.Sprintf("state %d", uint32(s))
}

const (
	livePatchList     = 2   // XEN_SYSCTL_LIVEPATCH_LIST
	livePatchNameSize = 128 // XEN_LIVEPATCH_NAME_SIZE, with the NUL
	livePatchBatch    = 32  // payloads asked for at once
	maxLivePatches    = 1024
	// Where the arrays of a batch lie in the memory. Metadata comes last: Xen
	// is not told how much room there is for it, and what lies behind the
	// memory is nobody's.
	livePatchStatus   = payload
	livePatchLengths  = livePatchStatus + 8*livePatchBatch
	livePatchMetaLens = livePatchLengths + 4*livePatchBatch
	livePatchNames    = livePatchMetaLens + 4*livePatchBatch
	livePatchMetadata = livePatchNames + livePatchNameSize*livePatchBatch
)

// livePatchCounts is what struct xen_sysctl_livepatch_list says of the whole
// list. It lies 8 bytes into the sysctl's union, behind the operation.
type livePatchCounts struct {
	version  uint32 // offset 0: changes when the list does
	left     uint32 // offset 8: payloads that were not returned
	metadata uint32 // offset 20, since 4.14: bytes of metadata
}

// LivePatches returns the payloads that are loaded into the hypervisor. The
// error wraps [ErrNotImplemented] when it was built without live patching.
func (x *Xen) LivePatches(ctx context.Context) ([]LivePatch, error) {
	const name = "XEN_SYSCTL_livepatch_op"
	total, _, err := x.livePatches(ctx, name, 0, 0)
	if err != nil {
		return nil, err
	}
	if total.left > maxLivePatches || total.metadata > MemorySize-livePatchMetadata {
		return nil, fmt.Errorf("%s: %w: %d payloads, %d bytes of metadata", name, ErrTooLarge, total.left, total.metadata)
	}
	var list []LivePatch
	for uint32(len(list)) < total.left {
		want := min(total.left-uint32(len(list)), livePatchBatch)
		counts, batch, err := x.livePatches(ctx, name, uint32(len(list)), want)
		if err != nil {
			return nil, err
		}
		if len(batch) == 0 || counts.version != total.version {
			return nil, fmt.Errorf("%s: %w: the list changed while it was read", name, ErrFailed)
		}
		list = append(list, batch...)
	}
	return list, nil
}

// livePatches asks for nr payloads from the given index on; for none, Xen
// tells how many there are.
func (x *Xen) livePatches(ctx context.Context, name string, index, nr uint32) (counts livePatchCounts, batch []LivePatch, err error) {
	err = x.askSysctl(ctx, name, sysctlLivePatch, func(u []byte, m memory) {
		put32(u, 0, livePatchList)
		list := u[8:]
		put32(list, 4, index)
		put32(list, 8, nr)
		handles := []int{livePatchStatus, livePatchNames, livePatchLengths}
		first := 16
		if x.sysctl >= livePatchWithTotals {
			// 4.14 put the totals before the arrays and the metadata behind.
			handles = append(handles, livePatchMetadata, livePatchMetaLens)
			first = 24
		}
		for i, offset := range handles {
			put64(list, first+8*i, m.address(offset))
		}
	}, func(u []byte, ret int64, m memory) error {
		v := view{data: u[8:]}
		counts = livePatchCounts{version: v.u32(0), left: v.u32(8)}
		if x.sysctl >= livePatchWithTotals {
			counts.metadata = v.u32(20)
		}
		if nr == 0 {
			return nil
		}
		if ret < 0 || ret > int64(nr) {
			return fmt.Errorf("%w: %d payloads where %d were asked for", ErrMalformed, ret, nr)
		}
		batch, err = decodeLivePatches(x.sysctl, int(ret), m.bytes[livePatchStatus:livePatchLengths],
			m.bytes[livePatchLengths:livePatchMetaLens], m.bytes[livePatchNames:livePatchMetadata])
		return err
	})
	return counts, batch, err
}

// decodeLivePatches reads n entries of the three arrays: struct
// xen_livepatch_status {state, rc}, the lengths of the names with their NUL,
// and the names. Before 4.14 each name had a place of fixed size; since then
// one follows the other.
func decodeLivePatches(version Interface, n int, status, lengths, names []byte) ([]LivePatch, error) {
	if !version.known() {
		return nil, errUnknownInterface(version)
	}
	s, l, nm := view{data: status}, view{data: lengths}, view{data: names}
	var list []LivePatch
	at := 0
	for i := range n {
		length := l.u32(4 * i)
		if length == 0 || length > livePatchNameSize {
			return nil, fmt.Errorf("%w: payload name of %d bytes", ErrMalformed, length)
		}
		if version < livePatchWithTotals {
			at = i * livePatchNameSize
		}
		list = append(list, LivePatch{
			Name:   cString(nm.at(at, int(length))),
			State:  LivePatchState(s.u32(8 * i)),
			Result: int32(s.u32(8*i + 4)),
		})
		at += int(length)
		for _, v := range []*view{&s, &l, &nm} {
			if err := v.err("livepatch list"); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}
