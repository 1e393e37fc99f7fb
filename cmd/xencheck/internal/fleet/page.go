package fleet

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/page"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// auto is the release that stands for the one that fits each host.
const auto = "auto"

// HTML is a sink that writes one page for people. It keeps a line for each
// host until the end.
type HTML struct {
	w     io.Writer
	judge Judge
	page  *page.Page
}

// NewHTML starts a page of hosts that are judged by some releases.
func NewHTML(w io.Writer, o Options) *HTML {
	var releases []page.Release
	for _, name := range o.Releases {
		r := page.Release{Name: name}
		if name == auto {
			// Its hosts have a statement each.
		} else if st := o.Judge.Horizon(name); st != nil {
			r.Revision, r.Date, r.SecurityEnds = st.Revision, st.Date, st.SecuritySupportUntil
		}
		releases = append(releases, r)
	}
	return &HTML{w: w, judge: o.Judge, page: page.New(o.Tool, o.At, releases)}
}

// Full reports that the findings are needed.
func (s *HTML) Full() bool { return true }

// Record takes a host, or what could not be used.
func (s *HTML) Record(r *Result) error {
	switch {
	case r.Err != nil:
		s.page.Fail(page.Failure{Place: report.Clean(r.Place.String()), Cause: report.Clean(r.Err.Error())})
	case r.Selected:
		s.page.Add(s.host(r))
	default:
		s.page.LeaveOut(r.Host.Name, moment(r.Host.CollectedAt))
	}
	return nil
}

// host lays out one host.
func (s *HTML) host(r *Result) page.Host {
	h := r.Host
	out := page.Host{
		Key: h.Name, Collected: moment(h.CollectedAt), ID: report.Clean(h.Name), Source: report.Clean(r.Place.String()), Arch: string(h.Machine.Arch.Value),
		Board: report.Clean(report.ProductName(h)), CPU: report.Clean(strings.Join(report.CPUNames(h), " + ")),
		CPUs: int(least(h.CPU.Physical)), Memory: least(h.Memory.Physical), IOMMU: report.Clean(report.IOMMUNames(h)), GIC: gicName(h),
	}
	if x := xenOf(h); x.branch != "" {
		out.Xen = x.branch
		if x.how == report.Installed {
			out.Xen += " (installed)"
		}
		out.Ends, _ = horizon(s.judge, x.branch)
	}
	for _, j := range r.Judgements {
		v := page.Verdict{Grade: string(j.Grade), By: j.Statement.Release}
		for k, w := range j.Waivers {
			if w.State == rules.WaiverUsed {
				v.Waivers = append(v.Waivers, k)
			}
		}
		if j.Report != nil {
			v.Words = report.AnswerWords(j.Report.Overall)
			for _, h := range j.Hurts {
				if f := hurtFinding(j.Report, h); f != nil {
					v.Findings = append(v.Findings, finding(f, h.Grade))
				}
			}
		}
		out.Verdicts = append(out.Verdicts, v)
	}
	return out
}

// hurtFinding returns the finding that a hurt of a host is about; nil for one of
// its domains.
func hurtFinding(r *report.Report, h *Hurt) *rules.Finding {
	if h.Domains {
		return nil
	}
	i := slices.IndexFunc(r.Findings, func(f rules.Finding) bool {
		if f.Row == nil {
			return h.Key == "" && f.Title == h.Title
		}
		return f.Row.Key == h.Key && f.Title == h.Title
	})
	if i < 0 {
		return nil
	}
	return &r.Findings[i]
}

// finding lays out one finding.
func finding(f *rules.Finding, g rules.Grade) page.Finding {
	out := page.Finding{
		Title: report.Clean(f.Title), Words: report.Clean(report.OutcomeWords(*f)), Grade: string(g),
		Seen: report.Clean(report.SeenWords(f.Seen)), Why: report.Clean(f.Why), Do: report.Clean(f.Do), Waived: report.Clean(report.WaivedWords(f.Waived)),
	}
	if f.Row != nil {
		out.Key, out.Place = f.Row.Key, report.Clean(report.Cite(*f.Row))
	}
	return out
}

// horizon returns when a branch of Xen leaves security support.
func horizon(j Judge, branch string) (time.Time, bool) {
	if branch == "" {
		return time.Time{}, false
	}
	st := j.Horizon(branch)
	if st == nil {
		return time.Time{}, false
	}
	end, err := time.Parse(time.DateOnly, st.SecuritySupportUntil)
	return end, err == nil
}

// gicName names the interrupt controller of an Arm host.
func gicName(h *facts.Host) string {
	if v, ok := h.Interrupts.GIC.Get(); ok {
		return fmt.Sprintf("GICv%d", v)
	}
	return ""
}

// least is the least that a number can be; 0 when nothing is known.
func least(o facts.Observed[facts.Range]) uint64 {
	r, _ := o.Get()
	return r.Min
}

// Flush does nothing: a page is written whole.
func (s *HTML) Flush() error { return nil }

// Finish writes the page.
func (s *HTML) Finish(f *report.Fleet) error {
	if f.Interrupted {
		s.page.Note("The run was interrupted: this is not the whole fleet.")
	}
	if f.Filter != "" {
		s.page.Note("Only hosts that match: " + report.Clean(f.Filter))
	}
	if f.Unlike > 0 {
		s.page.Note(fmt.Sprintf("Names with records of different hardware, %d times: hosts may share a name, and only one of them is shown.", f.Unlike))
	}
	for i, st := range f.Statements {
		note := "Xen " + f.StatementName(i)
		if st.Revision != "" {
			note += ", revision " + st.Revision + " of " + st.Date
		}
		note += ": judges " + hosts(st.Hosts)
		for _, w := range st.Warnings {
			note += "; " + w
		}
		s.page.Note(report.Clean(note))
	}
	for _, w := range f.Waivers {
		s.page.Waive(page.Waiver{
			Name: report.Clean(report.WaiverName(w.Waiver)), State: string(w.State), Reason: report.Clean(w.Reason), Owner: report.Clean(w.Owner), Until: w.Expires,
		})
	}
	return s.page.Write(s.w)
}

func hosts(n int) string {
	if n == 1 {
		return "1 host"
	}
	return fmt.Sprintf("%d hosts", n)
}
