package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// auto asks for the release that fits the host.
const auto = "auto"

// statement opens the statement a host is judged by and says why that one:
// the one asked for, else that of the Xen that runs, else that of the newest
// hypervisor installed, else the newest release.
func (j *judge) statement(h *facts.Host, asked string) (*support.Statement, report.Choice, error) {
	found, how, others := foundXen(h)
	if asked != auto {
		st, err := j.open(asked)
		c := report.Choice{How: report.Asked, Why: "as asked for"}
		if found != nil {
			c.Version, c.Vendor = version(*found), found.Vendor
			c.Remarks = append(c.Remarks, vendorRemark(found)...)
		}
		return st, c, j.streams.blame("xen", err)
	}
	if found == nil {
		return j.newest(report.Choice{How: report.Newest, Why: noXen(h) + ", so by the newest release"})
	}
	c := report.Choice{How: how, Version: version(*found), Vendor: found.Vendor}
	c.Remarks = slices.Concat(vendorRemark(found), preRelease(*found), others)
	place := "runs here"
	if how == report.Installed {
		place = "is installed here"
	}
	st, err := j.open(branch(*found))
	if err != nil {
		c.How, c.Why = report.Newest, fmt.Sprintf("Xen %s %s, but no statement of %s is known here, so by the newest release", c.Version, place, branch(*found))
		return j.newest(c)
	}
	c.Why = fmt.Sprintf("Xen %s %s", c.Version, place)
	return st, c, nil
}

// ofRunning reports that a release is chosen because of the Xen that runs on a
// host: nobody asked for it by name.
func ofRunning(h *facts.Host, asked string) bool {
	kind, _ := h.Machine.Kind.Get()
	return asked == auto && (h.Xen.Running.IsKnown() || kind == facts.Dom0)
}

// newest falls back to the newest release on the judging date.
func (j *judge) newest(c report.Choice) (*support.Statement, report.Choice, error) {
	st, err := j.latest()
	return st, c, err
}

// foundXen returns the Xen a host runs, or else the newest one installed, and
// remarks about the others.
func foundXen(h *facts.Host) (*facts.XenVersion, report.How, []string) {
	if v, ok := h.Xen.Running.Get(); ok {
		return &v, report.Running, nil
	}
	installed, ok := h.Xen.Installed.Get()
	if !ok || len(installed) == 0 {
		return nil, report.Newest, nil
	}
	installed = slices.SortedStableFunc(slices.Values(installed), func(a, b facts.XenVersion) int { return -compareVersions(a, b) })
	var others []string
	for _, v := range installed[1:] {
		if s := version(v); s != version(installed[0]) && !slices.Contains(others, s) {
			others = append(others, s)
		}
	}
	if len(others) == 0 {
		return &installed[0], report.Installed, nil
	}
	if len(others) > 5 {
		others = append(others[:5], "others")
	}
	return &installed[0], report.Installed, []string{fmt.Sprintf("several hypervisors are installed; the highest version was taken, besides it: %s", strings.Join(others, ", "))}
}

// noXen says why no Xen is known of.
func noXen(h *facts.Host) string {
	if ofRunning(h, auto) {
		return "which Xen runs here could not be read"
	}
	if h.Xen.Running.IsUnknown() && h.Xen.Installed.IsUnknown() {
		return "whether there is a Xen could not be seen"
	}
	return "no Xen was found here"
}

// version writes a version as Xen prints it.
func version(v facts.XenVersion) string {
	return fmt.Sprintf("%d.%d%s", v.Major, v.Minor, v.Extra)
}

// branch is what statements are named by.
func branch(v facts.XenVersion) string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// compareVersions orders by the numbers; of equal ones a pre-release comes
// first.
func compareVersions(a, b facts.XenVersion) int {
	an, aw := patch(a.Extra)
	bn, bw := patch(b.Extra)
	return cmp.Or(
		cmp.Compare(a.Major, b.Major), cmp.Compare(a.Minor, b.Minor), cmp.Compare(an, bn),
		cmp.Compare(aw, bw), cmp.Compare(a.Extra, b.Extra),
	)
}

// patch returns the patch level of what follows MAJOR.MINOR, -1 when there is
// none, and 0 instead of 1 when words behind it speak of a pre-release.
func patch(extra string) (n, released int) {
	n, released = -1, 1
	if rest, ok := strings.CutPrefix(extra, "."); ok {
		end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(rest)
		}
		if v, err := strconv.Atoi(rest[:end]); err == nil {
			n = v
		}
		extra = rest[end:]
	}
	for _, word := range []string{"-pre", "-rc", "-unstable"} {
		if strings.HasPrefix(extra, word) {
			released = 0
		}
	}
	return n, released
}

// vendorRemark names who built a Xen, and claims nothing for them.
func vendorRemark(v *facts.XenVersion) []string {
	if v.Vendor == "" {
		return nil
	}
	return []string{fmt.Sprintf("the Xen found here is built by %s, who may support more or less than this; what follows is the Xen Project's statement only", v.Vendor)}
}

// preRelease remarks on a Xen that is older than its own release.
func preRelease(v facts.XenVersion) []string {
	if _, released := patch(v.Extra); released == 1 {
		return nil
	}
	return []string{fmt.Sprintf("Xen %s is no release itself; it is judged by the statement of the release", version(v))}
}

// shipped returns the statement that the running Xen was released with; nil
// when none runs, or when that statement is not known here.
func shipped(h *facts.Host) *report.Shipped {
	v, ok := h.Xen.Running.Get()
	if !ok {
		return nil
	}
	own, ok := support.PointRelease(version(v))
	if !ok {
		return nil
	}
	return &report.Shipped{Version: own.Version, Revision: own.Revision, Date: own.RevisionDate}
}

// pointRelease tells how the statement relates to the one that the Xen found
// on the host was shipped with; empty when there is nothing to say.
func pointRelease(st *support.Statement, h *facts.Host) string {
	found, how, _ := foundXen(h)
	if found == nil || branch(*found) != st.Header.Release() {
		return ""
	}
	v := version(*found)
	own, ok := support.PointRelease(v)
	v = cmp.Or(own.Version, v)
	who := "you run " + v
	switch {
	case how == report.Installed:
		who = "Xen " + v + " is installed"
	case h.Xen.Running.Note == probe.BootsNext:
		who = "Xen " + v + " boots next"
	}
	switch {
	case !ok:
		return fmt.Sprintf("%s; which revision of the statement it was shipped with is not known here", who)
	case own.Revision == st.Provenance.Commit || st.Provenance.Date == "":
		return ""
	case own.RevisionDate < st.Provenance.Date:
		return fmt.Sprintf("%s; its own statement (revision %s of %s) predates the revision of %s, which is judged by", who, own.Revision, own.RevisionDate, st.Provenance.Date)
	}
	return fmt.Sprintf("%s; its own statement (revision %s of %s) is newer than the one judged by", who, own.Revision, own.RevisionDate)
}
