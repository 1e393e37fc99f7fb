package xenbus

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// serve answers requests on one end of a pipe as xenstored would, with the
// nodes of a small tree, and returns a Store on the other end.
func serve(t *testing.T, answer func(kind, []string) (kind, []byte)) *Store {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	go func() {
		for {
			header := make([]byte, headerSize)
			if _, err := io.ReadFull(server, header); err != nil {
				return
			}
			m, n, err := decodeHeader(header)
			if err != nil {
				t.Errorf("request: %v", err)
				return
			}
			payload := make([]byte, n)
			if _, err := io.ReadFull(server, payload); err != nil {
				return
			}
			words := strings.Split(strings.TrimSuffix(string(payload), "\x00"), "\x00")
			k, reply := answer(m.kind, words)
			if _, err := server.Write(message{k, m.request, reply}.encode()); err != nil {
				return
			}
		}
	}()
	return New(client)
}

// The tree is what libxl writes for a PVH domain, shortened.
func tree(k kind, words []string) (kind, []byte) {
	fail := func(name string) (kind, []byte) { return kindError, []byte(name + "\x00") }
	switch path := words[0]; {
	case k == kindRead && path == "/libxl/3/type":
		return k, []byte("pvh")
	case k == kindRead && path == "/libxl/3/dm-version":
		return k, nil
	case k == kindRead && path == "/local/domain/7":
		return fail("EACCES")
	case k == kindDirectory && path == "/libxl":
		return k, []byte("0\x003\x00")
	case k == kindDirectory && path == "/empty":
		return k, nil
	case k == kindGetPerms && path == "/libxl/3":
		return k, []byte("n0\x00r12\x00")
	}
	return fail("ENOENT")
}

func TestRead(t *testing.T) {
	s := serve(t, tree)
	for path, want := range map[string]string{"/libxl/3/type": "pvh", "/libxl/3/dm-version": ""} {
		got, err := s.Read(t.Context(), path)
		if err != nil || string(got) != want {
			t.Errorf("Read(%q) = %q, %v; want %q", path, got, err, want)
		}
	}
	for path, want := range map[string][]string{"/libxl": {"0", "3"}, "/empty": nil} {
		got, err := s.Directory(t.Context(), path)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("Directory(%q): %v %s", path, err, d)
		}
	}
	perms, err := s.Permissions(t.Context(), "/libxl/3")
	if d := cmp.Diff([]Permission{{0, NoAccess}, {12, ReadOnly}}, perms); d != "" || err != nil {
		t.Errorf("Permissions: %v %s", err, d)
	}
	if got := fmt.Sprint(perms); got != "[n0 r12]" {
		t.Errorf("permissions are written %s", got)
	}
}

func TestErrors(t *testing.T) {
	s := serve(t, tree)
	for path, want := range map[string]error{
		"/libxl/9":                         ErrNotFound,
		"/local/domain/7":                  ErrRefused,
		"libxl":                            ErrPath,
		"/libxl/":                          ErrPath,
		"//":                               ErrPath,
		"/lib xl":                          ErrPath,
		"/a\x00b":                          ErrPath,
		"/" + strings.Repeat("x", maxPath): ErrPath,
	} {
		if _, err := s.Read(t.Context(), path); !errors.Is(err, want) {
			t.Errorf("Read(%.20q): %v, want %v", path, err, want)
		}
	}
	// None of these has broken the connection.
	if _, err := s.Read(t.Context(), "/libxl/3/type"); err != nil {
		t.Error(err)
	}
}

// A directory of 2000 nodes does not fit a message and comes in parts.
func TestLargeDirectory(t *testing.T) {
	var want []string
	var all []byte
	for i := range 2000 {
		name := fmt.Sprintf("node-%d", i)
		want = append(want, name)
		all = append(append(all, name...), 0)
	}
	change := false
	s := serve(t, func(k kind, words []string) (kind, []byte) {
		if k == kindDirectory {
			return kindError, []byte("E2BIG\x00")
		}
		offset := 0
		fmt.Sscan(words[1], &offset)
		generation := "77\x00"
		if change && offset > 0 {
			generation = "78\x00"
		}
		rest := all[offset:]
		if room := maxPayload - len(generation) - 1; len(rest) > room {
			rest = rest[:bytes.LastIndexByte(rest[:room], 0)+1]
			return k, append([]byte(generation), rest...)
		}
		return k, append(append([]byte(generation), rest...), 0)
	})
	got, err := s.Directory(t.Context(), "/local/domain")
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	change = true
	if _, err := s.Directory(t.Context(), "/local/domain"); !errors.Is(err, ErrFailed) {
		t.Errorf("a directory that changed under way: %v", err)
	}
}

// Nobody answers: the request ends with its deadline, and so do all others.
func TestSilence(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	go io.Copy(io.Discard, server)
	s := New(client)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Read(ctx, "/libxl"); !errors.Is(err, ErrTimedOut) {
		t.Errorf("first: %v", err)
	}
	if _, err := s.Read(t.Context(), "/libxl"); !errors.Is(err, ErrTimedOut) {
		t.Errorf("second: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A context that is over before the request leaves the connection usable.
func TestExpired(t *testing.T) {
	s := serve(t, tree)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Read(ctx, "/libxl/3/type"); !errors.Is(err, ErrTimedOut) {
		t.Error(err)
	}
	if _, err := s.Read(t.Context(), "/libxl/3/type"); err != nil {
		t.Error(err)
	}
}

// rw reads from one place and forgets what is written.
type rw struct{ io.Reader }

func (rw) Write(b []byte) (int, error) { return len(b), nil }
func (rw) Close() error                { return nil }

func TestMalformedReplies(t *testing.T) {
	event := message{kindWatchEvent, 0, []byte("/a\x00token\x00")}.encode()
	for name, c := range map[string]struct {
		stream []byte
		want   error
	}{
		"nothing":               {nil, ErrFailed},
		"half a header":         {make([]byte, 7), ErrFailed},
		"another request's":     {message{kindRead, 99, nil}.encode(), ErrMalformed},
		"another type":          {message{kindGetPerms, 1, nil}.encode(), ErrMalformed},
		"4 GiB":                 {binary.LittleEndian.AppendUint32(make([]byte, 12), 0xffffffff), ErrMalformed},
		"cut off":               {message{kindRead, 1, []byte("long value")}.encode()[:20], ErrFailed},
		"events without end":    {bytes.Repeat(event, maxEvents+1), ErrMalformed},
		"an event, then silent": {event, ErrFailed},
		"unknown error":         {message{kindError, 1, []byte("EWHAT\x00")}.encode(), ErrFailed},
	} {
		if _, err := New(rw{bytes.NewReader(c.stream)}).Read(t.Context(), "/x"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	stream := append(event, message{kindRead, 1, []byte("v")}.encode()...)
	if got, err := New(rw{bytes.NewReader(stream)}).Read(t.Context(), "/x"); string(got) != "v" || err != nil {
		t.Errorf("after an event: %q, %v", got, err)
	}
}

func TestOpenWithoutXen(t *testing.T) {
	s, err := Open()
	if err == nil {
		s.Close()
		t.Skip("this machine has a xenbus device")
	}
	if !errors.Is(err, ErrNoDevice) && !errors.Is(err, ErrPermission) {
		t.Error(err)
	}
}

// Whatever stream answers a request, what is accepted encodes back to the
// bytes it was read from, and names and permissions likewise.
func FuzzReply(f *testing.F) {
	f.Add(message{kindRead, 1, []byte("pvh")}.encode())
	f.Add(message{kindDirectory, 1, []byte("0\x003\x00")}.encode())
	f.Add(message{kindGetPerms, 1, []byte("n0\x00r12\x00")}.encode())
	f.Add(message{kindDirectoryPart, 1, []byte("77\x00a\x00b\x00\x00")}.encode())
	f.Add(message{kindError, 1, []byte("ENOENT\x00")}.encode())
	f.Fuzz(func(t *testing.T, stream []byte) {
		m, err := converse(rw{bytes.NewReader(stream)}, message{kindRead, 1, []byte("/x\x00")})
		if err != nil {
			return
		}
		if len(m.payload) > maxPayload {
			t.Fatalf("payload of %d bytes", len(m.payload))
		}
		// The transaction number is the only thing that is not kept.
		wire := m.encode()
		if !bytes.Contains(stream, wire[:8]) || !bytes.Contains(stream, wire[12:]) {
			t.Fatalf("%+v is not in the stream", m)
		}
		if names, err := decodeNames(m.payload); err == nil {
			var b []byte
			for _, n := range names {
				b = append(append(b, n...), 0)
			}
			if !bytes.Equal(b, m.payload) {
				t.Fatalf("names %q of %q", names, m.payload)
			}
		}
		if list, err := decodePermissions(m.payload); err == nil {
			again, err := decodePermissions([]byte(join(list)))
			if err != nil || !cmp.Equal(list, again) {
				t.Fatalf("permissions %v read back as %v, %v", list, again, err)
			}
		}
		if g, names, size, last, err := decodePart(m.payload); err == nil {
			b := append([]byte(g), 0)
			for _, n := range names {
				b = append(append(b, n...), 0)
			}
			if len(b) != len(g)+1+size {
				t.Fatalf("part of %d bytes has %d", len(b), len(g)+1+size)
			}
			if last {
				b = append(b, 0)
			}
			if !bytes.Equal(b, m.payload) {
				t.Fatalf("part %q %q of %q", g, names, m.payload)
			}
		}
	})
}

func join(list []Permission) string {
	var b strings.Builder
	for _, p := range list {
		b.WriteString(p.String() + "\x00")
	}
	return b.String()
}

type panicking struct{ io.ReadWriteCloser }

func (panicking) Write([]byte) (int, error) { panic("boom") }

func TestPanic(t *testing.T) {
	if _, err := New(panicking{}).Read(t.Context(), "/libxl"); !errors.Is(err, ErrFailed) {
		t.Error(err)
	}
}
