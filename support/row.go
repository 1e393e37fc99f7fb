package support

import (
	"fmt"
	"strings"
)

// rowLine is a line of the form KEY [", " QUALIFIER] ":" VALUE.
type rowLine struct {
	key, qualifier, value string
}

// rowSource is a row as it was found.
type rowSource struct {
	rowLine
	line   int
	indent string
	parts  []string // of the value, one a line
	odd    string   // what is unusual about where it stands
}

// splitKey splits a line of data. It reports false for a line that does not
// begin with a key, such as the rest of a folded value.
func splitKey(text string) (rowLine, bool) {
	head, value, ok := strings.Cut(text, ":")
	if !ok || len(head) > 400 {
		return rowLine{}, false
	}
	key, qualifier, _ := strings.Cut(head, ",")
	k := rowLine{key: strings.TrimSpace(key), qualifier: strings.TrimSpace(qualifier), value: strings.TrimSpace(value)}
	if !isKey(k.key) {
		return rowLine{}, false
	}
	// "https://…" and the like: only known keys may go without the blank.
	if value != "" && value[0] != ' ' && value[0] != '\t' && !k.known() {
		return rowLine{}, false
	}
	return k, true
}

// isKey reports whether a string has the form of a key: one word or two, of
// letters, digits, hyphens and underscores.
func isKey(s string) bool {
	if s == "" || len(s) > 40 || !isLetter(s[0]) || strings.Count(s, " ") > 1 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '_' && c != ' ' {
			return false
		}
	}
	return true
}

// known reports whether the key is one of a status row. "States" stood in
// the 4.10.0 text for Status.
func (k rowLine) known() bool {
	return strings.EqualFold(k.key, keyStatus) || strings.EqualFold(k.key, "States") || strings.EqualFold(k.key, keySupported)
}

// keyword returns the keyword as its author meant it.
func (k rowLine) keyword() string {
	if strings.EqualFold(k.key, keySupported) {
		return keySupported
	}
	return keyStatus
}

// slip says what is wrong with the spelling of a key.
func (k rowLine) slip() string {
	if k.key != k.keyword() {
		return fmt.Sprintf("key %q probably means %q", k.key, k.keyword())
	}
	return ""
}

// nearly reports whether the key is at most two letters away from a keyword.
func (k rowLine) nearly() bool {
	key := strings.ToLower(k.key)
	return distance(key, "status", 2) <= 2 || distance(key, "supported", 2) <= 2
}

// String writes the row as the statement does.
func (s rowSource) String() string {
	key := s.key
	if s.qualifier != "" {
		key += ", " + s.qualifier
	}
	return strings.TrimRight(key+": "+s.value, " ")
}

// canonicalIndent is the indentation a distilled statement gives the row: its
// own where the way it is indented was an oddity.
func (s rowSource) canonicalIndent(spelling string) string {
	if spelling != spellingMarkdown || s.odd == "" || strings.HasPrefix(s.odd, "status stands") {
		return codeIndent
	}
	return s.indent
}

// startsLikeKey reports whether a line begins with a keyword that no colon
// follows.
func startsLikeKey(text string) bool {
	if i := strings.IndexAny(text, " ,;"); i >= 0 {
		text = text[:i]
	}
	return strings.EqualFold(text, keyStatus) || strings.EqualFold(text, "States") || strings.EqualFold(text, keySupported)
}

// misspelt names a slip in a value.
func misspelt(m Meaning, value string) string {
	if m.Functional != Experimental {
		return ""
	}
	v := fold(value)
	for _, wrong := range []string{"expermental", "experimenal"} {
		if strings.HasPrefix(v, wrong) {
			return fmt.Sprintf("value %q probably means %q", value, "Experimental")
		}
	}
	return ""
}

// distance is the edit distance between two short words, with a swap of
// neighbours counting one; anything above limit may come out as limit+1.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, prev := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev = prev, cur
	}
	return prev[len(b)]
}
