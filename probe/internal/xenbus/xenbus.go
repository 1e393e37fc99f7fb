// Package xenbus reads xenstore, the tree of small texts in which a Xen host
// keeps what it knows of its domains, through the xenbus device of the control
// domain's kernel.
//
// It only reads: the wire protocol (xen/include/public/io/xs_wire.h,
// docs/misc/xenstore.txt) has requests that write, and none of them is here.
// Nothing waits longer than its deadline, for a kernel whose xenstored is not
// running accepts requests and never answers them.
package xenbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// Why a request gave nothing. Errors of this package wrap one of these.
var (
	// ErrNoDevice: there is no xenbus device. This kernel does not run under
	// Xen, or its drivers are not loaded.
	ErrNoDevice = errors.New("no xenbus device")
	// ErrPermission: the kernel does not let this process open the device.
	ErrPermission = errors.New("the kernel refuses the xenbus device")
	// ErrNotFound: there is no such node.
	ErrNotFound = errors.New("no such node")
	// ErrRefused: xenstored does not let this domain see the node.
	ErrRefused = errors.New("refused by xenstored")
	// ErrNotImplemented: this xenstored has no such request.
	ErrNotImplemented = errors.New("not implemented by this xenstored")
	// ErrTimedOut: no answer came in time; most often no xenstored runs.
	// Nothing more can be asked through the same [Store].
	ErrTimedOut = errors.New("no answer in time")
	// ErrPath: no node can have that path.
	ErrPath = errors.New("not a path of xenstore")
	// ErrTooLarge: a directory has more nodes than any honest one.
	ErrTooLarge = errors.New("directory too large")
	// ErrMalformed: the answer contradicts the protocol.
	ErrMalformed = errors.New("malformed answer")
	// ErrFailed: any other error.
	ErrFailed = errors.New("request failed")
)

// requestTimeout bounds each request, whatever the caller's own deadline.
const requestTimeout = 3 * time.Second

// Bounds of what is taken from a xenstored that may be a guest of its own.
const (
	maxEvents = 64      // replies to nothing that are passed over
	maxNames  = 1 << 16 // nodes of a directory
)

// Store is an open connection to xenstored. Its methods may be called from
// several goroutines; they take turns.
type Store struct {
	mu      sync.Mutex
	conn    io.ReadWriteCloser
	request uint32
	broken  error // the stream can no longer be trusted
}

// New returns a Store that speaks through conn.
func New(conn io.ReadWriteCloser) *Store { return &Store{conn: conn} }

// Close closes the connection. One with a request that was never answered is
// left open: somebody still reads from it, and the next file to be opened
// would take its number.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.broken, ErrTimedOut) {
		return nil
	}
	return s.conn.Close()
}

// Read returns the value of a node: any bytes, most often a short text.
func (s *Store) Read(ctx context.Context, path string) ([]byte, error) {
	return s.ask(ctx, kindRead, path)
}

// Permissions returns who may do what with a node, its owner first.
func (s *Store) Permissions(ctx context.Context, path string) ([]Permission, error) {
	b, err := s.ask(ctx, kindGetPerms, path)
	if err != nil {
		return nil, err
	}
	list, err := decodePermissions(b)
	return list, describe(path, err)
}

// Directory returns the names of the nodes right below a node.
func (s *Store) Directory(ctx context.Context, path string) ([]string, error) {
	b, err := s.ask(ctx, kindDirectory, path)
	if errors.Is(err, errTooBig) {
		return s.parts(ctx, path)
	}
	if err != nil {
		return nil, err
	}
	names, err := decodeNames(b)
	return names, describe(path, err)
}

// parts reads a directory whose names do not fit one reply. The request is the
// path and the offset in bytes, each with a NUL.
func (s *Store) parts(ctx context.Context, path string) ([]string, error) {
	var all []string
	generation := ""
	for offset := 0; ; {
		b, err := s.ask(ctx, kindDirectoryPart, path, strconv.Itoa(offset))
		if err != nil {
			return nil, err
		}
		g, names, size, last, err := decodePart(b)
		switch {
		case err != nil:
			return nil, describe(path, err)
		case offset > 0 && g != generation:
			return nil, describe(path, fmt.Errorf("%w: the directory changed while it was read", ErrFailed))
		case size == 0 && !last:
			return nil, describe(path, fmt.Errorf("%w: empty part", ErrMalformed))
		}
		generation = g
		offset += size
		all = append(all, names...)
		if last {
			return all, nil
		}
		if len(all) > maxNames {
			return nil, describe(path, fmt.Errorf("%w: more than %d nodes", ErrTooLarge, maxNames))
		}
	}
}

// describe puts the path before an error.
func describe(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("xenstore %s: %w", path, err)
}

// ask makes one request of a path and further words and returns the payload of
// the reply.
func (s *Store) ask(ctx context.Context, k kind, path string, words ...string) ([]byte, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	payload := append([]byte(path), 0)
	for _, w := range words {
		payload = append(append(payload, w...), 0)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return nil, describe(path, s.broken)
	}
	if ctx.Err() != nil {
		return nil, describe(path, ErrTimedOut) // nothing was sent
	}
	s.request++
	reply, err := s.exchange(ctx, message{kind: k, request: s.request, payload: payload})
	if err != nil {
		// What was not read of this reply would be taken for the next one.
		s.broken = err
		return nil, describe(path, err)
	}
	if reply.kind == kindError {
		return nil, describe(path, replyError(reply.payload))
	}
	if reply.kind != k {
		s.broken = fmt.Errorf("%w: reply of type %d to a request of type %d", ErrMalformed, reply.kind, k)
		return nil, describe(path, s.broken)
	}
	return reply.payload, nil
}

// exchange sends a request and waits for the reply in a goroutine of its own,
// so that a device that never answers does not hold the program.
func (s *Store) exchange(ctx context.Context, m message) (message, error) {
	type result struct {
		reply message
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() { // nobody else could: a panic here would end the process
			if p := recover(); p != nil {
				r = result{err: fmt.Errorf("%w: %v", ErrFailed, p)}
			}
			done <- r
		}()
		r.reply, r.err = converse(s.conn, m)
	}()
	select {
	case r := <-done:
		return r.reply, r.err
	case <-ctx.Done():
		return message{}, ErrTimedOut
	}
}

// converse writes a request and reads up to its reply.
func converse(conn io.ReadWriter, m message) (message, error) {
	if _, err := conn.Write(m.encode()); err != nil {
		return message{}, fmt.Errorf("%w: %w", ErrFailed, err)
	}
	for range maxEvents {
		var header [headerSize]byte
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return message{}, fmt.Errorf("%w: %w", ErrFailed, err)
		}
		reply, n, err := decodeHeader(header[:])
		if err != nil {
			return message{}, err
		}
		reply.payload = make([]byte, n)
		if _, err := io.ReadFull(conn, reply.payload); err != nil {
			return message{}, fmt.Errorf("%w: %w", ErrFailed, err)
		}
		if reply.kind == kindWatchEvent {
			continue // of a watch that nobody here has set
		}
		if reply.request != m.request {
			return message{}, fmt.Errorf("%w: reply to request %d, not %d", ErrMalformed, reply.request, m.request)
		}
		return reply, nil
	}
	return message{}, fmt.Errorf("%w: nothing but watch events", ErrMalformed)
}
