package probe

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/libxljson"
	"github.com/xencheck/xencheck/probe/internal/xlcfg"
)

// MaxDomains is the size in bytes up to which [ReadDomains] reads a file.
const MaxDomains = libxljson.MaxSize

// ReadDomains understands the configuration of domains: a file of xl.cfg(5),
// which holds one, or what xl list -l prints, which may hold many. Name tells
// where the bytes come from and becomes the source of each domain.
//
// A place of xl.cfg that is outside its grammar is a problem of the domain and
// no error. Domains that were read before an error are returned with it.
func ReadDomains(name string, b []byte) ([]facts.Domain, error) {
	var (
		domains []facts.Domain
		err     error
	)
	// A statement of xl.cfg begins with the name of a key, never with a bracket.
	switch text := bytes.TrimLeft(b, " \t\r\n\ufeff"); {
	case len(text) > 0 && (text[0] == '[' || text[0] == '{'):
		domains, err = libxljson.Parse(b)
	case len(b) > xlcfg.MaxSize:
		return nil, fmt.Errorf("%s: larger than %d bytes, too large for xl.cfg", name, xlcfg.MaxSize)
	default:
		domains = []facts.Domain{xlcfg.Domain(xlcfg.Parse(b))}
	}
	for i := range domains {
		domains[i].Source = name
	}
	if err == nil {
		return domains, nil
	}
	if line, rest, ok := strings.Cut(err.Error(), ": "); ok && strings.HasPrefix(line, "line ") {
		return domains, fmt.Errorf("%s:%s: %s", name, strings.TrimPrefix(line, "line "), rest)
	}
	return domains, fmt.Errorf("%s: %w", name, err)
}
