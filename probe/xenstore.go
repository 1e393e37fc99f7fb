package probe

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/xenbus"
)

// xenstoreInterface is what the nodes of xenstore that matter say.
const xenstoreInterface = "xenstore"

// xenstoreReading holds them.
type xenstoreReading struct {
	// Daemon is /tool/xenstored/domid: the domain in which xenstored runs; nil
	// when there is no such node.
	Daemon *int `json:"daemon"`
	// Backends lists what serves what: the nodes
	// /local/domain/SERVER/backend/KIND/CLIENT.
	Backends []backend `json:"backends"`
	// Cut is true when there was more than the bounds allow.
	Cut bool `json:"cut,omitempty"`
}

type backend struct {
	Server int    `json:"server"`
	Kind   string `json:"kind"`
	Client int    `json:"client"`
}

// Bounds of what is read of xenstore.
const (
	maxStoreDomains = 1024
	maxKinds        = 64
	maxBackends     = 16 << 10
	xenstoreTimeout = 2 * time.Second
)

// store is the part of a connection to xenstored that is used.
type store interface {
	Directory(ctx context.Context, path string) ([]string, error)
	Read(ctx context.Context, path string) ([]byte, error)
}

// askXenstore reads xenstore through the kernel's xenbus device.
func askXenstore() ([]byte, error) {
	st, err := xenbus.Open()
	if err != nil {
		return nil, xenstoreProblem(err)
	}
	defer st.Close()
	ctx, cancel := context.WithTimeout(context.Background(), xenstoreTimeout)
	defer cancel()
	r, err := readStore(ctx, st)
	if err != nil {
		return nil, xenstoreProblem(err)
	}
	return json.Marshal(r)
}

// xenstoreProblem says why xenstore could not be read.
func xenstoreProblem(err error) *facts.Problem {
	p := &facts.Problem{Cause: facts.ReadError, Source: xenstoreInterface, Detail: err.Error()}
	switch {
	case errors.Is(err, xenbus.ErrNoDevice):
		p.Cause, p.Remedy = facts.NotExposed, "load the module xenfs in the control domain"
	case errors.Is(err, xenbus.ErrPermission):
		p.Cause, p.Remedy = facts.NoPermission, rootRemedy
	case errors.Is(err, xenbus.ErrTimedOut):
		p.Cause, p.Remedy = facts.TimedOut, "start xenstored"
	}
	return p
}

// readStore reads the nodes that matter. That a part is missing is no error;
// that nobody answers is.
func readStore(ctx context.Context, st store) (xenstoreReading, error) {
	r := xenstoreReading{Backends: []backend{}}
	switch b, err := st.Read(ctx, "/tool/xenstored/domid"); {
	case err == nil:
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && n >= 0 {
			r.Daemon = &n
		}
	case !errors.Is(err, xenbus.ErrNotFound):
		return r, err
	}
	servers, err := list(ctx, st, "/local/domain")
	if err != nil {
		return r, err
	}
	for i, server := range numbered(servers, "") {
		if r.Cut = r.Cut || i == maxStoreDomains; r.Cut {
			break
		}
		base := "/local/domain/" + strconv.Itoa(server) + "/backend"
		kinds, err := list(ctx, st, base)
		if err != nil {
			return r, err
		}
		slices.Sort(kinds)
		for j, kind := range kinds {
			if r.Cut = r.Cut || j == maxKinds; r.Cut {
				break
			}
			clients, err := list(ctx, st, base+"/"+kind)
			if err != nil {
				return r, err
			}
			for _, client := range numbered(clients, "") {
				if r.Cut = r.Cut || len(r.Backends) == maxBackends; r.Cut {
					break
				}
				r.Backends = append(r.Backends, backend{server, procfs.Value([]byte(kind)), client})
			}
		}
	}
	return r, nil
}

// list returns the names below a node; none when it does not exist.
func list(ctx context.Context, st store, path string) ([]string, error) {
	names, err := st.Directory(ctx, path)
	if errors.Is(err, xenbus.ErrNotFound) || errors.Is(err, xenbus.ErrRefused) || errors.Is(err, xenbus.ErrTooLarge) {
		return nil, nil
	}
	return names, err
}
