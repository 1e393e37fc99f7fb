package probe

import (
	"encoding/hex"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/xencall"
	"github.com/xencheck/xencheck/probe/internal/xldmesg"
)

// unasked is the problem of a fact that only the running Xen, or text that was
// taken of it, tells; nil where no Xen runs.
func (s *session) unasked(l look) *facts.Problem {
	switch {
	case !s.underXen && s.info == nil:
		return nil
	case s.refused != nil:
		return s.refused
	case l.problem != nil:
		return l.problem
	case !s.whole:
		return &facts.Problem{Cause: facts.NotRecorded, Source: textInfo, Detail: "what was given does not tell", Remedy: "run xencheck on the host itself"}
	}
	return l.why()
}

// notTold returns a fact that only Xen tells and did not: unread where no Xen
// runs.
func notTold[T any](s *session, l look) facts.Observed[T] {
	if p := s.unasked(l); p != nil {
		return facts.Not[T](p)
	}
	return facts.Observed[T]{}
}

// isDom0 reports whether Xen can be asked about its host from here.
func (s *session) isDom0() bool {
	kind, _ := s.host.Machine.Kind.Get()
	return kind == facts.Dom0
}

// readIdentity fills what tells one build of Xen from another. Without root,
// /sys/hypervisor (Documentation/ABI/testing/sysfs-hypervisor-xen) has part of it.
func (s *session) readIdentity() {
	x := &s.host.Xen
	if !s.underXen && s.info == nil {
		return
	}
	r := s.version
	x.Compiler = s.identity(r.Compiler, "cc_compiler", sysHypervisor+"/compilation/compiler")
	if caps := s.identity(r.Capabilities, "xen_caps", sysHypervisor+"/properties/capabilities"); caps.IsKnown() {
		x.Capabilities = facts.Is(strings.Fields(caps.Value), caps.Source)
	} else {
		x.Capabilities = facts.Not[[]string](caps.Problem)
	}

	id := s.fileOfXen(sysHypervisor + "/properties/buildid") // the bytes themselves
	text, _ := s.fieldOfInfo("build_id")
	onConsole, _ := s.seenOnConsole(xldmesg.BuildID)
	switch {
	case s.xenLook.known() && len(r.BuildID) > 0:
		x.BuildID = facts.Is(hex.EncodeToString(r.BuildID), s.xenLook.source)
	case s.xenLook.known() && r.BuildIDTold:
		x.BuildID = facts.Missing[string](s.xenLook.source)
	case id.known() && len(id.data) > 0 && len(id.data) <= 64 && !strings.HasPrefix(string(id.data), denied):
		x.BuildID = facts.Is(hex.EncodeToString(id.data), id.source)
	case text != "":
		x.BuildID = facts.Is(procfs.Value([]byte(text)), s.infoSource)
	case onConsole.Value(0) != "":
		x.BuildID = facts.Is(procfs.Value([]byte(onConsole.Value(0))), s.consoleSource)
	default:
		x.BuildID = notTold[string](s, id)
	}
}

// fileOfXen reads a file of /sys/hypervisor, which only a system under Xen has.
func (s *session) fileOfXen(name string) look {
	if !s.underXen || s.isPaper() {
		return look{source: name, state: facts.Absent, partial: true}
	}
	return s.file(name, smallFile)
}

// fieldOfInfo returns a value of xl info that is certain.
func (s *session) fieldOfInfo(key string) (string, bool) {
	if s.info == nil {
		return "", false
	}
	return s.info.String(key)
}

// identity returns a text by hypercall, from a file, or from xl info.
func (s *session) identity(called *string, key, file string) facts.Observed[string] {
	if s.xenLook.known() && called != nil {
		return facts.Is(procfs.Value([]byte(*called)), s.xenLook.source)
	}
	l := s.fileOfXen(file)
	if l.known() && !strings.HasPrefix(l.text(), denied) {
		return facts.Is(l.text(), l.source)
	}
	if v, ok := s.fieldOfInfo(key); ok {
		return facts.Is(procfs.Value([]byte(v)), s.infoSource)
	}
	return notTold[string](s, l)
}

// readCapabilities fills the words that physinfo has for what the host can do.
func (s *session) readCapabilities() {
	x := &s.host.Xen
	if s.phys == nil || len(s.phys.words)+len(s.phys.told) == 0 {
		x.Physical = notTold[[]string](s, look{source: callPhysInfo, state: facts.Absent, partial: !s.whole})
		return
	}
	words := s.phys.words
	if words == nil {
		words = []string{}
	}
	x.Physical = facts.Is(words, s.phys.source)
}

// asked reads a hypercall's answer in a control domain that Xen answers; a
// look that is not known, with the reason, anywhere else.
func asked[T any](s *session, name string) (T, look) {
	if !s.isDom0() || !s.whole || !s.xenLook.known() {
		var none T
		return none, look{source: name, state: facts.Unknown, problem: s.unasked(look{source: name, state: facts.Absent, partial: !s.whole})}
	}
	return ask[T](s, name)
}

// readPools fills the scheduler and the cpupools. How finely a pool schedules,
// hypfs alone tells.
func (s *session) readPools() {
	x := &s.host.Xen
	number, l := asked[xencall.Scheduler](s, callScheduler)
	name, given := s.fieldOfInfo("xen_scheduler")
	onConsole, _ := s.seenOnConsole(xldmesg.Scheduler)
	switch {
	case l.known() && number.String() != "":
		x.Scheduler = facts.Is(number.String(), l.source)
	case given:
		x.Scheduler = facts.Is(procfs.Value([]byte(name)), s.infoSource)
	case onConsole.Value(1) != "":
		x.Scheduler = facts.Is(onConsole.Value(1), s.consoleSource)
	default:
		x.Scheduler = notTold[string](s, l)
	}

	pools, l := asked[[]xencall.CPUPool](s, callPools)
	if !l.known() {
		x.Pools = notTold[[]facts.CPUPool](s, l)
		return
	}
	hypfs, _ := asked[hypfsReading](s, callHypfs)
	out := []facts.CPUPool{}
	for _, p := range pools {
		pool := facts.CPUPool{ID: int(p.ID), Scheduler: p.Scheduler.String(), Domains: int(p.Domains)}
		for _, v := range hypfs.Pools {
			if v.Path == "/cpupool/"+strconv.Itoa(pool.ID)+"/sched-gran" {
				pool.Granularity = v.Text
			}
		}
		out = append(out, pool)
	}
	x.Pools = facts.Is(out, l.source)
}

func (s *session) readLivePatches() {
	x := &s.host.Xen
	patches, l := asked[[]xencall.LivePatch](s, callLivePatches)
	switch {
	case l.absent(), l.known() && len(patches) == 0:
		x.LivePatches = facts.Missing[[]facts.LivePatch](l.source)
	case l.known():
		out := []facts.LivePatch{}
		for _, p := range patches {
			out = append(out, facts.LivePatch{Name: procfs.Value([]byte(p.Name)), State: strings.ToLower(p.State.String())})
		}
		x.LivePatches = facts.Is(out, l.source)
	default:
		x.LivePatches = notTold[[]facts.LivePatch](s, l)
	}
}

func (s *session) readFlask() {
	x := &s.host.Xen
	enforcing, l := asked[bool](s, callFlask)
	switch {
	case l.absent():
		x.Flask = facts.Missing[string](l.source)
	case l.known() && enforcing:
		x.Flask = facts.Is("enforcing", l.source)
	case l.known():
		x.Flask = facts.Is("permissive", l.source)
	default:
		x.Flask = notTold[string](s, l)
	}
}

func (s *session) readHypfs() {
	x := &s.host.Xen
	r, l := asked[hypfsReading](s, callHypfs)
	switch {
	case l.absent(), l.known() && len(r.Answers) == 0:
		x.Hypfs = facts.Missing[[]string](l.source)
	case l.known():
		x.Hypfs = facts.Is(r.Answers, l.source)
	default:
		x.Hypfs = notTold[[]string](s, l)
	}
}

// maxHints bounds what is reported of the console ring.
const maxHints = 200

// consoleHints lists what the console ring still tells, each thing once. The
// identity of the build and the command line are facts of their own.
func (s *session) consoleHints() facts.Observed[[]string] {
	if s.console == nil {
		return facts.Observed[[]string]{}
	}
	var hints []string
	for _, f := range s.console.Facts {
		hint := string(f.Kind)
		switch f.Kind {
		case xldmesg.CommandLine, xldmesg.BuiltinLine, xldmesg.BuildID, xldmesg.Changeset:
			continue
		case xldmesg.Banner:
			on, stated := f.Debug()
			if !stated {
				continue
			}
			hint += " debug=" + map[bool]string{true: "y", false: "n"}[on]
		case xldmesg.UnknownParam, xldmesg.InvalidParam:
			hint += " " + redactXenLine(strings.Join(f.Values, " "))
		default:
			for _, v := range f.Values {
				if v != "" {
					hint += " " + v
				}
			}
		}
		hint = procfs.Value([]byte(hint))
		if !slices.Contains(hints, hint) && len(hints) < maxHints {
			hints = append(hints, hint)
		}
	}
	if len(hints) == 0 {
		return facts.Observed[[]string]{}
	}
	return facts.Is(hints, s.consoleSource)
}

// publicName is the name of a source as it may be told: libxl puts a domain's
// UUID into the names of its files (userdata-d.DOMID.UUID.libxl-json), boot
// loaders the identifier of the machine.
func publicName(name string) string {
	dir, base := path.Split(name)
	switch {
	case dir == libxlData+"/":
		return dir + publicBase(base)
	case inBoot(name):
		return blankNames(name)
	}
	return name
}

func publicBase(base string) string {
	parts := strings.SplitN(base, ".", 4)
	if len(parts) < 4 || !strings.HasPrefix(base, "userdata-") {
		return base
	}
	parts[2] = "uuid"
	return strings.Join(parts, ".")
}

// release returns a version's major and minor number as directories have them.
func release(v facts.XenVersion) string { return strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor) }
