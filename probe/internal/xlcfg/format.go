package xlcfg

import (
	"fmt"
	"strings"
)

// Format writes a file in one plain spelling: an assignment a line, strings in
// double quotes. Parsing it gives the same keys and values; comments, places
// and what could not be read are lost.
func Format(f *File) string {
	var b strings.Builder
	for _, a := range f.Assignments {
		if a.Bad != "" {
			continue
		}
		op := " = "
		if a.Append {
			op = " += "
		}
		b.WriteString(a.Name + op)
		format(&b, a.Value)
		b.WriteByte('\n')
	}
	return b.String()
}

func format(b *strings.Builder, v Value) {
	switch {
	case v.List:
		b.WriteByte('[')
		for i, item := range v.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			format(b, item)
		}
		b.WriteByte(']')
	case v.Quoted:
		b.WriteByte('"')
		for i := range len(v.Text) {
			switch c := v.Text[i]; {
			case c == '"' || c == '\\':
				b.WriteString(`\` + string(c))
			case c == '\n':
				b.WriteString(`\n`)
			case c < ' ':
				fmt.Fprintf(b, `\x%02x`, c)
			default:
				b.WriteByte(c)
			}
		}
		b.WriteByte('"')
	default:
		b.WriteString(v.Text)
	}
}
