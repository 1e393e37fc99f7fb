package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
)

// The facts read back are those written: no member is lost to a slip in a name.
func TestRecordsAreFacts(t *testing.T) {
	for i := range uint64(2000) {
		line := Record(nil, 1, i, 0)
		var h facts.Host
		if err := json.Unmarshal(line, &h); err != nil {
			t.Fatalf("record %d: %v\n%s", i, err, line)
		}
		var again bytes.Buffer
		e := json.NewEncoder(&again)
		e.SetEscapeHTML(false)
		if err := e.Encode(&h); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(line, again.Bytes()) {
			t.Fatalf("record %d:\n%s\nis read as\n%s", i, line, again.Bytes())
		}
	}
}

func TestSameSeedSameFleet(t *testing.T) {
	var a, b, c bytes.Buffer
	for out, seed := range map[*bytes.Buffer]uint64{&a: 5, &b: 5, &c: 6} {
		if err := write(out, 2000, seed, 3); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) || bytes.Equal(a.Bytes(), c.Bytes()) {
		t.Error("the seed does not decide")
	}
	bad := 0
	for line := range bytes.Lines(a.Bytes()) {
		if !json.Valid(line) {
			bad++
		}
	}
	if bad < 5 || bad > 50 {
		t.Errorf("%d of 2000 records are cut short, want about 20", bad)
	}
}
