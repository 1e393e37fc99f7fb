package mutant

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/xencheck/xencheck/probe"
)

// What is what goes wrong with a source.
type What string

// What can go wrong. The first group takes evidence away or spoils it in a way
// that can be told, the second puts other evidence in its place.
const (
	Removed      What = "removed"      // not there, and not listed
	Vanished     What = "vanished"     // listed, and not there when it is opened
	Emptied      What = "emptied"      // there, and without content
	Truncated    What = "truncated"    // cut off somewhere
	Garbled      What = "garbled"      // bytes that no text has, or that break a checksum
	Mislength    What = "mislength"    // its own length field says something else
	Refused      What = "refused"      // EACCES
	Failing      What = "failing"      // EIO
	Endless      What = "endless"      // without an end
	Hanging      What = "hanging"      // a read that never returns
	NotFile      What = "not a file"   // a FIFO, device or directory in its place
	Disowned     What = "disowned"     // differs from what the manifest of its archive says
	Unprivileged What = "unprivileged" // everything that root alone may read, refused

	Altered  What = "altered"  // other digits, letters or bits, well formed
	Replaced What = "replaced" // what another machine has in its place
)

// Loses tells the two groups apart.
func (w What) Loses() bool { return w != Altered && w != Replaced }

// Fault is one thing that goes wrong with one source.
type Fault struct {
	What   What
	Source Source
	// At and Seed choose the place and the bytes; what they mean is the
	// fault's own business.
	At   int
	Seed uint64
	// Other is what stands in its place, of a source that is replaced.
	Other []byte
}

func (f Fault) String() string {
	if f.What == Unprivileged {
		return string(f.What)
	}
	return fmt.Sprintf("%s %s %s (at %d, seed %d)", f.Source.Kind, f.Source.Name, f.What, f.At, f.Seed)
}

// Faults returns one fault of every sort that a source can have, with places
// and bytes by chance. Some of what is drawn changes nothing.
func (m *Machine) Faults(s Source, rng *rand.Rand, others []*Machine) []Fault {
	a := m.ask(s)
	whats := []What{Removed, Vanished, Emptied, Refused, Failing, Hanging, Disowned}
	switch s.Kind {
	case File:
		whats = append(whats, Truncated, Truncated, Truncated, Garbled, Garbled, Endless, NotFile, Altered, Altered, Altered, Replaced)
		if structured(s.Name) {
			whats = append(whats, Mislength, Mislength)
		}
	case Dir:
		whats = append(whats, Endless, NotFile, Altered)
	case Link:
		whats = append(whats, Altered)
	}
	var out []Fault
	for _, w := range whats {
		f := Fault{What: w, Source: s, Seed: rng.Uint64()}
		switch w {
		case Truncated:
			if len(a.data) < 2 {
				continue
			}
			f.At = 1 + rng.IntN(len(a.data)-1)
			if f.Seed%3 == 0 { // at the end of a line
				if i := bytes.LastIndexByte(a.data[:f.At], '\n'); i > 0 {
					f.At = i + 1
				}
			}
		case Replaced:
			if f.Other = another(s, a.data, rng, others); f.Other == nil {
				continue
			}
		}
		out = append(out, f)
	}
	return out
}

// another returns what some other machine has in a source's place; nil when
// none has anything else.
func another(s Source, own []byte, rng *rand.Rand, others []*Machine) []byte {
	if len(others) == 0 {
		return nil
	}
	first := rng.IntN(len(others))
	for i := range others {
		o := others[(first+i)%len(others)]
		if b := o.ask(s); b.err == nil && !bytes.Equal(b.data, own) && len(b.data) > 0 {
			return b.data
		}
	}
	return nil
}

// structured reports whether a source has a length field that can lie.
func structured(name string) bool {
	return strings.HasPrefix(name, "/sys/firmware/acpi/tables/") || name == "/sys/firmware/fdt" ||
		name == "/sys/firmware/dmi/tables/smbios_entry_point"
}

// binary reports whether a source is no text.
func binary(name string) bool {
	return structured(name) || strings.HasPrefix(name, "/sys/firmware/dmi/tables/") || strings.HasPrefix(name, "/sys/firmware/efi/efivars/") ||
		strings.HasPrefix(name, "/sys/firmware/devicetree/") || strings.HasPrefix(name, "/proc/device-tree/") ||
		strings.HasSuffix(name, "/buildid") || name == "/proc/1/environ"
}

// checksummed reports whether one wrong byte in a source can be told.
func checksummed(name string) bool {
	return strings.HasPrefix(name, "/sys/firmware/acpi/tables/") || name == "/sys/firmware/dmi/tables/smbios_entry_point"
}

// suffer returns what a source says with a fault.
func (b *broken) suffer(f Fault, a answer) answer {
	if a.err != nil {
		return a // it could not be read before
	}
	rng := rand.New(rand.NewPCG(f.Seed, 1))
	switch f.What {
	case Removed:
		return answer{err: b.missing(f.Source.Name)}
	case Vanished:
		return answer{err: fs.ErrNotExist}
	case Refused:
		return answer{err: &fs.PathError{Op: "open", Path: f.Source.Name, Err: syscall.EACCES}}
	case Failing:
		return answer{err: &fs.PathError{Op: "read", Path: f.Source.Name, Err: syscall.EIO}}
	case Hanging:
		<-b.release
		return answer{err: syscall.EINTR}
	case NotFile:
		return answer{err: probe.ErrNotFile}
	case Disowned:
		return answer{err: disowned()}
	case Endless:
		return a
	case Emptied:
		return answer{}
	case Truncated:
		return answer{data: a.data[:min(f.At, len(a.data))]}
	case Replaced:
		return answer{data: f.Other}
	}
	switch f.Source.Kind {
	case Dir: // one name less
		if len(a.names) == 0 {
			return a
		}
		return answer{names: slices.Delete(slices.Clone(a.names), 0, 1)}
	case Link:
		return answer{target: a.target[:len(a.target)/2] + "9"}
	}
	if len(a.data) == 0 {
		return a
	}
	data := bytes.Clone(a.data)
	switch f.What {
	case Mislength:
		mislength(f.Source.Name, data, rng)
	case Garbled:
		garble(f.Source.Name, data, rng)
	case Altered:
		alter(f.Source.Name, data, rng)
	}
	return answer{data: data}
}

// garble spoils some bytes so that it can be told: one byte of what has a
// checksum, and bytes that no text has of a text.
func garble(name string, data []byte, rng *rand.Rand) {
	if binary(name) {
		data[rng.IntN(len(data))] ^= byte(1 + rng.IntN(255))
		return
	}
	for range 1 + rng.IntN(4) {
		const controls = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0e\x0f\x10\x7f\x80\xbf\xc0\xfe\xff"
		data[rng.IntN(len(data))] = controls[rng.IntN(len(controls))]
	}
}

// mislength changes the field in which a table or blob tells its own length:
// bytes 4 to 7 of an ACPI table (ACPI 6.5, 5.2.6) and of a device tree blob
// (Devicetree Specification, 5.2), and the one at offset 22 of a 32-bit or 12 of
// a 64-bit SMBIOS entry point (DSP0134, 5.2).
func mislength(name string, data []byte, rng *rand.Rand) {
	at := 4 + rng.IntN(4)
	if strings.HasSuffix(name, "smbios_entry_point") {
		if at = 22; bytes.HasPrefix(data, []byte("_SM3_")) {
			at = 12
		}
	}
	if at < len(data) {
		data[at] ^= byte(1 + rng.IntN(255))
	}
}

// alter changes a digit or a letter of a text into another, and a bit of what is
// no text. What has a checksum gets the right one again.
func alter(name string, data []byte, rng *rand.Rand) {
	if binary(name) {
		i := rng.IntN(len(data))
		old := data[i]
		data[i] ^= 1 << rng.IntN(8)
		if strings.HasPrefix(name, "/sys/firmware/acpi/tables/") && len(data) > 9 && i != 9 {
			data[9] -= data[i] - old
		}
		return
	}
	for range 50 {
		i := rng.IntN(len(data))
		switch c := data[i]; {
		case c >= '0' && c <= '9':
			data[i] = '0' + (c-'0'+byte(1+rng.IntN(9)))%10
		case c >= 'a' && c <= 'z':
			data[i] = 'a' + (c-'a'+byte(1+rng.IntN(25)))%26
		default:
			continue
		}
		return
	}
}

// piece is what an endless file repeats.
func (f Fault) piece(data []byte) []byte {
	if f.Seed%2 == 0 || len(data) == 0 {
		return make([]byte, 4096)
	}
	return data
}

// Loses reports whether faults only take evidence away, or spoil it so that it
// can be told. Taking away what an honest machine of the kind may lack makes
// another honest machine of it.
func (m *Machine) Loses(faults ...Fault) bool {
	for _, f := range faults {
		switch {
		case !f.What.Loses():
			return false
		case f.What == Removed && !mustHave(f.Source):
			return false
		case f.What == Vanished && !mustHave(f.Source) && !m.listed(f.Source):
			return false
		case (f.What == Removed || f.What == Vanished) && !m.whole && ordinary(f.Source.Name):
			return false
		case f.What == Emptied && f.Source.Kind == Dir && !neverEmpty(f.Source.Name):
			return false
		case f.What == Garbled && binary(f.Source.Name) && !checksummed(f.Source.Name):
			return false
		}
	}
	return true
}

// listed reports whether the directory of a source is looked at, too, and names
// it.
func (m *Machine) listed(s Source) bool {
	a := m.ask(Source{path.Dir(s.Name), Dir})
	return a.err == nil && slices.Contains(a.names, path.Base(s.Name))
}
