package xencall

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Operations of hypfs_op (hypfs.h, XEN_HYPFS_OP_*). There is a write
// operation, which is not used.
const (
	hypfsVersion = 0
	hypfsRead    = 1
)

const (
	hypfsPathMax   = 1024 // XEN_HYPFS_MAX_PATHLEN, with the NUL
	hypfsEntrySize = 12   // sizeof(struct xen_hypfs_direntry)
	// hypfsListSize is sizeof(struct xen_hypfs_dirlistentry) up to the name.
	hypfsListSize = hypfsEntrySize + 2
	// hypfsLimit is how large the contents of an entry may be as they come from
	// Xen. The largest is the compressed .config, some 30 KiB.
	hypfsLimit = MemorySize - payload - hypfsEntrySize
	// hypfsTextLimit is how large they may be once decompressed.
	hypfsTextLimit = 1 << 20
)

// HypfsType is what an entry of the hypervisor file system holds.
type HypfsType uint8

// The types of entries (XEN_HYPFS_TYPE_*).
const (
	HypfsDir    HypfsType = 0
	HypfsBlob   HypfsType = 1
	HypfsString HypfsType = 2
	HypfsUint   HypfsType = 3
	HypfsInt    HypfsType = 4
	HypfsBool   HypfsType = 5
)

// hypfsGzip is XEN_HYPFS_ENC_GZIP; the other encoding, plain, is 0.
const hypfsGzip = 1

// HypfsEntry is a file or directory of the hypervisor file system (struct
// xen_hypfs_direntry with what follows it).
type HypfsEntry struct {
	Type     HypfsType // offset 0
	Writable bool      // offset 8, max_write_len: a parameter that can be changed at run time
	Data     []byte    // decompressed; of a directory, nothing
	Names    []string  // of a directory
}

// Text returns the value as xenhypfs cat prints it: a number in decimal, a
// boolean as 0 or 1, a text without its NUL.
func (e HypfsEntry) Text() (string, error) {
	switch e.Type {
	case HypfsString:
		return cString(e.Data), nil
	case HypfsBlob:
		return string(e.Data), nil
	case HypfsUint, HypfsInt, HypfsBool:
		n, ok := littleEndian(e.Data)
		if !ok {
			return "", fmt.Errorf("%w: number of %d bytes", ErrMalformed, len(e.Data))
		}
		if e.Type == HypfsInt {
			unused := 64 - 8*len(e.Data)
			return strconv.FormatInt(int64(n<<unused)>>unused, 10), nil
		}
		if e.Type == HypfsBool && n != 0 {
			n = 1
		}
		return strconv.FormatUint(n, 10), nil
	}
	return "", fmt.Errorf("%w: no text in an entry of type %d", ErrMalformed, e.Type)
}

// littleEndian reads a number of 1, 2, 4 or 8 bytes.
func littleEndian(b []byte) (n uint64, ok bool) {
	switch len(b) {
	case 1, 2, 4, 8:
	default:
		return 0, false
	}
	for i, c := range b {
		n |= uint64(c) << (8 * i)
	}
	return n, true
}

// HypfsVersion returns the newest version of the interface that Xen has, 1 or
// more. The error wraps [ErrNotImplemented] before 4.14 and when Xen was built
// without it.
func (x *Xen) HypfsVersion(ctx context.Context) (int, error) {
	var version int
	err := x.do(ctx, call{
		name: "XEN_HYPFS_OP_get_version", op: hypercallHypfs,
		ask: func(memory) [5]uint64 { return [5]uint64{hypfsVersion} },
		answer: func(ret int64, _ memory) error {
			if ret < 1 || ret > 0xffff {
				return fmt.Errorf("%w: version %d", ErrMalformed, ret)
			}
			version = int(ret)
			return nil
		},
	})
	return version, err
}

// ErrNoEntry: the hypervisor file system has no such path.
var ErrNoEntry = errors.New("no such entry")

// HypfsRead returns the entry at an absolute path, such as /buildinfo/config.
// The error wraps [ErrNoEntry] when there is none.
func (x *Xen) HypfsRead(ctx context.Context, path string) (HypfsEntry, error) {
	if !strings.HasPrefix(path, "/") || len(path) >= hypfsPathMax || strings.IndexByte(path, 0) >= 0 {
		return HypfsEntry{}, fmt.Errorf("%w: path %q", ErrNoEntry, path)
	}
	var e HypfsEntry
	x.mu.Lock()
	defer x.mu.Unlock()
	err := x.findArgumentOrder(ctx)
	if err == nil {
		err = x.doLocked(ctx, hypfsCall(path, hypfsEntrySize+hypfsLimit, x.hypfs, func(_ int64, m memory) (err error) {
			e, err = decodeHypfs(m.bytes[payload : payload+hypfsEntrySize+hypfsLimit])
			return err
		}))
	}
	switch {
	case errors.Is(err, syscall.ENOENT):
		err = ErrNoEntry
	case errors.Is(err, syscall.ENOBUFS):
		err = ErrTooLarge
	}
	if err != nil {
		return HypfsEntry{}, fmt.Errorf("hypfs %s: %w", path, err)
	}
	return e, nil
}

// argumentOrder is the order in which the kernel hands over the last two of
// five arguments.
type argumentOrder int

const (
	orderUnknown argumentOrder = iota
	orderGiven
	orderSwapped
)

// findArgumentOrder finds out whether this kernel swaps the fourth and the
// fifth argument of a hypercall, as Linux does on 32-bit Arm
// (arch/arm/xen/hypercall.S, privcmd_call). A kernel that swaps makes Xen take
// the size for the buffer's address. The size of the trial is therefore one at
// which no process has memory: nothing can be overwritten, and Xen answers
// EFAULT.
func (x *Xen) findArgumentOrder(ctx context.Context) error {
	if x.hypfs != orderUnknown {
		return nil
	}
	err := x.doLocked(ctx, hypfsCall("/", hypfsEntrySize, orderGiven, nil))
	switch {
	case err == nil, errors.Is(err, syscall.ENOBUFS):
		x.hypfs = orderGiven
	case errors.Is(err, syscall.EFAULT):
		x.hypfs = orderSwapped
	default:
		return err
	}
	return nil
}

// hypfsCall is a read of path with room for size bytes: the direntry and the
// contents.
func hypfsCall(path string, size uint64, order argumentOrder, answer func(ret int64, m memory) error) call {
	return call{
		name: "XEN_HYPFS_OP_read", op: hypercallHypfs,
		ask: func(m memory) [5]uint64 {
			n := copy(m.bytes, path) + 1
			args := [5]uint64{hypfsRead, m.address(0), uint64(n), m.address(payload), size}
			if order == orderSwapped {
				args[3], args[4] = args[4], args[3]
			}
			return args
		},
		answer: answer,
	}
}

// decodeHypfs reads struct xen_hypfs_direntry and the contents behind it: type
// at offset 0, encoding at 1, content_len at 4, max_write_len at 8.
func decodeHypfs(b []byte) (HypfsEntry, error) {
	v := view{data: b}
	e := HypfsEntry{Type: HypfsType(v.u8(0)), Writable: v.u32(8) != 0}
	encoding, length := v.u8(1), v.u32(4)
	if length > uint32(len(b)) {
		return HypfsEntry{}, fmt.Errorf("%w: %d bytes of contents in %d", ErrMalformed, length, len(b))
	}
	content := v.at(hypfsEntrySize, int(length))
	if err := v.err("hypfs entry"); err != nil {
		return HypfsEntry{}, err
	}
	if e.Type > HypfsBool || encoding > hypfsGzip {
		return HypfsEntry{}, fmt.Errorf("%w: entry of type %d, encoding %d", ErrMalformed, e.Type, encoding)
	}
	var err error
	switch {
	case e.Type == HypfsDir:
		e.Names, err = decodeHypfsDir(content)
	case encoding == hypfsGzip:
		e.Data, err = gunzip(content)
	default:
		e.Data = bytes.Clone(content)
	}
	if err != nil {
		return HypfsEntry{}, err
	}
	return e, nil
}

// decodeHypfsDir reads the struct xen_hypfs_dirlistentry of a directory: a
// direntry, off_next at offset 12, the name at 14, ended by a NUL. off_next
// leads to the next entry and is 0 in the last.
func decodeHypfsDir(b []byte) ([]string, error) {
	var names []string
	for len(b) > 0 {
		v := view{data: b}
		next := int(v.u16(hypfsEntrySize))
		if err := v.err("directory entry"); err != nil {
			return nil, err
		}
		if next != 0 && (next < hypfsListSize || next > len(b)) {
			return nil, fmt.Errorf("%w: next directory entry %d bytes on", ErrMalformed, next)
		}
		field := b[hypfsListSize:]
		if next != 0 {
			field = b[hypfsListSize:next]
		}
		end := bytes.IndexByte(field, 0)
		name := string(field[:max(end, 0)])
		if name == "" || strings.Contains(name, "/") || name == "." || name == ".." {
			return nil, fmt.Errorf("%w: directory entry named %q", ErrMalformed, name)
		}
		names = append(names, name)
		if next == 0 {
			break
		}
		b = b[next:]
	}
	return names, nil
}

func gunzip(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, hypfsTextLimit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(text) > hypfsTextLimit {
		return nil, fmt.Errorf("%w: more than %d bytes decompressed", ErrTooLarge, hypfsTextLimit)
	}
	return text, nil
}

// HypfsValue is a file of the hypervisor file system as text.
type HypfsValue struct {
	Path     string `json:"path"`
	Text     string `json:"text"`
	Writable bool   `json:"writable"`
}

// Bounds of [Xen.HypfsTree].
const (
	hypfsMaxDepth   = 6
	hypfsMaxEntries = 4096
)

// HypfsTree returns the files below a directory, such as /params or /cpupool,
// in the order of their paths. A file that cannot be read is left out and
// reported, with the others, in the error.
func (x *Xen) HypfsTree(ctx context.Context, dir string) ([]HypfsValue, error) {
	var values []HypfsValue
	var errs []error
	seen := 0
	var walk func(path string, depth int)
	walk = func(path string, depth int) {
		if seen++; seen > hypfsMaxEntries || depth > hypfsMaxDepth || len(errs) >= 8 {
			return
		}
		e, err := x.HypfsRead(ctx, path)
		if err != nil {
			errs = append(errs, err)
			return
		}
		if e.Type != HypfsDir {
			text, err := e.Text()
			if err != nil {
				errs = append(errs, fmt.Errorf("hypfs %s: %w", path, err))
				return
			}
			values = append(values, HypfsValue{path, text, e.Writable})
			return
		}
		for _, name := range slices.Sorted(slices.Values(e.Names)) {
			walk(strings.TrimSuffix(path, "/")+"/"+name, depth+1)
		}
	}
	walk(dir, 0)
	if seen > hypfsMaxEntries {
		errs = append(errs, fmt.Errorf("hypfs %s: %w: more than %d entries", dir, ErrTooLarge, hypfsMaxEntries))
	}
	return values, errors.Join(errs...)
}
