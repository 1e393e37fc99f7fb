package xenbus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Sizes and limits of the protocol (io/xs_wire.h).
const (
	headerSize = 16
	maxPayload = 4096 // XENSTORE_PAYLOAD_MAX, bytes
	maxPath    = 3072 // XENSTORE_ABS_PATH_MAX, bytes
)

// kind is the type of a message (io/xs_wire.h, enum xsd_sockmsg_type).
type kind uint32

// The requests that read, and what else a reply can be. There are others,
// which write; they are not used.
const (
	kindDirectory     kind = 1
	kindRead          kind = 2
	kindGetPerms      kind = 3
	kindWatchEvent    kind = 15
	kindError         kind = 16
	kindDirectoryPart kind = 22 // since Xen 4.9
)

// message is one request or reply (struct xsd_sockmsg): type at offset 0,
// req_id at 4, tx_id at 8, len at 12, then the payload. No transaction is ever
// opened, so tx_id is 0.
type message struct {
	kind    kind
	request uint32
	payload []byte
}

// encode returns the message as it goes over the wire.
func (m message) encode() []byte {
	b := make([]byte, headerSize, headerSize+len(m.payload))
	binary.LittleEndian.PutUint32(b[0:], uint32(m.kind))
	binary.LittleEndian.PutUint32(b[4:], m.request)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(m.payload)))
	return append(b, m.payload...)
}

// decodeHeader reads the header of a reply and returns the message without its
// payload, and how many bytes of that follow.
func decodeHeader(b []byte) (message, int, error) {
	if len(b) < headerSize {
		return message{}, 0, fmt.Errorf("%w: header of %d bytes", ErrMalformed, len(b))
	}
	n := binary.LittleEndian.Uint32(b[12:])
	if n > maxPayload {
		return message{}, 0, fmt.Errorf("%w: payload of %d bytes", ErrMalformed, n)
	}
	return message{kind: kind(binary.LittleEndian.Uint32(b[0:])), request: binary.LittleEndian.Uint32(b[4:])}, int(n), nil
}

// checkPath refuses what xenstored would refuse (docs/misc/xenstore.txt): a
// path is absolute, of letters, digits and -/_@ only, without a double or
// trailing slash.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") || len(path) >= maxPath || strings.Contains(path, "//") ||
		path != "/" && strings.HasSuffix(path, "/") || strings.ContainsFunc(path, notInPath) {
		return fmt.Errorf("%w: %q", ErrPath, path)
	}
	return nil
}

func notInPath(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-/_@", r))
}

// notInName is laxer than notInPath: what a xenstored lists is worth showing
// even if this package cannot ask for it.
func notInName(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f || r == utf8.RuneError }

// decodeNames reads the names of a directory: each ends with a NUL.
func decodeNames(b []byte) ([]string, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if b[len(b)-1] != 0 {
		return nil, fmt.Errorf("%w: the last name does not end", ErrMalformed)
	}
	names := strings.Split(string(b[:len(b)-1]), "\x00")
	for _, name := range names {
		if name == "" || strings.ContainsFunc(name, notInName) {
			return nil, fmt.Errorf("%w: node named %q", ErrMalformed, name)
		}
	}
	return names, nil
}

// decodePart reads one part of a directory: the generation count of the node,
// which changes with it, then names; an empty name ends the last part.
func decodePart(b []byte) (generation string, names []string, size int, last bool, err error) {
	head, rest, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return "", nil, 0, false, fmt.Errorf("%w: part without a generation", ErrMalformed)
	}
	if n := len(rest); n > 0 && rest[n-1] == 0 && (n == 1 || rest[n-2] == 0) {
		last = true
		rest = rest[:n-1]
	}
	names, err = decodeNames(rest)
	return string(head), names, len(rest), last, err
}

// Access is what a domain may do with a node.
type Access byte

// The accesses, as the protocol writes them.
const (
	NoAccess  Access = 'n'
	ReadOnly  Access = 'r'
	WriteOnly Access = 'w'
	ReadWrite Access = 'b'
)

// Permission is the access of one domain. The first of a node names its owner,
// who may do everything, and its access is that of all domains not listed.
type Permission struct {
	Domain uint16
	Access Access
}

// String writes the permission as the protocol does: r0, b12.
func (p Permission) String() string { return string(rune(p.Access)) + strconv.Itoa(int(p.Domain)) }

// decodePermissions reads a letter and a decimal domain ID each, ended by a
// NUL.
func decodePermissions(b []byte) ([]Permission, error) {
	if len(b) == 0 || b[len(b)-1] != 0 {
		return nil, fmt.Errorf("%w: the permissions do not end", ErrMalformed)
	}
	var list []Permission
	for _, word := range strings.Split(string(b[:len(b)-1]), "\x00") {
		if word == "" || !strings.Contains("nrwb", word[:1]) {
			return nil, fmt.Errorf("%w: permission %q", ErrMalformed, word)
		}
		domain, err := strconv.ParseUint(word[1:], 10, 16)
		if err != nil {
			return nil, fmt.Errorf("%w: permission %q", ErrMalformed, word)
		}
		list = append(list, Permission{uint16(domain), Access(word[0])})
	}
	return list, nil
}

// replyError makes an error of the payload of an error reply: the name of an
// errno, ended by a NUL (io/xs_wire.h, xsd_errors).
func replyError(payload []byte) error {
	name := string(bytes.TrimRight(payload, "\x00"))
	switch name {
	case "ENOENT":
		return ErrNotFound
	case "EACCES", "EPERM":
		return fmt.Errorf("%w: %s", ErrRefused, name)
	case "E2BIG":
		return errTooBig
	case "ENOSYS":
		return ErrNotImplemented
	}
	return fmt.Errorf("%w: %q", ErrFailed, name)
}

// errTooBig is how xenstored says that a directory does not fit one reply.
var errTooBig = errors.New("the reply does not fit a message")
