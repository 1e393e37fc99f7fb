package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// sarifDocument writes SARIF 2.1.0 (OASIS, Static Analysis Results Interchange
// Format): a run for each report, a result for each finding.
//
// What was analysed is the host, but where a result lies is the line of the
// statement that it follows from, at the revision that was read; a result on a
// domain also tells the line of its configuration. Only what speaks against the
// host has kind fail: every other kind has level none (section 3.27.10).
type sarifDocument struct {
	w    io.Writer
	runs int
}

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	// xenTree is the base that locations in Xen's source tree are relative to.
	xenTree = "XEN"
	// xenRepository is where the revisions of the statements are found.
	xenRepository = "https://xenbits.xenproject.org/git-http/xen.git"
	statementFile = "SUPPORT.md"
	homePage      = "https://github.com/xencheck/xencheck"
)

type sarifRun struct {
	Tool        sarifTool            `json:"tool"`
	Invocations []sarifInvocation    `json:"invocations"`
	Automation  sarifAutomation      `json:"automationDetails"`
	Provenance  []sarifProvenance    `json:"versionControlProvenance,omitempty"`
	Bases       map[string]sarifBase `json:"originalUriBaseIds,omitempty"`
	Results     []sarifResult        `json:"results"`
	Properties  sarifRunProperties   `json:"properties"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version,omitempty"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID    string       `json:"id"`
	Short sarifMessage `json:"shortDescription"`
	Full  sarifMessage `json:"fullDescription"`
	Help  sarifMessage `json:"help"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	ExitCode            int                 `json:"exitCode"`
	ExitCodeDescription string              `json:"exitCodeDescription"`
	Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string       `json:"level"`
	Message sarifMessage `json:"message"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifProvenance struct {
	RepositoryURI string        `json:"repositoryUri"`
	RevisionID    string        `json:"revisionId"`
	MappedTo      sarifArtifact `json:"mappedTo"`
}

type sarifBase struct {
	Description sarifMessage `json:"description"`
}

type sarifArtifact struct {
	URI       string `json:"uri,omitempty"`
	URIBaseID string `json:"uriBaseId,omitempty"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Kind         string            `json:"kind"`
	Level        string            `json:"level"`
	Message      sarifMessage      `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Related      []sarifLocation   `json:"relatedLocations,omitempty"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	// Suppressions is never absent: that would say that nobody knows whether
	// there are any (section 3.27.23).
	Suppressions []sarifSuppression    `json:"suppressions"`
	Properties   sarifResultProperties `json:"properties"`
}

// sarifSuppression is a waiver.
type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	Message  *sarifMessage  `json:"message,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"` // from 1
}

type sarifLogical struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// sarifRunProperties tells what SARIF has no words for.
type sarifRunProperties struct {
	Host    string `json:"host"`
	Machine string `json:"machine"`
	Boots   string `json:"bootsNext,omitempty"` // what boots next, in words
	Release string `json:"release"`
	Phase   string `json:"phase"`
	At      string `json:"at"` // judging date, YYYY-MM-DD
	// Grade is that of the host; empty for domains alone.
	Grade    string `json:"grade,omitempty"`
	Complete bool   `json:"complete"`
	FailOn   string `json:"failOn"`
}

// sarifResultProperties keeps the answers apart that share a kind.
type sarifResultProperties struct {
	Outcome string `json:"outcome"`
	Grade   string `json:"grade,omitempty"`
	InUse   string `json:"inUse,omitempty"`
	Decides bool   `json:"decides"`
	Domain  string `json:"domain,omitempty"`
}

func (s *sarifDocument) Report(_ string, r *Report) error {
	run := newSarifRun(r.Tool, r.Host, r.Statement, r.ExitCode)
	run.Properties = sarifRunProperties{
		Host: Clean(hostName(r.Host)), Machine: Clean(machineLine(r.Host)), Boots: Clean(r.bootWords()), Release: Clean(r.Release), Phase: string(r.Phase),
		At: r.At.Format(time.DateOnly), Grade: string(r.Overall.Grade), Complete: r.Overall.Complete, FailOn: string(r.FailOn),
	}
	run.verdicts(r)
	run.add(r.results(), r.Statement, hostName(r.Host), r.FailOn)
	return s.write(run)
}

func (s *sarifDocument) Domains(_ string, d *Domains) error {
	run := newSarifRun(d.Tool, d.Host, d.Statement, d.ExitCode)
	run.Properties = sarifRunProperties{
		Host: Clean(hostName(d.Host)), Machine: Clean(machineLine(d.Host)), Release: Clean(d.Release), Phase: string(d.Phase),
		At: d.At.Format(time.DateOnly), Complete: d.ExitCode != ExitInconclusive, FailOn: string(d.FailOn),
	}
	for _, p := range d.Problems {
		i := &run.Invocations[0]
		i.ExecutionSuccessful, i.ExitCode, i.ExitCodeDescription = false, int(ExitUsage), ExitUsage.String()
		i.Notifications = append(i.Notifications, sarifNotification{"error", sarifText(p)})
	}
	run.add(domainResults(d.Domains), d.Statement, hostName(d.Host), d.FailOn)
	return s.write(run)
}

func (s *sarifDocument) Comparison(string, *Comparison) error {
	return refuse("SARIF", "a comparison of releases")
}

// Close ends the document; one without a run is one as well.
func (s *sarifDocument) Close() error {
	end := "\n  ]\n}\n"
	if s.runs == 0 {
		end = sarifBegin + "]\n}\n"
	}
	_, err := io.WriteString(s.w, end)
	return err
}

// sarifBegin is what stands before the first run.
const sarifBegin = "{\n  \"$schema\": \"" + sarifSchema + "\",\n  \"version\": \"2.1.0\",\n  \"runs\": ["

// write writes one run: a document of many hosts is never held in memory.
func (s *sarifDocument) write(run *sarifRun) error {
	var b bytes.Buffer
	b.WriteString(",")
	if s.runs == 0 {
		b.Reset()
		b.WriteString(sarifBegin)
	}
	b.WriteString("\n    ")
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("    ", "  ")
	if err := e.Encode(run); err != nil {
		return err
	}
	s.runs++
	_, err := s.w.Write(bytes.TrimSuffix(escapeControls(b.Bytes()), []byte("\n")))
	return err
}

// newSarifRun returns a run without results.
func newSarifRun(tool string, h *facts.Host, st Statement, code ExitCode) *sarifRun {
	run := &sarifRun{Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "xencheck", Version: Clean(toolVersion(tool)), InformationURI: homePage, Rules: []sarifRule{}}
	run.Invocations = []sarifInvocation{{ExecutionSuccessful: true, ExitCode: int(code), ExitCodeDescription: code.String()}}
	// Section 3.17.3: what stands before the last slash names a series of runs.
	run.Automation.ID = "xencheck/" + url.PathEscape(Clean(hostName(h))) + "/" + url.PathEscape(Clean(st.Name)) + "/"
	if st.Revision != "" {
		run.Provenance = []sarifProvenance{{xenRepository, Clean(st.Revision), sarifArtifact{URIBaseID: xenTree}}}
		run.Bases = map[string]sarifBase{xenTree: {sarifText("The source tree of Xen at the revision of the support statement.")}}
	}
	return run
}

// verdicts adds a result for what each wanted use of the host comes to. Not
// every verdict has a row behind it: some uses do not exist on an architecture.
func (run *sarifRun) verdicts(r *Report) {
	for _, a := range r.wanted() {
		kind, level := "pass", "none"
		switch grade, complete := left(a.Grade, a.Complete, a.Counted); {
		case r.FailOn.exit(grade, complete) == ExitFindings:
			kind, level = "fail", "error"
		case lessThanGood(a.Grade):
			kind, level = "fail", "warning"
		case a.Grade == rules.GradeUnknown || !a.Complete:
			kind = "open"
		}
		text := a.Title + ": " + sentence(AnswerWords(a))
		if a.Note != "" {
			text += " " + a.Note
		}
		if a.Counted != nil {
			text += " Part of it is waived."
		}
		var first rules.Finding // that the verdict rests on
		if len(a.Because) > 0 {
			first = r.Findings[a.Because[0]]
		}
		id := "use-" + Clean(a.Intent)
		run.Results = append(run.Results, sarifResult{
			RuleID: id, RuleIndex: run.rule(sarifRule{ID: id, Short: sarifText("Verdict on the host for " + a.Title),
				Full: sarifText("What all rows come to that decide whether the host can be used for this."),
				Help: sarifText("xencheck --for " + a.Intent + " asks for it.")}),
			Kind: kind, Level: level, Message: sarifText(text),
			Locations:    sarifLocations(first, r.Statement, hostName(r.Host)),
			Fingerprints: sarifFingerprint(hostName(r.Host), id), Suppressions: []sarifSuppression{},
			Properties: sarifResultProperties{Outcome: "verdict", Grade: string(a.Grade), Decides: true},
		})
	}
}

// rule adds a rule and returns its index.
func (run *sarifRun) rule(r sarifRule) int {
	run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, r)
	return len(run.Tool.Driver.Rules) - 1
}

// add adds the results and the rules they follow from.
func (run *sarifRun) add(rs []result, st Statement, host string, f FailOn) {
	docs := map[string]string{}
	for _, r := range rules.List() {
		docs[r.ID] = r.Doc
	}
	index := map[string]int{}
	for _, r := range rs {
		id := sarifRuleID(r.Finding)
		i, ok := index[id]
		if !ok {
			i = run.rule(sarifRuleOf(id, r.Finding, docs[r.Rule]))
			index[id] = i
		}
		run.Results = append(run.Results, sarifResultOf(id, i, r, st, host, f))
	}
}

// sarifRuleID names a rule by the key of its row, which is the same in every
// release; a property without a row by the rule that looked at it.
func sarifRuleID(f rules.Finding) string {
	if f.Row != nil && f.Row.Key != "" {
		return Clean(f.Row.Key)
	}
	return Clean(cmp.Or(f.Rule, "property"))
}

// sarifRuleOf describes a rule.
func sarifRuleOf(id string, f rules.Finding, doc string) sarifRule {
	rule := sarifRule{ID: id, Short: sarifText(f.Title), Full: sarifText(f.Title)}
	if f.Row != nil {
		rule.Full = sarifText(cite(*f.Row))
	}
	if f.Row != nil && f.Row.Key != "" {
		doc = strings.TrimSpace(doc + " xencheck explain " + f.Row.Key + " tells more.")
	}
	rule.Help = sarifText(cmp.Or(doc, f.Why, f.Title))
	return rule
}

// sarifResultOf writes one finding as a result.
func sarifResultOf(id string, index int, r result, st Statement, host string, f FailOn) sarifResult {
	kind, level := sarifKind(r, f)
	text := append([]string{r.Title + ": " + sentence(OutcomeWords(r.Finding))}, evidenceLines(r.Finding)...)
	for i := range text {
		text[i] = Clean(text[i])
	}
	out := sarifResult{
		RuleID: id, RuleIndex: index, Kind: kind, Level: level,
		Message:      sarifMessage{sarifEscape(strings.Join(text, "\n"))},
		Locations:    sarifLocations(r.Finding, st, host),
		Fingerprints: sarifFingerprint(host, r.Domain, id, r.Title), Suppressions: []sarifSuppression{},
		Properties: sarifResultProperties{Outcome: string(r.Outcome), InUse: string(r.InUse), Decides: r.decides},
	}
	if r.Waived != nil {
		out.Suppressions = append(out.Suppressions, sarifSuppression{"external", "accepted", Clean("Waived " + WaivedWords(r.Waived))})
	}
	if grade, counts := r.Grade(); counts {
		out.Properties.Grade = string(grade)
	}
	if d := r.domain; d != nil {
		out.Properties.Domain = Clean(d.Name)
		if d.Source != "" {
			note := sarifText("The configuration of the domain.")
			l := sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{URI: fileURI(d.Source)}}, Message: &note}
			if line := cmp.Or(r.Line, d.Line); line > 0 {
				l.Physical.Region = &sarifRegion{line}
			}
			out.Related = []sarifLocation{l}
		}
	}
	return out
}

// sarifKind maps a finding to SARIF's words (sections 3.27.9 and 3.27.10). A
// result has level error exactly when it meets the threshold.
func sarifKind(r result, f FailOn) (kind, level string) {
	switch r.standing {
	case problem:
		if r.fails(f) {
			return "fail", "error"
		}
		return "fail", "warning"
	case fine:
		return "pass", "none"
	case undecided:
		return "open", "none"
	case perhaps, unseen:
		return "review", "none"
	case ruledOut:
		return "notApplicable", "none"
	case optional:
		if len(r.Lacks) > 0 {
			return "notApplicable", "none"
		}
	}
	return "informational", "none"
}

// sarifLocations is the place in the statement that a finding follows from, and
// the host it is about. A text that is none of Xen's revisions is named by its
// own path, and what no line speaks of is about the text as a whole: its first
// line.
func sarifLocations(f rules.Finding, st Statement, host string) []sarifLocation {
	p := sarifPhysical{Artifact: sarifArtifact{URI: statementFile, URIBaseID: xenTree}, Region: &sarifRegion{1}}
	if st.Revision == "" {
		p.Artifact = sarifArtifact{URI: fileURI(cmp.Or(st.Origin, st.Name, statementFile))}
	}
	if f.Row != nil {
		p.Region.StartLine = max(p.Region.StartLine, f.Row.Line)
	}
	return []sarifLocation{{Physical: p, Logical: []sarifLogical{{Clean(host), "host"}}}}
}

// sarifFingerprint tells that two results of different days are the same. A
// line moves from revision to revision, so it takes no part.
func sarifFingerprint(parts ...string) map[string]string {
	for i := range parts {
		parts[i] = Clean(parts[i])
	}
	return map[string]string{"xencheckFinding/v1": strings.Join(parts, "|")}
}

// fileURI writes the name of a file as a URI reference.
func fileURI(name string) string {
	u := url.URL{Path: Clean(filepath.ToSlash(name))}
	if strings.HasPrefix(u.Path, "/") {
		u.Scheme = "file"
	}
	return u.String()
}

// sarifText is a message of one line.
func sarifText(s string) sarifMessage { return sarifMessage{sarifEscape(Clean(s))} }

// sarifEscape doubles braces, which stand for arguments otherwise (section
// 3.11.5).
func sarifEscape(s string) string {
	return strings.NewReplacer("{", "{{", "}", "}}").Replace(s)
}
