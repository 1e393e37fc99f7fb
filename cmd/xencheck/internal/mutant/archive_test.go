package mutant

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/rules"
)

// archive is a recording taken apart.
type archive struct {
	packed  []byte
	members []member
	machine *Machine
	before  []*rules.Verdict
}

type member struct {
	name string
	data []byte
}

func openArchive(t *testing.T, file string) *archive {
	t.Helper()
	m, err := Open(file, file)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{packed: packed, machine: m}
	zr, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return a
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		a.members = append(a.members, member{h.Name, b})
	}
}

func pack(members []member) []byte {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for _, m := range members {
		_ = tw.WriteHeader(&tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.data)), Typeflag: tar.TypeReg})
		_, _ = tw.Write(m.data)
	}
	_, _ = tw.Close(), zw.Close()
	return b.Bytes()
}

// damaged returns the archive with one thing wrong with it. The members are
// evidence only as far as the manifest vouches for them; the manifest itself is
// cut, or loses or spoils what it says of a source.
func (a *archive) damaged(rng *rand.Rand) (how string, packed []byte) {
	ms := slices.Clone(a.members)
	source := func() int { // any but the manifest and the facts
		for {
			if i := rng.IntN(len(ms)); ms[i].name != probe.ManifestName && ms[i].name != probe.FactsName && len(ms[i].data) > 0 {
				return i
			}
		}
	}
	switch rng.IntN(8) {
	case 0:
		return "cut off", a.packed[:rng.IntN(len(a.packed))]
	case 1:
		b := bytes.Clone(a.packed)
		b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
		return "a byte of it wrong", b
	case 2:
		i := source()
		ms[i].data = bytes.Clone(ms[i].data)
		ms[i].data[rng.IntN(len(ms[i].data))] ^= byte(1 + rng.IntN(255))
		return "a member altered", pack(ms)
	case 3:
		i := source()
		return "a member missing", pack(slices.Delete(ms, i, i+1))
	case 4:
		i, j := source(), source()
		ms[i].data, ms[j].data = ms[j].data, ms[i].data
		return "members swapped", pack(ms)
	case 5:
		i := source()
		ms[i].data = ms[i].data[:rng.IntN(len(ms[i].data))]
		return "a member cut", pack(ms)
	}
	at := slices.IndexFunc(ms, func(m member) bool { return m.name == probe.ManifestName })
	var m map[string]any
	if err := json.Unmarshal(ms[at].data, &m); err != nil {
		panic(err)
	}
	entries := m["entries"].([]any)
	i := rng.IntN(len(entries))
	for entries[i].(map[string]any)["state"] != "known" {
		i = rng.IntN(len(entries))
	}
	how = "an entry of the manifest spoiled"
	e := entries[i].(map[string]any)
	switch rng.IntN(3) {
	case 0:
		e["sha256"] = "00"
		if e["kind"] != "file" {
			e["kind"] = "nothing"
		}
	case 1:
		e["state"] = "perhaps"
	default:
		e["size"] = 1 << 20
		if e["kind"] != "file" {
			e["state"] = "unknown"
		}
	}
	ms[at].data, _ = json.Marshal(m)
	return how, pack(ms)
}
