package xlcfg

import (
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/discreet"
)

// disk reads a disk specification (xl-disk-configuration(5)), its deprecated
// spellings included. Parameters are told apart as xl does: KEY=VALUE by the
// key, a prefix such as phy: by its colon, and what remains by position,
// target, format, vdev, access. target= takes the rest of the text.
func disk(spec string) facts.DomainDisk {
	p := diskParser{}
	const blanks = " \t\n"
	for spec = strings.TrimLeft(spec, blanks); p.d.Bad == "" && spec != ""; spec = strings.TrimLeft(spec, blanks) {
		spec = p.parameter(spec)
	}
	if p.d.CDROM {
		p.d.ReadOnly = true
	}
	switch {
	case p.d.Bad != "":
	case !p.vdev:
		p.bad("no vdev")
	case p.d.CDROM && p.d.Target == "":
		p.d.Format = "empty"
	case !p.target:
		p.bad("no target")
	case p.d.Format == "":
		p.d.Format = "raw"
	}
	for _, s := range []*string{&p.d.Target, &p.d.Script, &p.d.VDev, &p.d.Backend} {
		*s = discreet.Text(*s)
	}
	return p.d
}

type diskParser struct {
	d         facts.DomainDisk
	target    bool // a target was given, an empty one included
	vdev      bool // likewise
	prefixed  bool // a deprecated prefix stands for the format
	accessSet bool
}

func (p *diskParser) bad(why string) { p.d.Bad = why }

// parameter reads what spec begins with and returns the rest.
func (p *diskParser) parameter(spec string) string {
	if rest, ok := strings.CutPrefix(spec, "target="); ok {
		p.set(&p.d.Target, "target", strings.TrimSuffix(rest, ","))
		p.target = true
		return ""
	}
	if prefix, rest, ok := diskPrefix(spec); ok {
		p.prefix(prefix)
		return rest
	}
	if word := unknownPrefix(spec); word != "" {
		p.bad("unknown prefix " + quote(word))
		return ""
	}
	word, rest, _ := strings.Cut(spec, ",")
	key, value, isKey := strings.Cut(word, "=")
	switch {
	case isKey:
		p.keyed(key, value)
	case p.flag(word):
	default:
		p.positional(word)
	}
	return rest
}

// diskPrefix splits PREFIX: off. Such a prefix is deprecated in all its forms.
func diskPrefix(spec string) (prefix, rest string, ok bool) {
	prefix, rest, ok = strings.Cut(spec, ":")
	known := []string{"raw", "qcow", "qcow2", "vhd", "iscsi", "nbd", "enbd", "drbd", "tapdisk", "tap", "tap2", "aio", "ioemu", "file", "phy"}
	return prefix, rest, ok && slices.Contains(known, prefix)
}

// unknownPrefix returns the word of WORD: with no name behind it, or nothing.
// With a name it is an ordinary target, such as rbd:pool.
func unknownPrefix(spec string) string {
	n := span(spec, func(c byte) bool { return digit(c) || c >= 'a' && c <= 'z' })
	if n == 0 || digit(spec[0]) || !strings.HasPrefix(spec[n:], ":") {
		return ""
	}
	rest := spec[n+1:]
	if rest != "" && (digit(rest[0]) || rest[0] >= 'a' && rest[0] <= 'z') {
		return ""
	}
	return spec[:n]
}

func (p *diskParser) prefix(prefix string) {
	p.prefixed = true
	p.d.Prefix += prefix + ":"
	switch prefix {
	case "raw", "qcow", "qcow2", "vhd":
		p.enum(&p.d.Format, "format", prefix)
	case "iscsi", "nbd", "enbd", "drbd":
		p.set(&p.d.Script, "script", "block-"+prefix)
	}
}

// flag reads a parameter that is a word alone.
func (p *diskParser) flag(word string) bool {
	switch word {
	case "cdrom":
		p.d.CDROM = true
	case "direct-io-safe":
		p.d.DirectIO = true
	case "colo":
		p.d.COLO = true
	case "untrusted":
		p.d.Untrusted = true
	case "trusted":
		p.d.Untrusted = false
	case "discard", "no-discard", "no-colo":
	default:
		return false
	}
	return true
}

func (p *diskParser) keyed(key, value string) {
	switch key {
	case "format":
		p.format(value)
	case "devtype":
		p.devtype(value)
	case "access":
		p.access(value)
	case "backend":
		p.set(&p.d.Backend, key, value)
	case "backendtype":
		p.choose(&p.d.BackendType, key, value, "phy", "tap", "qdisk", "standalone")
	case "specification":
		p.choose(&p.d.Specification, key, value, "xen", "virtio")
	case "vdev":
		p.setVDev(value)
	case "script":
		p.set(&p.d.Script, key, value)
	case "colo-host", "colo-port", "colo-export", "active-disk", "hidden-disk":
		p.d.COLO = true
	case "grant_usage":
	default:
		p.bad("unknown parameter " + quote(key))
	}
}

// positional reads a parameter without a key.
func (p *diskParser) positional(word string) {
	switch {
	case !p.target:
		p.d.Target, p.target = word, true
	case !p.prefixed && p.d.Format == "":
		// ",hdc:cdrom,r" leaves the format out where there is no target.
		if p.d.Target == "" && p.vdevAndType(word) {
			p.d.Format = "empty"
			return
		}
		p.format(word)
	case !p.vdev:
		if !p.vdevAndType(word) {
			p.setVDev(word)
		}
	case !p.accessSet:
		p.accessSet = true
		p.access(word)
	default:
		p.bad("too many parameters without a key")
	}
}

// vdevAndType reads the deprecated VDEV:TYPE.
func (p *diskParser) vdevAndType(word string) bool {
	at := strings.LastIndexByte(word, ':')
	if at < 0 {
		return false
	}
	p.setVDev(word[:at])
	p.devtype(word[at+1:])
	return true
}

func (p *diskParser) devtype(v string) {
	switch v {
	case "cdrom":
		p.d.CDROM = true
	case "disk":
		p.d.CDROM = false
	default:
		p.bad("unknown type " + quote(v))
	}
}

func (p *diskParser) format(v string) {
	if v == "" {
		v = "raw"
	}
	p.choose(&p.d.Format, "format", v, "raw", "qcow", "qcow2", "vhd", "qed", "empty")
}

func (p *diskParser) access(v string) {
	switch v {
	case "r", "ro":
		p.d.ReadOnly = true
	case "w", "rw", "":
		p.d.ReadOnly = false
	default:
		p.bad("unknown access " + quote(v))
	}
}

func (p *diskParser) choose(to *string, what, v string, known ...string) {
	if !slices.Contains(known, v) {
		p.bad("unknown " + what + " " + quote(v))
		return
	}
	p.enum(to, what, v)
}

// enum sets a value that may be repeated, but not changed.
func (p *diskParser) enum(to *string, what, v string) {
	if *to != "" && *to != v {
		p.bad(what + " given twice")
		return
	}
	*to = v
}

func (p *diskParser) setVDev(v string) {
	p.set(&p.d.VDev, "vdev", v)
	p.vdev = true
}

// set sets a value that must not be given twice.
func (p *diskParser) set(to *string, what, v string) {
	if *to != "" {
		p.bad(what + " given twice")
		return
	}
	*to = v
}
