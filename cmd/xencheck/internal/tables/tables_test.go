package tables

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

// What is written is read back by the same library, value by value; that other
// programs read it too is shown where they are at hand.
func TestRoundTrip(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 11, 12, 0, time.UTC)
	n, mem := int64(32), int64(64)<<30
	var hosts []Host
	var findings []Finding
	for i := range 5000 {
		h := Host{ID: fmt.Sprintf("host%d", i), Source: "fleet.ndjson", Line: int64(i + 1), Arch: "x86-64", CPU: "AMD EPYC 7402P", Release: "4.22", Revision: "41f0cbc765",
			StatementDate: Day(time.Date(2026, 7, 29, 0, 0, 0, 0, time.UTC)), Grade: "supported", Functional: "supported", Security: "yes", Complete: true}
		if i%2 == 0 {
			h.Collected, h.CPUs, h.Memory, h.XenUntil = &at, &n, &mem, Day(time.Date(2027, 12, 12, 0, 0, 0, 0, time.UTC))
		}
		hosts = append(hosts, h)
		for k := range i % 3 {
			findings = append(findings, Finding{ID: h.ID, Release: "4.22", Key: fmt.Sprintf("row-%d", k), Line: int64(k), Title: "Row", Outcome: "judged", InUse: "yes", Decides: k == 0, Why: "because"})
		}
	}
	var hb, fb bytes.Buffer
	w := New(&hb, &fb, "xencheck test")
	k := 0
	for i, h := range hosts {
		if err := w.Add(h, findings[k:k+i%3]); err != nil {
			t.Fatal(err)
		}
		k += i % 3
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	gotHosts, err := parquet.Read[Host](bytes.NewReader(hb.Bytes()), int64(hb.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for i := range gotHosts {
		if c := gotHosts[i].Collected; c != nil {
			u := c.UTC()
			gotHosts[i].Collected = &u
		}
	}
	if d := cmp.Diff(hosts, gotHosts); d != "" {
		t.Errorf("hosts (-written +read):\n%s", d)
	}
	gotFindings, err := parquet.Read[Finding](bytes.NewReader(fb.Bytes()), int64(fb.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(findings, gotFindings); d != "" {
		t.Errorf("findings (-written +read):\n%s", d)
	}
	if len(gotFindings) == 0 || hb.Len() > 200*len(hosts) {
		t.Errorf("%d findings; %d bytes for %d hosts", len(gotFindings), hb.Len(), len(hosts))
	}
}

func TestDay(t *testing.T) {
	if Day(time.Time{}) != nil {
		t.Error("no date has a day")
	}
	if d := Day(time.Date(1970, 1, 2, 23, 0, 0, 0, time.UTC)); d == nil || *d != 1 {
		t.Errorf("the second day is %v", d)
	}
}
