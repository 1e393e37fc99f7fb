package probe

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/xencall"
	"github.com/xencheck/xencheck/probe/internal/xldmesg"
)

// Hypercalls are interfaces of the running system. Each answers with JSON, or
// with text where Xen does, so that an archive can replay what was said.
const (
	hypercallPrefix = "hypercall "

	callVersion     = hypercallPrefix + "xen_version"
	callCommandLine = hypercallPrefix + "xen_version commandline"
	callPhysInfo    = hypercallPrefix + "sysctl physinfo"
	callCPUs        = hypercallPrefix + "platform_op cpuinfo"
	callEFI         = hypercallPrefix + "platform_op firmware_info"
	callMemoryMap   = hypercallPrefix + "memory_op machine_memory_map"
	callConsole     = hypercallPrefix + "sysctl readconsole"
	callScheduler   = hypercallPrefix + "sysctl sched_id"
	callPools       = hypercallPrefix + "sysctl cpupool"
	callLivePatches = hypercallPrefix + "sysctl livepatch"
	callDomains     = hypercallPrefix + "sysctl getdomaininfolist"
	callFlask       = hypercallPrefix + "xsm_op getenforce"
	callHypfs       = hypercallPrefix + "hypfs"
	callConfig      = hypercallPrefix + "hypfs /buildinfo/config"
)

// versionReading is what XENVER_* tells. A part that Xen did not tell is nil:
// a security policy can refuse each by itself.
type versionReading struct {
	Major        int     `json:"major"`
	Minor        int     `json:"minor"`
	Extra        *string `json:"extra"`
	Capabilities *string `json:"capabilities"`
	Changeset    *string `json:"changeset"`
	Compiler     *string `json:"compiler"`
	BuildID      []byte  `json:"build_id"` // empty: linked without one, when BuildIDTold
	BuildIDTold  bool    `json:"build_id_told"`
}

// efiReading is what Xen tells of the EFI that started it.
type efiReading struct {
	Version    uint32 `json:"version"`     // of the system table, major number in the upper half
	SecureBoot *bool  `json:"secure_boot"` // nil when the variable could not be read
}

// hypfsReading is what the hypervisor file system holds besides the build's
// configuration.
type hypfsReading struct {
	Version int                  `json:"version"`
	Answers []string             `json:"answers"` // directories that could be listed
	Pools   []xencall.HypfsValue `json:"cpupool"` // files below /cpupool
}

// hypercall returns what makes a call, by the name of its interface; nil for a
// name that is none.
func hypercall(name string) func(context.Context, *xencall.Xen) (any, error) {
	switch name {
	case callVersion:
		return readVersions
	case callCommandLine:
		return func(ctx context.Context, x *xencall.Xen) (any, error) { return x.CommandLine(ctx) }
	case callPhysInfo:
		return func(ctx context.Context, x *xencall.Xen) (any, error) { return x.PhysInfo(ctx) }
	case callCPUs:
		return func(ctx context.Context, x *xencall.Xen) (any, error) { return x.PhysicalCPUs(ctx) }
	case callEFI:
		return readEFI
	case callMemoryMap:
		return func(ctx context.Context, x *xencall.Xen) (any, error) { return x.MachineMemoryMap(ctx) }
	case callConsole:
		return func(ctx context.Context, x *xencall.Xen) (any, error) {
			text, err := x.Console(ctx)
			return tellingConsole(text), err
		}
	case callScheduler:
		return func(ctx context.Context, x *xencall.Xen) (any, error) { return x.Scheduler(ctx) }
	case callPools:
		return func(ctx context.Context, x *xencall.Xen) (any, error) { return x.CPUPools(ctx) }
	case callLivePatches:
		return func(ctx context.Context, x *xencall.Xen) (any, error) { return x.LivePatches(ctx) }
	case callDomains:
		return func(ctx context.Context, x *xencall.Xen) (any, error) { return x.Domains(ctx) }
	case callFlask:
		return func(ctx context.Context, x *xencall.Xen) (any, error) { return x.FlaskEnforcing(ctx) }
	case callHypfs:
		return readHypfs
	case callConfig:
		return func(ctx context.Context, x *xencall.Xen) (any, error) {
			e, err := x.HypfsRead(ctx, "/buildinfo/config")
			if err != nil {
				return "", err
			}
			return e.Text()
		}
	}
	return nil
}

// askHypercall makes a call through a connection of its own: a call that never
// comes back keeps its connection, and the next one must not wait for it.
func askHypercall(name string) ([]byte, error) {
	ask := hypercall(name)
	if ask == nil {
		return nil, fs.ErrNotExist
	}
	x, err := xencall.Open()
	if err != nil {
		return nil, xencall.Problem(err, name)
	}
	defer x.Close()
	ctx, cancel := context.WithTimeout(context.Background(), hypercallTimeout)
	defer cancel()
	v, err := ask(ctx, x)
	return answerOf(name, v, err)
}

// hypercallTimeout bounds one group of calls. It is less than the time that a
// read may take, so that it is the call that is said to have hung.
const hypercallTimeout = defaultTimeout - time.Second

// answerOf turns what a call returned into the bytes of a source.
func answerOf(name string, v any, err error) ([]byte, error) {
	switch {
	case errors.Is(err, xencall.ErrNotImplemented), errors.Is(err, xencall.ErrNoEntry):
		return nil, fs.ErrNotExist
	case err != nil:
		return nil, xencall.Problem(err, name)
	}
	if text, ok := v.(string); ok {
		return []byte(text), nil
	}
	return json.Marshal(v)
}

func readVersions(ctx context.Context, x *xencall.Xen) (any, error) {
	var r versionReading
	var err error
	if r.Major, r.Minor, err = x.Version(ctx); err != nil {
		return nil, err
	}
	r.Extra = told(x.ExtraVersion(ctx))
	r.Capabilities = told(x.Capabilities(ctx))
	r.Changeset = told(x.Changeset(ctx))
	if c, err := x.CompileInfo(ctx); err == nil {
		r.Compiler = told(c.Compiler, nil)
	}
	if r.BuildID, err = x.BuildID(ctx); err == nil {
		r.BuildIDTold = true
	}
	return r, nil
}

// told returns a text that Xen gave. What a security policy keeps back is not
// an error but this word.
func told(s string, err error) *string {
	if err != nil || s == denied {
		return nil
	}
	return &s
}

// denied is what Xen says instead of a text that the security policy keeps
// from the caller (xen/common/version.c).
const denied = "<denied>"

func readEFI(ctx context.Context, x *xencall.Xen) (any, error) {
	version, err := x.EFIVersion(ctx)
	if err != nil {
		return nil, err
	}
	r := efiReading{Version: version}
	if on, err := x.SecureBoot(ctx); err == nil {
		r.SecureBoot = &on
	}
	return r, nil
}

func readHypfs(ctx context.Context, x *xencall.Xen) (any, error) {
	version, err := x.HypfsVersion(ctx)
	if err != nil {
		return nil, err
	}
	r := hypfsReading{Version: version}
	for _, dir := range []string{"buildinfo", "buildinfo/config", "params", "cpupool"} {
		if _, err := x.HypfsRead(ctx, "/"+dir); err == nil {
			r.Answers = append(r.Answers, dir)
		}
	}
	r.Pools, _ = x.HypfsTree(ctx, "/cpupool") // what could be read of it is better than nothing
	return r, nil
}

// tellingConsole keeps the lines of Xen's console that say something known.
// The rest is nobody's business.
func tellingConsole(text []byte) string {
	log, err := xldmesg.Parse(text)
	if err != nil && log == nil {
		return ""
	}
	var b strings.Builder
	for _, f := range log.Facts {
		b.WriteString("(XEN) " + redactXenLine(f.Text) + "\n")
	}
	return b.String()
}

// ask reads an interface that answers with JSON.
func ask[T any](s *session, name string) (T, look) {
	var v T
	l := s.askInterface(name)
	if !l.known() {
		return v, l
	}
	if err := json.Unmarshal(l.data, &v); err != nil {
		l.state, l.problem = facts.Unknown, s.damaged(l, err)
	}
	return v, l
}

// askInterface reads an interface of the running system, which a captured tree
// does not have.
func (s *session) askInterface(name string) look {
	if !s.whole {
		return look{source: name, state: facts.Unknown, problem: &facts.Problem{
			Cause: facts.NotRecorded, Source: name, Detail: "only the running system answers", Remedy: "give an archive that xencheck collect --raw wrote",
		}}
	}
	return s.file(name, tableFile)
}
