package xlcfg

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show writes the settings of a file in a short form: key=text, lists in
// brackets, a bad one as key!
func show(f *File) string {
	var parts []string
	for _, s := range f.Settings() {
		if s.Bad != "" {
			parts = append(parts, s.Name+"!")
			continue
		}
		parts = append(parts, s.Name+"="+showValue(s.Value))
	}
	return strings.Join(parts, " ")
}

func showValue(v Value) string {
	if !v.List {
		return v.Text
	}
	items := make([]string, len(v.Items))
	for i, item := range v.Items {
		items[i] = showValue(item)
	}
	return "[" + strings.Join(items, "|") + "]"
}

func showProblems(f *File) []string {
	var out []string
	for _, p := range f.Problems {
		s := p.Error()
		if p.Tolerated {
			s += " (tolerated)"
		}
		out = append(out, s)
	}
	return out
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		problems       []string
	}{
		{"plain", "name = \"guest\"\nvcpus=2\n", "name=guest vcpus=2", nil},
		{"no final line end", "a = 1", "a=1", nil},
		{"empty", "", "", nil},
		{"comments", "# one\na = 1 # two\n  # three\nb = '#'\n", "a=1 b=#", nil},
		{"semicolons", "a=1;;b=2;", "a=1 b=2", nil},
		{"numbers stay as written", "a=0x1f\nb=010\nc=1f\n", "a=0x1f b=010 c=1f", nil},
		{"escapes", `a = "q\"\'\\\n\t\r\a\b\f\v"`, "a=q\"'\\\n\t\r\a\b\f\v", nil},
		{"other quotes inside", `a = "it's"; b = 'say "x"'`, `a=it's b=say "x"`, nil},
		{"a quote escaped in its own kind", `a = 'it\'s'`, "a=it's", nil},
		{"list over lines", "a = [ 'x',\n  # between\n 'y' # behind\n , 'z',\n]\nb=1", "a=[x|y|z] b=1", nil},
		{"empty list", "a=[]; b=[\n]", "a=[] b=[]", nil},
		{"nested", "v = [ [ 'pnode=0', 'size=1' ], [ 'pnode=1' ] ]\n", "v=[[pnode=0|size=1]|[pnode=1]]", nil},
		{"append", "a='x'\na+='y'\nd=['1']\nd += ['2']\nn+='z'", "a=xy d=[1|2] n=z", nil},
		{"append of another sort", "a='x'\na+=['y']\n", "a!", []string{"2:1: += joins a list and a single value"}},
		{"secrets are not repeated", "vncpasswd = hunter2\nuuid = 6ba7-b810", "vncpasswd! uuid!", []string{
			"1:13: the value is neither a number, a string nor a list", "2:12: the value is neither a number, a string nor a list"}},
		{"the last one counts", "a=1\na=2\n", "a=2", nil},
		{"carriage returns", "a=1\r\nb=[\r\n'x'\r\n]\r\n", "a=1 b=[x]",
			[]string{"1:4: lines end in a carriage return, which xl refuses (tolerated)"}},
		{"byte order mark", "\ufeffa=1\n", "a=1", []string{"1:1: a byte order mark, which xl refuses (tolerated)"}},
		{"comment without line end", "a=1 # x", "a=1",
			[]string{"1:5: a comment at the end of the file without a line end, which xl refuses (tolerated)"}},
		{"numeric escapes", `a="\x41\102\0"`, "a=AB\x00", []string{
			"1:4: a numeric escape, which xl refuses or drops (tolerated)",
			"1:8: a numeric escape, which xl refuses or drops (tolerated)",
			"1:12: a numeric escape, which xl refuses or drops (tolerated)"}},

		{"no quotes", "type = hvm\nvcpus = 2\n", "type! vcpus=2", []string{`1:8: expected a value, found "hvm" without quotes`}},
		{"no value", "a =\nb = 1\n", "a! b=1", []string{"1:4: expected a value, found the end of the line"}},
		{"suffix", "memory = 4G\nb = 1", "memory! b=1",
			[]string{`1:11: "G" is neither a key, a number, a string nor a list`}},
		{"minus", "a = -1\nb = 1", "a! b=1", []string{`1:5: "-1" is neither a key, a number, a string nor a list`}},
		{"open string", "a = 'x\nb = 1", "a! b=1", []string{"1:5: a string without its closing quote"}},
		{"line end escaped", "a = 'x\\\ny'\nb = 1", "a! b=1", []string{"1:5: a string without its closing quote"}},
		{"unknown escape", `a = "\q"` + "\nb = 1", "a! b=1", []string{`1:5: an escape no string can have: "\\q"`}},
		{"open list", "disk = [ 'x',\n 'y'\nvcpus = 2\n", "disk! vcpus=2",
			[]string{`3:1: expected a comma or ], found "vcpus"`}},
		{"open list at the end", "a = [ 'x',\n", "a!", []string{"2:1: expected a value, found the end of the file"}},
		{"comma missing", "disk = [ 'x'\n 'y',\n 'z' ]\nvcpus = 2", "disk! vcpus=2",
			[]string{`2:2: expected a comma or ], found "y"`}},
		{"semicolon in a list", "a = [ 1; 2 ]\nb = 1", "a! b=1", []string{`1:8: expected a comma or ], found ";"`}},
		{"comma alone", "a = [ , ]\nb = 1", "a! b=1", []string{`1:7: expected a value, found ","`}},
		{"two values", "a = 1 b = 2\nc = 3", "a! c=3",
			[]string{`1:7: expected the end of the line after the value of "a", found "b"`}},
		{"capital key", "Name = 'x'\nb = 1", "b=1", []string{`1:1: "Name" is neither a key, a number, a string nor a list`}},
		{"python", "import os\nif x == 1:\n    name = 'x'\nb = os.name\n", "name=x b!", []string{
			`1:8: expected = after "import", found "os"`,
			`4:5: expected a value, found "os" without quotes`}},
		{"no key", "= 1\nb = 1", "b=1", []string{`1:1: expected a key, found "="`}},
		{"bad, then said again", "a = x\na = 1", "a=1", []string{`1:5: expected a value, found "x" without quotes`}},
		{"deep", strings.Repeat("a=[", 1) + strings.Repeat("[", 9) + "\nb=1", "a! b=1", []string{"1:11: lists nested too deeply"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Parse([]byte(c.in))
			if got := show(f); got != c.want {
				t.Errorf("settings are %q, want %q", got, c.want)
			}
			if d := cmp.Diff(c.problems, showProblems(f)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	t.Run("size", func(t *testing.T) {
		f := Parse([]byte("a = 1\n" + strings.Repeat("# filler\n", MaxSize/9) + "b = 2\n"))
		if got := show(f); got != "a=1" || len(f.Problems) != 1 {
			t.Errorf("got %q with %d problems", got, len(f.Problems))
		}
	})
	t.Run("problems", func(t *testing.T) {
		f := Parse([]byte(strings.Repeat("a = x\n", 5000)))
		if len(f.Problems) != maxProblems+1 || len(f.Assignments) != 5000 {
			t.Errorf("%d problems of %d assignments", len(f.Problems), len(f.Assignments))
		}
	})
	t.Run("values", func(t *testing.T) {
		f := Parse([]byte("b=1\na=[" + strings.Repeat("1,", 100_000) + "]\nc=1"))
		if got := show(f); got != "b=1 a!" || len(f.Problems) != 1 {
			t.Errorf("got %q with %v", got, f.Problems)
		}
	})
	t.Run("appending is linear", func(t *testing.T) {
		f := Parse([]byte("a='" + strings.Repeat("x", 400_000) + "'\n" + strings.Repeat("a+=''\n", 15_000)))
		if s := f.Settings(); len(s) != 1 || len(s[0].Value.Text) != 400_000 {
			t.Errorf("got %d settings", len(s))
		}
	})
}

func seed(f *testing.F) {
	for _, s := range []string{
		"name = \"guest\"\nvcpus=2;memory=1024\n",
		"disk = [ 'phy:/dev/vg/x,xvda,w',\n # c\n 'file:/a.iso,hdc:cdrom,r' ]\r\nvif=['mac=00:16:3e:00:00:01,bridge=xenbr0']",
		"vnuma = [ [ \"pnode=0\",\"size=4096\" ] ]\na += 'x'\n",
		"a = \"\\x41\\0\\\"\" # c", "a = [\nb = 1", "import os\nname='x'\n", "\ufeffa=1\n", "a=010;b=0x1f\nc=[[[1]]]",
	} {
		f.Add([]byte(s))
	}
}

// A file written plainly reads the same, without a problem of its own that
// matters, and every place lies inside the file.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		file := Parse(b)
		lines := strings.Split(string(b), "\n")
		inside := func(line, column int) {
			if line < 1 || line > len(lines) || column < 1 || column > len(lines[line-1])+1 {
				t.Fatalf("%d:%d is not in %q", line, column, b)
			}
		}
		for _, p := range file.Problems {
			inside(p.Line, p.Column)
		}
		good := &File{}
		for _, a := range file.Assignments {
			inside(a.Line, 1)
			if a.Bad == "" {
				inside(a.Value.Line, a.Value.Column)
				good.Assignments = append(good.Assignments, a)
			}
		}
		text := Format(file)
		again := Parse([]byte(text))
		for _, p := range again.Problems {
			if !p.Tolerated {
				t.Fatalf("%q, written as %q: %v", b, text, p)
			}
		}
		if d := cmp.Diff(show(good), show(again)); d != "" {
			t.Fatalf("%q, written as %q: %s", b, text, d)
		}
		if len(file.Assignments) > 0 && fmt.Sprint(file.Assignments[0].Name) == "" {
			t.Fatal("a key without a name")
		}
	})
}
