package support

import "testing"

func BenchmarkParseDistilled(b *testing.B) {
	text, err := releases.ReadFile(embeddedPath("4.22"))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkParse(b, text)
}

func BenchmarkParseMarkdown(b *testing.B) { benchmarkParse(b, shared(b, "statements", "4.22.md")) }

func BenchmarkParseText(b *testing.B) {
	benchmarkParse(b, shared(b, "seeds", "SUPPORT-4.18-rendered.txt"))
}

func benchmarkParse(b *testing.B, text []byte) {
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse("bench", text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen is what a command pays: making the library and opening one
// statement with its notes.
func BenchmarkOpen(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		l, errs := NewLibrary(nil)
		if len(errs) != 0 {
			b.Fatal(errs)
		}
		if _, err := l.Open("4.22"); err != nil {
			b.Fatal(err)
		}
	}
}
