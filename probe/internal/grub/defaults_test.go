package grub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func defaults(t testing.TB, texts ...string) *Defaults {
	t.Helper()
	var files []File
	for i, s := range texts {
		files = append(files, File{Name: fmt.Sprint("file", i), Text: []byte(s)})
	}
	d, err := ParseDefaults(files)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDefaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files []string
		want  Value // of A
	}{
		{"nothing", nil, Value{"", true}},
		{"plain", []string{"A=b\n"}, Value{"b", true}},
		{"comment", []string{"#A=b\nA=c # d\n"}, Value{"c", true}},
		{"not a comment", []string{"A=b#c"}, Value{"b#c", true}},
		{"double quotes", []string{`A="b  c"`}, Value{"b  c", true}},
		{"single quotes", []string{`A='b "$c" \'`}, Value{`b "$c" \`, true}},
		{"escapes", []string{`A="a\"b\\c\$d\e"\ f`}, Value{`a"b\c$d\e f`, true}},
		{"line goes on", []string{"A=\"b \\\nc\"\\\nd"}, Value{"b cd", true}},
		{"lines within quotes", []string{"A='b\nc'"}, Value{"b\nc", true}},
		{"on itself", []string{`A=b`, `A="$A c"`, `A="${A} d"`}, Value{"b c d", true}},
		{"several on a line", []string{`B=1 A=2; C=3 A="$A$B"`}, Value{"21", true}},
		{"for one command", []string{`A=b`, `A=c true`}, Value{"b", true}},
		{"kept by a special command", []string{`A=b`, `A=c :`}, Value{"c", true}},
		{"not", []string{`! ! [ x ] && A=b; ! true || A="$A c"`}, Value{"b c", true}},
		{"export", []string{`export A="b c"`}, Value{"b c", true}},
		{"unset", []string{"A=b\nunset A"}, Value{"", true}},
		{"not set", []string{`A="b$NONE"`}, Value{"b", true}},
		{"dollar alone", []string{`A=b$`}, Value{"b$", true}},
		{"program", []string{"A=b`echo c`"}, Value{"b", false}},
		{"program with quotes", []string{`A=$(printf "$(echo ")")" "x")d`}, Value{"d", false}},
		{"arithmetic", []string{`A=$((1+(2*3)))`}, Value{"", false}},
		{"other expansion", []string{`A="${B:-c}"`}, Value{"", false}},
		{"nested expansion", []string{`A="${B:-${C}}"; D=x`}, Value{"", false}},
		{"home", []string{`A=~/b`}, Value{"/b", false}},
		{"appending", []string{"A=b\nA+=c"}, Value{"b", false}},
		{"another file", []string{"A=b\n. /etc/more"}, Value{"b", false}},
		{"set again after another file", []string{". /etc/more\nA=b"}, Value{"b", true}},
		{"condition that holds", []string{`if [ "$B" = "" ]; then A=b; else A=c; fi`}, Value{"b", true}},
		{"condition that does not", []string{`B=1; if test -z "$B"; then A=b; elif [ "$B" != 1 ]; then A=c; else A=d; fi`}, Value{"d", true}},
		{"condition on a file", []string{"A=b\nif [ -f /x ]; then A=c; fi"}, Value{"b", false}},
		{"either way the same", []string{"A=b\nif [ -f /x ]; then A=b; fi"}, Value{"b", true}},
		{"and", []string{`[ "$B" ] && A=b`}, Value{"", true}},
		{"or", []string{`[ "$B" ] || A=b`}, Value{"b", true}},
		{"unknown and", []string{`grep -q x /y && A=b`}, Value{"", false}},
		{"subshell", []string{`A=b; ( A=c )`}, Value{"b", true}},
		{"pipe", []string{`A=b; echo | A=c`}, Value{"b", true}},
		{"loop", []string{`A=b; for x in 1 2; do A=$x; done; C=d`}, Value{"b", false}},
		{"case", []string{"A=b\ncase $x in\n y) A=c ;;\nesac"}, Value{"b", false}},
		{"function", []string{"A=b\nf() {\n A=c\n}\nf"}, Value{"b", false}},
		{"function that is not called", []string{"A=b\nf() { A=c; }\n"}, Value{"b", true}},
		{"redirections", []string{"echo A=x >&2 2>/dev/null\nA=b"}, Value{"b", true}},
		{"here document", []string{"cat <<EOF\nA=x\nEOF\nA=b"}, Value{"b", true}},
		{"exit", []string{"A=b\nexit 0\nA=c"}, Value{"b", true}},
		{"quotation without an end", []string{`A="b`}, Value{"b", false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := defaults(t, tt.files...).Get("A"); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestXenCommandLine(t *testing.T) {
	d := defaults(t,
		"GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\nGRUB_CMDLINE_LINUX=\"ro\"\n",
		`if [ "$XEN_OVERRIDE_GRUB_DEFAULT" = "" ]; then
	grub_warn "changed" \
	          "edit"
	XEN_OVERRIDE_GRUB_DEFAULT=1
fi
if [ "$XEN_OVERRIDE_GRUB_DEFAULT" = "1" ]; then
	GRUB_DEFAULT=$( \
		printf "$(gettext "%s, with Xen hypervisor")" \
		"$GRUB_DISTRIBUTOR GNU/Linux")
fi
GRUB_CMDLINE_XEN="dom0_mem=4G,max:4G"
`,
		`GRUB_CMDLINE_XEN="$GRUB_CMDLINE_XEN iommu=verbose"
GRUB_CMDLINE_XEN_DEFAULT='loglvl=all'
GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT="console=hvc0"
`)
	for _, tt := range []struct {
		what      string
		got, want Value
	}{
		{"Xen", d.XenCommandLine(), Value{"dom0_mem=4G,max:4G iommu=verbose loglvl=all", true}},
		{"Xen, recovery", d.RecoveryXenCommandLine(), Value{"dom0_mem=4G,max:4G iommu=verbose", true}},
		{"dom0", d.Dom0CommandLine(), Value{"ro console=hvc0", true}},
		{"default", d.Get("GRUB_DEFAULT"), Value{"", false}},
		{"override", d.Get("XEN_OVERRIDE_GRUB_DEFAULT"), Value{"1", true}},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.what, tt.got, tt.want)
		}
	}
	if len(d.Problems) > 0 {
		t.Errorf("problems: %v", d.Problems)
	}
	d = defaults(t, "X=1\n\nB+=c")
	if len(d.Problems) != 1 || d.Problems[0].Line != 3 || d.Problems[0].File != "file0" {
		t.Errorf("problems: %v", d.Problems)
	}
	if _, err := ParseDefaults([]File{{Name: "big", Text: make([]byte, maxText+1)}}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large file: %v", err)
	}
}

// What is known of files made of harmless pieces is what a shell says of them.
func TestAgainstShell(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no shell to compare with")
	}
	pieces := []string{
		`"`, `"`, `'`, `'`, `\`, "$A", "${A}", "$B", " ", " ", "\n", "\n", ";", "#", "a", "b=", "A=", "B=", "\nA=", `"$A b"`, `"\$"`, "x y",
		"if [ \"$A\" = a ]; then\n", "\nfi\n", "\nelse\n", "[ \"$B\" ] && ", "[ -z \"$A\" ] || ", "true", ":", "\\\n", "-", "$",
	}
	r := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	var script strings.Builder
	var texts []string
	for i := range 600 {
		var b strings.Builder
		for range 2 + r.IntN(12) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		texts = append(texts, b.String())
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, []byte(b.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		// A text that is no program of the shell is left out.
		fmt.Fprintf(&script, "if %s -n %s 2>/dev/null; then (A= B=; . %s; printf '\\002%%s|%%s\\003' \"$A\" \"$B\") 2>/dev/null; fi; printf '\\001'\n", shell, name, name)
	}
	cmd := exec.Command(shell, "--posix", "-c", script.String())
	cmd.Env = []string{"PATH="}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := strings.Split(string(out), "\x01")
	compared := 0
	for i, text := range texts {
		// What a program prints itself stands before.
		_, answer, ok := strings.Cut(answers[i], "\x02")
		if !ok {
			continue
		}
		a, b, _ := strings.Cut(strings.TrimSuffix(answer, "\x03"), "|")
		d := defaults(t, text+"\n")
		for name, want := range map[string]string{"A": a, "B": b} {
			if got := d.Get(name); got.Known && got.Text != want {
				t.Errorf("%q: %s is %q, a shell says %q", text, name, got.Text, want)
			}
			if d.Get(name).Known {
				compared++
			}
		}
	}
	if compared < 150 {
		t.Errorf("only %d values compared", compared)
	}
	t.Logf("%d values compared", compared)
}

// Programs that grow, repeat or nest cost no more than their size.
func TestDefaultsBounded(t *testing.T) {
	repeat := func(s string) string { return strings.Repeat(s, maxText/len(s)) }
	var many strings.Builder
	for i := range 50000 {
		fmt.Fprintf(&many, "V%d=x\n", i)
	}
	for name, s := range map[string]string{
		"growing": repeat("A=\"$A$A$A\"x\n"), "not": repeat("! "), "or": "[ " + repeat("a -o b -a ") + "]",
		"parentheses": repeat("("), "programs": repeat("$("), "quoted programs": repeat(`"$(`), "ifs": repeat("if "), "variables": many.String() + "A=x\n",
		"one word": repeat("a"), "words": repeat("$A "), "conditions": repeat("[ a ] && "), "braces": repeat("${A:-"),
	} {
		start := time.Now()
		d, err := ParseDefaults([]File{{Text: []byte(s)}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v := d.Get("A"); len(v.Text) > maxWord || name == "variables" && v.Known {
			t.Errorf("%s: A has %d bytes, known %v", name, len(v.Text), v.Known)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s: %v", name, d)
		} else {
			t.Logf("%s: %v", name, d)
		}
	}
}

// FuzzDefaults holds that a file cannot make what the next one says certain
// things about uncertain, and that dividing a text between files at a line end
// outside of everything changes nothing.
func FuzzDefaults(f *testing.F) {
	for _, s := range []string{
		"A=b\n", "A=\"$A c\" # d\nif [ x = y ]; then A=1; fi\n", "A=`x` B='y'\n", "f() { :; }\nfor i in a; do A=$i; done\n",
		"cat <<E\nx\nE\n", "A=$(a \"$(b)\" '(') \\\n B=c", "case x in a) A=b;; esac; (A=c); { A=d; }", "${", "$(", "`", "\"$", "a=${b:-${c}}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDefaults([]File{{Name: "a", Text: []byte(s)}})
		if err != nil {
			return
		}
		for name, v := range d.Values {
			if strings.Contains(name, "=") || len(v.Text) > maxWord+len(s) {
				t.Fatalf("%q: %q is %d bytes", s, name, len(v.Text))
			}
		}
		again, err := ParseDefaults([]File{{Name: "a", Text: []byte(s)}, {Name: "b", Text: []byte("ZZ='q r'\n")}})
		if err != nil {
			t.Fatal(err)
		}
		// Only a text that may end the shell itself hides what follows it.
		if v := again.Get("ZZ"); v.Text != "q r" && !strings.Contains(s, "exit") && !strings.Contains(s, "return") {
			t.Fatalf("%q: what the next file sets is %+v", s, v)
		}
		for name, v := range d.Values {
			if name != "ZZ" && again.Values[name] != v {
				t.Fatalf("%q: %s is %+v, then %+v", s, name, v, again.Values[name])
			}
		}
	})
}
