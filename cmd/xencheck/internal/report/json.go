package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Write writes any of this package's objects, or a facts.Host, as indented
// JSON with a final newline.
func Write(w io.Writer, v any) error { return write(w, v, "  ") }

// WriteLine writes it on a line of its own, for streams of several objects
// (JSON Lines).
func WriteLine(w io.Writer, v any) error { return write(w, v, "") }

// AppendLine appends what WriteLine writes. Of what cannot be encoded nothing
// is appended.
func AppendLine(dst []byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return dst, fmt.Errorf("encode report: %w", err)
	}
	line := b.Bytes()[len(dst):]
	if clean := escapeControls(line); len(clean) != len(line) {
		return append(b.Bytes()[:len(dst)], clean...), nil
	}
	return b.Bytes(), nil
}

// write encodes all of it before it writes any: a failure leaves no torso.
func write(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	_, err := w.Write(escapeControls(b.Bytes()))
	return err
}

// escapeControls writes DEL and the C1 controls as \u escapes. JSON allows them
// raw inside strings, but a terminal may obey them, and reports are looked at.
func escapeControls(b []byte) []byte {
	if bytes.IndexByte(b, 0x7f) < 0 && bytes.IndexByte(b, 0xc2) < 0 {
		return b // as nearly always
	}
	special := func(i int) (rune, int) {
		switch {
		case b[i] == 0x7f:
			return 0x7f, 1
		case b[i] == 0xc2 && i+1 < len(b) && b[i+1] >= 0x80 && b[i+1] < 0xa0:
			return rune(b[i+1]), 2
		}
		return 0, 0
	}
	var out []byte
	done := 0
	for i := 0; i < len(b); i++ {
		r, n := special(i)
		if n == 0 {
			continue
		}
		out = append(out, b[done:i]...)
		out = fmt.Appendf(out, `\u%04x`, r)
		i += n - 1
		done = i + 1
	}
	if done == 0 {
		return b
	}
	return append(out, b[done:]...)
}
