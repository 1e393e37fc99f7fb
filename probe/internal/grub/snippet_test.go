package grub

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseSnippet(t *testing.T) {
	got, err := ParseSnippet("0123-6.5.conf", []byte("# made by kernel-install\ntitle\tFedora  Linux 39\ntitle another\nversion 6.5\nlinux /vmlinuz-6.5\ninitrd /i\noptions root=/dev/sda1 ro\noptions  quiet \nlinux\n\n"))
	want := Snippet{ID: "0123-6.5", Title: "Fedora  Linux 39", Linux: "/vmlinuz-6.5", Options: "root=/dev/sda1 ro quiet"}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, d)
	}
}

// Whatever a file says, each word of it stands in the file.
func FuzzParseSnippet(f *testing.F) {
	f.Add("title a\nlinux /b\noptions c d\noptions e")
	f.Add("\x00 \x00\n#\n linux")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSnippet("n.conf", []byte(text))
		if err != nil || s.ID != "n" {
			t.Fatalf("%q: %v, %+v", text, err, s)
		}
		for _, w := range append(strings.Fields(s.Options), s.Title, s.Linux) {
			if !strings.Contains(text, w) {
				t.Errorf("%q: invented %q", text, w)
			}
		}
	})
}

const blsMenu = `load_env
set default="${saved_entry}"
insmod blscfg
blscfg
menuentry Xen --id xen { multiboot2 /xen.gz }
`

// Entries that are files of their own count where the menu adds them.
func TestNextWithSnippets(t *testing.T) {
	two := []Snippet{{ID: "m-1", Title: "one", Linux: "/v1"}, {ID: "m-2", Title: "two", Linux: "/v2"}}
	for _, tt := range []struct {
		name, saved, menu string
		snippets          []Snippet
		want              Entry // as far as it matters
		err               error
	}{
		{"by id", "m-2", blsMenu, two, Entry{Title: "two", File: "/v2", Loader: "linux"}, nil},
		{"by an id that begins with a digit", "1f-2", blsMenu, []Snippet{{ID: "0e-1", Title: "one", Linux: "/v1"}, {ID: "1f-2", Title: "two", Linux: "/v2"}, {ID: "2e", Title: "three", Linux: "/v3"}}, Entry{Title: "two", File: "/v2", Loader: "linux"}, nil},
		{"by title", "one", blsMenu, two, Entry{Title: "one", File: "/v1", Loader: "linux"}, nil},
		{"by number: one of them", "1", blsMenu, two, Entry{Loader: "linux"}, nil},
		{"none: the first, one of them", "", blsMenu, two, Entry{Loader: "linux"}, nil},
		{"by number, where there is one", "0", blsMenu, two[:1], Entry{Title: "one", File: "/v1", Loader: "linux"}, nil},
		{"behind them", "2", blsMenu, two, Entry{Title: "Xen", File: "/xen.gz", Loader: "multiboot2"}, nil},
		{"behind none", "0", blsMenu, []Snippet{}, Entry{Title: "Xen", File: "/xen.gz", Loader: "multiboot2"}, nil},
		{"not known", "xen", blsMenu, nil, Entry{}, ErrUncertain},
		{"from elsewhere", "xen", strings.Replace(blsMenu, "\nblscfg\n", "\nblscfg (hd1,1)/x\n", 1), two, Entry{}, ErrUncertain},
		{"perhaps", "2", strings.Replace(blsMenu, "\nblscfg\n", "\nif [ -e /x ]; then blscfg; fi\n", 1), two, Entry{}, ErrUncertain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ParseMenu([]byte(tt.menu), How{Env: map[string]string{"saved_entry": tt.saved}, Snippets: tt.snippets})
			if err != nil {
				t.Fatal(err)
			}
			e, err := m.Next()
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if e == nil {
				return
			}
			if d := cmp.Diff(tt.want, Entry{Title: e.Title, File: e.File, Loader: e.Loader}); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// What a menu reads on counts, as far as it is known that GRUB reads it.
func TestSource(t *testing.T) {
	const menu = "set default=0\nmenuentry a { linux /k }\n"
	const custom = "set default=1\nmenuentry b { multiboot2 /xen.gz }\n"
	for _, tt := range []struct {
		name, tail, want string
		files            map[string][]byte
		err              error
	}{
		{"certainly", "source $prefix/custom.cfg\n", "b", map[string][]byte{"custom.cfg": []byte(custom)}, nil},
		{"perhaps", "if [ -f $prefix/custom.cfg ]; then\nsource $prefix/custom.cfg\nfi\n", "", map[string][]byte{"custom.cfg": []byte(custom)}, ErrUncertain},
		{"it is not there", "if [ -f $prefix/custom.cfg ]; then\nsource $prefix/custom.cfg\nfi\n", "a", nil, nil},
		{"it leaves the default", "if [ -f $prefix/custom.cfg ]; then\nsource $prefix/custom.cfg\nfi\n", "a", map[string][]byte{"custom.cfg": []byte("menuentry b { linux /k }\n")}, nil},
		{"it reads itself", "source custom.cfg\n", "a", map[string][]byte{"custom.cfg": []byte("source custom.cfg\n")}, nil},
	} {
		m, err := ParseMenu([]byte(menu+tt.tail), How{Env: map[string]string{}, Files: tt.files})
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.Next()
		if !errors.Is(err, tt.err) || err == nil && e.Title != tt.want {
			t.Errorf("%s: %+v, %v", tt.name, e, err)
		}
	}
}

// A device before a path is a part of it.
func TestDevices(t *testing.T) {
	m, err := ParseMenu([]byte("set root=(hd0,gpt2)\nset default=0\nmenuentry a {\n\tmultiboot2 (hd0,gpt2)/boot/xen-4.20.gz dom0_mem=4G\n\tmodule2 ($root)/vmlinuz quiet\n}\n"), How{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := m.Next()
	want := &Entry{
		Title: "a", Number: "0", Line: 3, Loader: "multiboot2", File: "(hd0,gpt2)/boot/xen-4.20.gz", CommandLine: Value{"dom0_mem=4G", true},
		Modules: []Module{{"((hd0,gpt2))/vmlinuz", Value{"quiet", true}}},
	}
	if d := cmp.Diff(want, e); d != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, d)
	}
}

// Functions are followed: grub-mkconfig's own menus call some before their
// entries.
func TestFunctions(t *testing.T) {
	const menu = "menuentry a { linux /k }\nmenuentry b { linux /k }\n"
	for _, tt := range []struct {
		name, text, want string
		err              error
	}{
		{"it sets nothing here", "set default=1\nfunction load_video {\n  if [ x$feature_all_video_module = xy ]; then\n insmod all_video\n else\n insmod vga\n fi\n}\nif loadfont unicode; then\n set gfxmode=auto\n load_video\nfi\n", "b", nil},
		{"it sets the default", "function f {\n set default=1\n}\nf\n", "b", nil},
		{"perhaps it does", "function f {\n set default=1\n}\nif loadfont x; then f; fi\n", "", ErrUncertain},
		{"it ends before", "function f {\n return\n set default=1\n}\nf\n", "a", nil},
		{"perhaps it ends before", "function f {\n if keystatus; then return; fi\n set default=1\n}\nset default=0\nf\n", "", ErrUncertain},
		{"what follows it is certain again", "function f {\n if keystatus; then return; fi\n set x=1\n}\nf\nset default=1\n", "b", nil},
		{"it is defined twice", "function f { true; }\nfunction f { set default=1; }\nf\n", "", ErrUncertain},
		{"it calls itself", "function f { f; }\nset default=1\nf\n", "", ErrUncertain},
		{"it calls itself twice", "function f { f; f; f; f; }\nset default=1\nf\n", "", ErrUncertain},
		{"it is never called", "function f { set default=1; }\n", "a", nil},
	} {
		m, err := ParseMenu([]byte(tt.text+menu), How{Env: map[string]string{}})
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.Next()
		if !errors.Is(err, tt.err) || err == nil && e.Title != tt.want {
			t.Errorf("%s: %+v, %v", tt.name, e, err)
		}
	}
	var many strings.Builder
	many.WriteString("function f0 { true; }\n")
	for i := range 9 {
		fmt.Fprintf(&many, "function f%d {%s}\n", i+1, strings.Repeat(fmt.Sprintf(" f%d;", i), 100))
	}
	start := time.Now()
	if _, err := ParseMenu([]byte(many.String()+"f9\n"+menu), How{}); err != nil || time.Since(start) > 5*time.Second {
		t.Errorf("100 to the power of nine: %v after %v", err, time.Since(start))
	}
}

// Variables from another file than the one beside the menu are not known, and a
// menu that was not written whole boots nothing that could be told.
func TestNextUnknown(t *testing.T) {
	const menu = "set default=\"${saved_entry}\"\nmenuentry a { linux /k }\nmenuentry b { linux /k }\n"
	for _, tt := range []struct {
		name, text, want string
		err              error
	}{
		{"beside the menu", "load_env -f ${config_directory}/grubenv\n" + menu, "b", nil},
		{"one of them", "load_env --file=$prefix/grubenv saved_entry\n" + menu, "b", nil},
		{"another one of them", "load_env --file $prefix/grubenv next_entry\n" + menu, "a", nil},
		{"from elsewhere", "load_env --file=/boot/x/grubenv\n" + menu, "", ErrUncertain},
		{"this one from elsewhere", "load_env -f (hd0,1)/env saved_entry\n" + menu, "", ErrUncertain},
		{"another one from elsewhere", "load_env\nload_env -f /env timeout\n" + menu, "b", nil},
		{"no name, all of them", "load_env $names\n" + menu, "b", nil},
		{"an entry that does not end", "set default=0\nmenuentry a { linux /k }\nmenuentry b {\n linux /k\n", "", ErrTorn},
		{"a condition that does not end", "set default=0\nmenuentry a { linux /k }\nif true; then\n", "", ErrTorn},
		{"a function that does not end", "set default=0\nmenuentry a { linux /k }\nfunction f {\n", "", ErrTorn},
	} {
		m, err := ParseMenu([]byte(tt.text), How{Env: map[string]string{"saved_entry": "1"}})
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.Next()
		if !errors.Is(err, tt.err) || err == nil && e.Title != tt.want {
			t.Errorf("%s: %+v, %v", tt.name, e, err)
		}
	}
}
