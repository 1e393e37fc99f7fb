package procfs

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// OSRelease is what xencheck uses of /etc/os-release (os-release(5)). A field
// that the file leaves out is empty.
type OSRelease struct {
	ID         string   // debian
	Like       []string // ID_LIKE
	Name       string   // Debian GNU/Linux
	PrettyName string   // Debian GNU/Linux 12 (bookworm)
	VersionID  string   // 12
}

// ParseOSRelease reads an os-release file. Assignments it does not use are
// skipped; one that it does use and cannot read is an error that names the
// line, while the others are returned.
func ParseOSRelease(text []byte) (OSRelease, error) {
	var o OSRelease
	var bad error
	found := false
	for n, line := range lines(text) {
		key, quoted, ok := strings.Cut(strings.TrimSpace(string(line)), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		var field *string
		var like string
		switch key {
		case "ID":
			field = &o.ID
		case "ID_LIKE":
			field = &like
		case "NAME":
			field = &o.Name
		case "PRETTY_NAME":
			field = &o.PrettyName
		case "VERSION_ID":
			field = &o.VersionID
		default:
			continue
		}
		value, err := unquote(quoted)
		if err != nil {
			if bad == nil {
				bad = fmt.Errorf("line %d: %s: %w", n, key, err)
			}
			continue
		}
		found = true
		*field = Value([]byte(value))
		if key == "ID_LIKE" {
			o.Like = strings.Fields(like)
		}
	}
	if !found && bad == nil {
		bad = fmt.Errorf("not an os-release file: it names no system")
	}
	return o, bad
}

// unquote undoes the shell quoting that os-release(5) allows: one value in
// single or double quotes or none, with backslashes. Expansions are not
// allowed there and are kept as they stand.
func unquote(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("not UTF-8: %.40q", s)
	}
	quote := byte(0)
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		quote, s = s[0], s[1:]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote && quote != 0:
			if i != len(s)-1 {
				return "", fmt.Errorf("text after the closing quote: %.40q", s[i+1:])
			}
			return b.String(), nil
		case c == '\\' && quote != '\'':
			i++
			if i == len(s) {
				return "", fmt.Errorf("ends in a backslash")
			}
			if quote == '"' && !strings.ContainsRune("\"$`\\", rune(s[i])) {
				b.WriteByte('\\')
			}
			b.WriteByte(s[i])
		case quote == 0 && (c == ' ' || c == '"' || c == '\''):
			return "", fmt.Errorf("blank or quote inside an unquoted value: %.40q", s)
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", fmt.Errorf("closing quote missing")
	}
	return b.String(), nil
}
