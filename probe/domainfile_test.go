package probe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
)

func TestReadDomains(t *testing.T) {
	type domain struct{ Name, Form, Source string }
	for name, tc := range map[string]struct {
		text string
		want []domain
		err  string
	}{
		"xl.cfg":        {"name = \"a\"\nmemory = 512\n", []domain{{"a", string(facts.XLConfig), "f"}}, ""},
		"syntax error":  {"name = \"a\"\nvif = [ 'x'\n", []domain{{"a", string(facts.XLConfig), "f"}}, ""},
		"xl list -l":    {"\n[{\"domid\": 1, \"config\": {\"c_info\": {\"name\": \"a\"}}}, {\"domid\": 2, \"config\": {\"c_info\": {\"name\": \"b\"}}}]", []domain{{"a", string(facts.LibxlJSON), "f"}, {"b", string(facts.LibxlJSON), "f"}}, ""},
		"no domain":     {"[]", nil, ""},
		"JSON cut off":  {"[{\"domid\": 1, \"config\": {\"c_info\": {\"name\": \"a\"}}},\n{\"domid\"", []domain{{"a", string(facts.LibxlJSON), "f"}}, "f:2: unexpected EOF"},
		"large xl.cfg":  {strings.Repeat("# comment\n", 200_000), nil, "f: larger than 1048576 bytes, too large for xl.cfg"},
		"an empty file": {"", []domain{{"", string(facts.XLConfig), "f"}}, ""},
	} {
		ds, err := ReadDomains("f", []byte(tc.text))
		var got []domain
		for _, d := range ds {
			got = append(got, domain{d.Name.Value, string(d.Form), d.Source})
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
		if (err != nil || tc.err != "") && (err == nil || err.Error() != tc.err) {
			t.Errorf("%s: error %v, want %q", name, err, tc.err)
		}
	}
}
