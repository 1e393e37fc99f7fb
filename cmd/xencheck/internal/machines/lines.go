package machines

import (
	"fmt"
	"strings"
)

// line is a line of a definition: a word, and what follows it.
type line struct {
	number     int
	word, rest string
}

// readLines splits a definition. Blank lines and lines that begin with # say
// nothing.
func readLines(text string) []line {
	var out []line
	for i, l := range strings.Split(text, "\n") {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		word, rest, _ := strings.Cut(l, " ")
		out = append(out, line{i + 1, word, strings.TrimSpace(rest)})
	}
	return out
}

// splitArgs splits at blanks outside of double quotes, and drops the quotes.
func splitArgs(s string) ([]string, error) {
	var (
		args          []string
		word          strings.Builder
		quoted, begun bool
	)
	for _, r := range s {
		switch {
		case r == '"':
			quoted, begun = !quoted, true
		case r == ' ' && !quoted:
			if begun {
				args = append(args, word.String())
				word.Reset()
				begun = false
			}
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed in %q", s)
	}
	if begun {
		args = append(args, word.String())
	}
	return args, nil
}
