package support

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tib = 1 << 40

func TestMeaning(t *testing.T) {
	yes, no := Level{Supported, SecurityYes}, Level{Supported, SecurityNo}
	limit := func(own Level, n uint64, u Unit, text string) Meaning {
		return Meaning{Level: own, Limit: &Limit{Max: Quantity{n, u, text}, Above: NothingSaid}}
	}
	tests := []struct {
		value string
		want  Meaning
	}{
		{"Supported", Meaning{Level: yes}},
		{"supported.", Meaning{Level: yes}},
		{"SUPPORTED", Meaning{Level: yes}},
		{"Security supported", Meaning{Level: yes}},
		{"Supported, not security supported", Meaning{Level: no}},
		{"Supported, Not security supported", Meaning{Level: no}},
		{"Supported,  not security  supported", Meaning{Level: no}},
		{"Supported, with caveats", Meaning{Level: Level{Supported, SecurityConditional}, Condition: WithCaveats}},
		{"Supported, security support external", Meaning{Level: Level{Supported, SecurityExternal}}},
		{"Supported, security supported only when run de-privileged", Meaning{Level: Level{Supported, SecurityConditional}, Condition: WhenDeprivilege}},
		{"Support scope restricted", Meaning{Level: Level{Supported, SecurityConditional}, Condition: ScopeRestricted}},
		{"Deprecated", Meaning{Level: Level{Deprecated, SecurityYes}}},
		{"Deprecated, not security supported", Meaning{Level: Level{Deprecated, SecurityNo}}},
		{"Tech Preview", Meaning{Level: Level{TechPreview, SecurityNo}}},
		{"Tech Preview, with limited support", Meaning{Level: Level{TechPreview, SecurityConditional}, Condition: LimitedSupport}},
		{"Experimental", Meaning{Level: Level{Experimental, SecurityNo}}},
		{"Expermental", Meaning{Level: Level{Experimental, SecurityNo}}},
		{"Experimenal", Meaning{Level: Level{Experimental, SecurityNo}}},
		{"No security support, not recommended", Meaning{Level: Level{FunctionalNotStated, SecurityNo}}},
		{"Not supported.", Meaning{Level: Level{NotSupported, SecurityNo}}},
		{"Not functional", Meaning{Level: Level{NotFunctional, SecurityNo}}},
		{"Not implemented", Meaning{Level: Level{NotImplemented, SecurityNo}}},
		{`Supported (outside of "backend allocation" mode)`, Meaning{Level: yes, Mode: `outside of "backend allocation" mode`}},
		{`Experimental (in “backend allocation” mode)`, Meaning{Level: Level{Experimental, SecurityNo}, Mode: `"backend allocation" mode`}},

		{"Supported up to 4096", limit(yes, 4096, Count, "4096")},
		{"Supported up to 4,096 CPUs.", limit(yes, 4096, CPUs, "4,096 CPUs")},
		{"Supported up to 128 vcpus", limit(yes, 128, CPUs, "128 vCPUs")},
		{"Supported up to 12 GiB", limit(yes, 12<<30, Bytes, "12 GiB")},
		{"Supported up to 12TiB", limit(yes, 12*tib, Bytes, "12 TiB")},
		{"Supported up to 1.5 TiB", limit(yes, 3*tib/2, Bytes, "1.5 TiB")},
		{"Supported up to 12 288 GiB", limit(yes, 12*tib, Bytes, "12 288 GiB")},
		{"Supported up to 512 MiB", limit(yes, 512<<20, Bytes, "512 MiB")},
		{"Tech Preview up to 64", limit(Level{TechPreview, SecurityNo}, 64, Count, "64")},
		{"Supported up to 64, not security supported", limit(no, 64, Count, "64")},
		{"Supported up to 12 TiB. Hosts with more memory are supported, but not security supported.",
			Meaning{Level: yes, Limit: &Limit{Max: Quantity{12 * tib, Bytes, "12 TiB"}, Above: no}}},
		{"Supported up to 8 TiB. Guests with more memory, but less than 16 TiB, are supported, but not security supported.",
			Meaning{Level: yes, Limit: &Limit{Max: Quantity{8 * tib, Bytes, "8 TiB"}, Above: no, Below: &Quantity{16 * tib, Bytes, "16 TiB"}}}},
		{"Supported up to 256. Hosts with more CPUs are not supported.",
			Meaning{Level: yes, Limit: &Limit{Max: Quantity{256, Count, "256"}, Above: Level{NotSupported, SecurityNo}}}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, parseMeaning(keyStatus, tt.value)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.value, diff)
		}
	}
}

func TestMeaningNotUnderstood(t *testing.T) {
	for _, value := range []string{
		"", ".", "Unsupported", "Supported..", "Supported, except on Tuesdays", "Supported (mostly)", "Supported up to lots", "Supported up to",
		"Supported up to 12 TB", "Supported up to 12 GB", "Supported up to 12.3.4 TiB", "Supported up to 0", "Supported up to -1", "Supported up to 012",
		"Supported up to 99999999999999999999", "Supported up to 16777216 TiB", "Supported up to 1,23 TiB", "Supported up to 1.5", "Supported up to 1.5 CPUs",
		"Supported up to 12 TiB or so", "Supported up to 12 TiB Hosts with more memory are supported, but not security supported.",
		"Supported up to 12 TiB. Hosts with more memory are fine.", "Supported up to 12 TiB. Hosts with more CPUs are not supported.",
		"Supported up to 8 TiB. Guests with more memory, but less than 4 TiB, are supported, but not security supported.",
		"Supported up to 8 TiB. Guests with more memory, but less than 16, are supported, but not security supported.",
		"Supported, not security supported up to 64", "not Supported, with caveats", "Supported, with caveats, mostly", "Tech Preview, security supported",
		"Supported Supported", "Supported\x00", "Suported", "Security supported, not security supported", "Supported, security supported up to 4",
		`Supported (in "other" mode)`, `Supported up to 4 (in "backend allocation" mode)`, "bzImage", "Supported, unsupported", "Experimental?",
	} {
		m := parseMeaning(keyStatus, value)
		if m.Understood() || m.Functional != FunctionalUnrecognised || m.Security != SecurityUnrecognised || m.Limit != nil {
			t.Errorf("%q is understood as %+v", value, m)
		}
	}
	for _, formats := range []string{"", "Supported", "bzImage, sometimes", "bzImage,", "no ELF"} {
		if m := parseMeaning(keySupported, formats); m.Understood() {
			t.Errorf("formats %q are understood as %+v", formats, m)
		}
	}
}

func TestMeaningAt(t *testing.T) {
	guests := parseMeaning(keyStatus, "Supported up to 8 TiB. Guests with more memory, but less than 16 TiB, are supported, but not security supported.")
	hosts := parseMeaning(keyStatus, "Supported up to 12 TiB. Hosts with more memory are supported, but not security supported.")
	silent := parseMeaning(keyStatus, "Supported up to 4096")
	yes, no := Level{Supported, SecurityYes}, Level{Supported, SecurityNo}
	tests := []struct {
		m    Meaning
		n    uint64
		want Level
	}{
		{guests, 8 * tib, yes}, {guests, 8*tib + 1, no}, {guests, 16*tib - 1, no}, {guests, 16 * tib, NothingSaid},
		{hosts, 12 * tib, yes}, {hosts, 12*tib + 1, no}, {hosts, 1 << 62, no},
		{silent, 4096, yes}, {silent, 4097, NothingSaid},
	}
	for _, tt := range tests {
		if got := tt.m.At(tt.n); got != tt.want {
			t.Errorf("at %d: %v, want %v", tt.n, got, tt.want)
		}
	}
}

// A slip of the pen must not make a feature security supported: every value
// that one changed, lost or added character gives is either outside the
// grammar, or no better than what it was, or still reads like a value that
// promises it.
func TestGarbledValues(t *testing.T) {
	l, _ := NewLibrary(nil)
	seen := map[string]bool{}
	for _, e := range l.List() {
		s, err := l.Open(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range s.Rows {
			if r.Keyword == keyStatus {
				seen[r.Value] = true
			}
		}
	}
	promises := func(v string) bool {
		switch v = strings.TrimSuffix(fold(v), "."); v {
		case "supported", "security supported", "deprecated", "supported, security supported",
			`supported (outside of "backend allocation" mode)`, `supported (in "backend allocation" mode)`:
			return true
		}
		// "supported up to N …": the number is the only part that may differ.
		rest, ok := strings.CutPrefix(v, "supported up to ")
		rest = strings.TrimLeft(rest, "0123456789., ")
		switch rest {
		case "", "kib", "mib", "gib", "tib", "pib", "eib":
			return ok
		}
		for u := range units {
			if rest == u || strings.HasPrefix(rest, u+". ") && strings.HasSuffix(rest, "are supported, but not security supported") {
				return ok
			}
		}
		return false
	}
	for value := range seen {
		check := func(garbled string) {
			if m := parseMeaning(keyStatus, garbled); m.Security == SecurityYes && !promises(garbled) {
				t.Errorf("%q, from %q, is security supported: %+v", garbled, value, m)
			}
		}
		for i := 0; i <= len(value); i++ {
			for _, c := range " .,abdeinprstuxyz0159(\"-" {
				check(value[:i] + string(c) + value[i:])
				if i < len(value) {
					check(value[:i] + string(c) + value[i+1:])
				}
			}
			if i < len(value) {
				check(value[:i] + value[i+1:])
			}
		}
	}
}
