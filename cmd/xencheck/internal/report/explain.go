package report

import (
	"io"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// Topic is something to explain: a row, or a rule by itself when Key is empty.
type Topic struct {
	Key      string
	Row      support.Row // as in the newest release that has it
	Through  []InRelease // every release, oldest first
	Rule     *rules.Rule // that judges the row; nil when none does
	Observed string      // how the row is observed
	Needs    string      // what would have to be read
	Change   string      // how to change what puts it in use; may be empty
}

// InRelease is a row in one release; nil when the release has no such row.
type InRelease struct {
	Release string
	Row     *support.Row
}

// WriteTopics writes explanations for people.
func WriteTopics(w io.Writer, topics []Topic, s Style) error {
	p := newPage(s)
	told := map[string]bool{} // rules, so that each is told once
	for i, t := range topics {
		if i > 0 {
			p.blank()
		}
		if t.Key != "" {
			t.write(p)
		}
		if t.Rule != nil && !told[t.Rule.ID] {
			told[t.Rule.ID] = true
			p.head(sgrBold, "Rule "+t.Rule.ID+": "+t.Rule.Title)
			p.text(2, t.Rule.Doc)
		}
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// write tells about a row.
func (t Topic) write(p *page) {
	title := t.Row.Feature
	if title == "" {
		title = t.Row.Section
	}
	if t.Row.Qualifier != "" {
		title += ", " + t.Row.Qualifier
	}
	p.head(sgrBold, title)
	p.text(2, "Row "+t.Key+" in section "+quoted(t.Row.Section)+".")
	p.head(sgrBold, "Through the releases")
	t.releases(p)
	p.head(sgrBold, "What it means")
	p.text(2, sentence(MeaningWords(t.Row.Meaning)))
	if t.Row.Note != "" {
		p.text(2, t.Row.Note)
	}
	if t.Observed != "" {
		p.head(sgrBold, "How it is observed")
		p.text(2, sentence(t.Observed))
		p.text(2, t.reach())
	}
	if t.Change != "" {
		p.head(sgrBold, "How to change it")
		p.text(2, sentence(t.Change))
	}
}

// releases writes one item for each run of releases with the same value.
func (t Topic) releases(p *page) {
	for i := 0; i < len(t.Through); {
		j := i + 1
		for j < len(t.Through) && sameValue(t.Through[i], t.Through[j]) {
			j++
		}
		span := t.Through[i].Release
		if j-i > 1 {
			span += "–" + t.Through[j-1].Release
		}
		value := "no such row"
		if row := t.Through[j-1].Row; row != nil {
			value = quoted(row.Value) + " [line " + strconv.Itoa(row.Line) + " of " + t.Through[j-1].Release + "]"
			if m := MeaningWords(row.Meaning); !row.Meaning.Understood() {
				value += " (" + m + ")"
			}
		}
		p.field(2, p.plain(span+":"), value)
		i = j
	}
}

// sameValue reports whether a row says the same in two releases.
func sameValue(a, b InRelease) bool {
	if a.Row == nil || b.Row == nil {
		return a.Row == b.Row
	}
	return a.Row.Value == b.Row.Value
}

// reach says whether the hardware alone tells about the row.
func (t Topic) reach() string {
	if rest, ok := strings.CutPrefix(t.Needs, "needs "); ok {
		return "The hardware does not show it; it needs " + rest + "."
	}
	if strings.HasPrefix(t.Needs, "not ") {
		return "It is " + t.Needs + "."
	}
	return "The hardware shows it."
}
