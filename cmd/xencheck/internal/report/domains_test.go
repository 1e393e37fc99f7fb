package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// guest is a domain with a USB device of the host, which is not security
// supported, and a row that is open.
func guest(name string) rules.DomainVerdict {
	usb := finding(ref("x86host-usb-passthrough-qemu", "Virtual Hardware, QEMU", "x86/Host USB passthrough (QEMU):", "", "Supported, not security supported", 1035), weak)
	usb.Domain, usb.Line = name, 5
	usb.Seen = []rules.Seen{{What: "type", Value: "hvm", Source: name + ".cfg"}, {What: "usbdevice", Value: "host:1:2", Source: name + ".cfg"}}
	usb.Why, usb.Do = "The domain uses it.", "Take it out."
	shadow := finding(ref("shadow-paging", "Memory Management", "Shadow paging", "", "Supported, not security supported", 383), weak)
	shadow.Outcome, shadow.InUse = rules.Unknown, rules.Maybe
	shadow.Seen = []rules.Seen{{What: "nested paging", Value: "unknown", Cause: "the host's CPU is not known"}}
	return rules.DomainVerdict{
		Name: name, Source: name + ".cfg", Type: facts.HVM, Grade: rules.GradeNotSecurity, Level: weak,
		Because: []int{0, 1}, Findings: []rules.Finding{usb, shadow},
	}
}

func domainsReport(ds ...rules.DomainVerdict) *Domains {
	return NewDomains("xencheck test", bigServer(), statement422(), newest, support.FullSupport,
		time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), ds, nil, []string{"c.cfg:4:1: not a value"}, FailNotSecurity)
}

func TestDomainsText(t *testing.T) {
	well := rules.DomainVerdict{Name: "well", Source: "well.cfg", Grade: rules.GradeSupported, Level: good, Complete: true}
	var b strings.Builder
	if err := domainsReport(well, guest("a"), guest("b")).WriteText(&b, Style{Width: 100}); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "\nDomains\n")
	want := `  ✗ a (a.cfg): supported, not security supported; some of what decides is unknown
    ✗ x86/Host USB passthrough (QEMU):: supported, not security supported
      Seen: type hvm (a.cfg); usbdevice host:1:2 (a.cfg:5)
      Row:  4.22 "x86/Host USB passthrough (QEMU):", line 1035: “Supported, not security supported”
      Why:  The domain uses it.
      Do:   Take it out.
    ? nested paging: the host's CPU is not known.
      Decides: Shadow paging
  ✗ b (b.cfg): supported, not security supported; some of what decides is unknown
    ✗ x86/Host USB passthrough (QEMU):: supported, not security supported; as for a (a.cfg)
      Seen: type hvm (b.cfg); usbdevice host:1:2 (b.cfg:5)
    ? nested paging: the host's CPU is not known.
      Decides: Shadow paging
  ✓ well (well.cfg): supported and security supported

xencheck domain -v shows all findings; xencheck explain x86host-usb-passthrough-qemu tells more
about one.
`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestTally(t *testing.T) {
	graded := func(gs ...rules.Grade) (ds []rules.DomainVerdict) {
		for _, g := range gs {
			ds = append(ds, rules.DomainVerdict{Grade: g})
		}
		return ds
	}
	for want, ds := range map[string][]rules.DomainVerdict{
		"its only domain is outside security support":                                    graded(rules.GradeOutside),
		"its only domain is not outside security support":                                graded(rules.GradeConditional),
		"of its only domain it could not be told whether it is security supported":       graded(rules.GradeUnknown),
		"1 of its 2 domains is outside security support":                                 graded(rules.GradeNotSecurity, rules.GradeUnknown),
		"2 of its 2 domains are outside security support":                                graded(rules.GradeNotSecurity, rules.GradeOutside),
		"of 1 of its 2 domains it could not be told whether they are security supported": graded(rules.GradeSupported, rules.GradeUnknown),
		"none of its 2 domains is outside security support":                              graded(rules.GradeSupported, rules.GradeExternal),
	} {
		if got := tally(ds, "its"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestDomainsJSON(t *testing.T) {
	d := domainsReport(guest("a"))
	b := encode(t, d)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := schemaOf(t, "domains").Validate(doc); err != nil {
		t.Error(err)
	}
	got, err := DecodeDomains(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(d, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-written +read)\n%s", d)
	}
	for change, want := range map[[2]string]string{
		{`"exit_code": 1`, `"exit_code": 0`}:                              "exit_code: 0 does not follow from the domains, which come to 1",
		{`"grade": "not_security_supported"`, `"grade": "fine"`}:          `domains[0]: unknown grade "fine"`,
		{"\"because\": [\n        0", "\"because\": [\n        9"}:        "domains[0]: there is no finding 9",
		{`"outcome": "judged"`, `"outcome": "guessed"`}:                   `domains[0].findings[0].outcome: unknown outcome "guessed"`,
		{`"fail_on": "not-security-supported"`, `"fail_on": "sometimes"`}: `fail_on: unknown threshold "sometimes"`,
	} {
		changed := strings.Replace(string(b), change[0], change[1], 1)
		if _, err := DecodeDomains([]byte(changed)); changed == string(b) || err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", change[1], err, want)
		}
	}
}

// The domains of a host count for the exit code, and never for its verdict.
func TestDomainsCount(t *testing.T) {
	v := allWell()
	v.Domains = []rules.DomainVerdict{guest("a")}
	r := New("xencheck test", board(), statement422(), newest, v, FailNotSecurity)
	if r.ExitCode != ExitFindings || r.Overall.Grade != rules.GradeSupported {
		t.Errorf("exit code %d, host %s", r.ExitCode, r.Overall.Grade)
	}
	shown := text(t, r, Style{Width: 120})
	if want := "This host is supported and security supported by Xen 4.22; its only domain is outside security support.\n"; !strings.HasPrefix(shown, want) {
		t.Errorf("begins with %.120q", shown)
	}
	if got, err := Decode(encode(t, r)); err != nil || text(t, got, Style{Width: 120}) != shown {
		t.Errorf("shown differently after a round trip: %v", err)
	}
	c := Compare([]*Report{r, r})
	if got, err := DecodeComparison(encode(t, c)); err != nil || got.ExitCode != ExitFindings {
		t.Errorf("comparison: %v", err)
	}
}
