package grub

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// As grub-mkconfig makes it.
const menuText = `### BEGIN /etc/grub.d/00_header ###
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="DEFAULT"
fi

if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi

export menuentry_id_option

function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    save_env saved_entry
  fi
}
font=unicode
if loadfont $font ; then
  set gfxmode=auto
fi
menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option 'gnulinux-simple-1' {
	insmod gzio
	linux	/vmlinuz-6.1 root=/dev/sda1 ro quiet
	initrd	/initrd.img-6.1
}
menuentry 'Debian GNU/Linux, with Xen hypervisor' --class xen $menuentry_id_option 'xen-gnulinux-simple-1' {
	echo	'Loading Xen ...'
        if [ "$grub_platform" = "pc" -o "$grub_platform" = "" ]; then
            xen_rm_opts=
        else
            xen_rm_opts="no-real-mode edd=off"
        fi
	multiboot2	/xen-4.17-amd64.gz placeholder dom0_mem=4G 'foo="a b"' ${xen_rm_opts}
	module2	/vmlinuz-6.1 placeholder root=/dev/sda1 ro  quiet
	module2	--nounzip   /initrd.img-6.1
}
submenu 'Advanced options > Xen' $menuentry_id_option 'xen-advanced-1' {
	submenu 'Xen hypervisor, version 4.17' $menuentry_id_option 'xen-4.17-1' {
		menuentry 'first' $menuentry_id_option 'x1' {
			xen_hypervisor /xen.efi
			xen_module /Image console=hvc0
		}
		menuentry 'second' { multiboot /xen-4.14 sched=credit
		}
	}
}
if [ "$grub_platform" = "efi" ]; then
	menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
		fwsetup
	}
fi
menuentry 'last' { chainloader /EFI/xen.efi }
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
fi
`

func withDefault(d string) []byte {
	return []byte(strings.Replace(menuText, `"DEFAULT"`, `"`+d+`"`, 1))
}

func TestParseMenu(t *testing.T) {
	m, err := ParseMenu(withDefault("0"), How{Env: map[string]string{}, Platform: "efi"})
	if err != nil || len(m.Problems) > 0 {
		t.Fatalf("%v, %v", err, m.Problems)
	}
	want := []*Entry{
		{
			Title: "Debian GNU/Linux", ID: "gnulinux-simple-1", Number: "0", Line: 33,
			Loader: "linux", File: "/vmlinuz-6.1", CommandLine: Value{"root=/dev/sda1 ro quiet", true},
		},
		{
			Title: "Debian GNU/Linux, with Xen hypervisor", ID: "xen-gnulinux-simple-1", Number: "1", Line: 38,
			Loader: "multiboot2", File: "/xen-4.17-amd64.gz",
			CommandLine: Value{`placeholder dom0_mem=4G "foo=\"a b\"" no-real-mode edd=off`, true},
			Modules: []Module{
				{"/vmlinuz-6.1", Value{"placeholder root=/dev/sda1 ro quiet", true}},
				{"/initrd.img-6.1", Value{"", true}},
			},
		},
		{
			Title: "first", ID: "x1", Number: "2>0>0", Line: 51, Path: []string{"Advanced options > Xen", "Xen hypervisor, version 4.17"},
			Loader: "xen_hypervisor", File: "/xen.efi", CommandLine: Value{"", true},
			Modules: []Module{{"/Image", Value{"console=hvc0", true}}},
		},
		{
			Title: "second", Number: "2>0>1", Line: 55, Path: []string{"Advanced options > Xen", "Xen hypervisor, version 4.17"},
			Loader: "multiboot", File: "/xen-4.14", CommandLine: Value{"sched=credit", true},
		},
		{Title: "UEFI Firmware Settings", ID: "uefi-firmware", Number: "3", Line: 60, CommandLine: Value{"", true}},
		{Title: "last", Number: "4", Line: 64, Loader: "chainloader", File: "/EFI/xen.efi", CommandLine: Value{"", true}},
	}
	if d := cmp.Diff(want, m.All()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"/custom.cfg"}, m.Sources); d != "" {
		t.Errorf("sources: -want +got:\n%s", d)
	}
	// Without the platform, the end of the command line is not known.
	m, _ = ParseMenu(withDefault("0"), How{})
	if got := m.All()[1].CommandLine; got.Known || got.Text != `placeholder dom0_mem=4G "foo=\"a b\""` {
		t.Errorf("on an unknown platform: %+v", got)
	}
}

func TestNext(t *testing.T) {
	none := map[string]string{}
	for _, tt := range []struct {
		name, def string
		env       map[string]string
		platform  string
		want      string // title
		err       error
	}{
		{"first", "0", none, "pc", "Debian GNU/Linux", nil},
		{"empty", "", none, "pc", "Debian GNU/Linux", nil},
		{"number", "1", none, "pc", "Debian GNU/Linux, with Xen hypervisor", nil},
		{"title", "Debian GNU/Linux, with Xen hypervisor", none, "", "Debian GNU/Linux, with Xen hypervisor", nil},
		{"id", "xen-gnulinux-simple-1", none, "pc", "Debian GNU/Linux, with Xen hypervisor", nil},
		{"numbers", "2>0>1", none, "pc", "second", nil},
		{"ids", "xen-advanced-1>xen-4.17-1>x1", none, "pc", "first", nil},
		{"titles with >", "Advanced options >> Xen>Xen hypervisor, version 4.17>second", none, "pc", "second", nil},
		{"a submenu alone boots its first entry", "xen-advanced-1", none, "pc", "first", nil},
		{"nobody's name", "what", none, "pc", "Debian GNU/Linux", nil},
		{"beyond the end", "17", none, "pc", "Debian GNU/Linux", nil},
		{"saved", "${saved_entry}", map[string]string{"saved_entry": "1"}, "pc", "Debian GNU/Linux, with Xen hypervisor", nil},
		{"saved, but nothing is", "${saved_entry}", none, "pc", "Debian GNU/Linux", nil},
		{"saved, but it cannot be read", "${saved_entry}", nil, "pc", "", ErrUncertain},
		{"once", "0", map[string]string{"next_entry": "last", "saved_entry": "1"}, "pc", "last", nil},
		{"after an entry that may not be there", "4", none, "", "", ErrUncertain},
		{"after an entry that is not there", "3", none, "pc", "last", nil},
		{"after an entry that is there", "4", none, "efi", "last", nil},
		{"behind it by name", "last", none, "", "last", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ParseMenu(withDefault(tt.def), How{Env: tt.env, Platform: tt.platform})
			if err != nil {
				t.Fatal(err)
			}
			e, err := m.Next()
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err == nil && e.Title != tt.want {
				t.Errorf("%q, want %q", e.Title, tt.want)
			}
		})
	}
	// As grub-emu 2.06 and 2.12 choose; an error is where later ones choose
	// another entry.
	const digits = `menuentry a --id lin { linux /a }
submenu s --id sub {
	menuentry s0 { linux /b }
	menuentry s1 { linux /c }
	menuentry '1 x' { linux /d }
}
menuentry '1 digit' { linux /e }
menuentry '4.17 rescue' { linux /f }
menuentry '0 first' { linux /g }
menuentry '5' { linux /h }
`
	for def, want := range map[string]string{
		" 2": "1 digit", "02": "1 digit", "0x2": "1 digit", "0X2": "a", "-1": "a", ">2": "a", "1>9": "s0", "lin>ab": "a", "08": "a", "03": "4.17 rescue", "05": "5", "09": "a", "5": "5",
		"9 and nothing of that name": "a", "0 and nothing of that name": "a", "0x": "a", "99999999999999999999": "", "4294967297": "",
		"1 digit": "", "4.17 rescue": "", "1>1 x": "", "0 first": "", "2 and nothing of that name": "", "sub>1 and nothing": "",
	} {
		m, err := ParseMenu([]byte("set default='"+def+"'\n"+digits), How{})
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.Next()
		if want == "" && !errors.Is(err, ErrUncertain) || want != "" && (err != nil || e.Title != want) {
			t.Errorf("%q: %+v, %v, want %q", def, e, err, want)
		}
	}
	m, _ := ParseMenu([]byte("set default=0\n"), How{})
	if _, err := m.Next(); !errors.Is(err, ErrNoEntries) {
		t.Errorf("an empty menu: %v", err)
	}
	m, _ = ParseMenu([]byte("insmod blscfg\nblscfg\nset default=0\nmenuentry a { }\n"), How{})
	if _, err := m.Next(); !m.BLS || !errors.Is(err, ErrUncertain) {
		t.Errorf("entries elsewhere: %v", err)
	}
}

// What the language means where it is not the shell's, as grub-emu 2.06 and 2.12
// choose. An empty answer is one that is left open.
func TestNextByGRUB(t *testing.T) {
	const entries = "menuentry a --id i0 { linux /a }\nmenuentry b { linux /b }\nmenuentry c { linux /c }\nmenuentry d { linux /d }\n"
	for text, want := range map[string]string{
		// One word is set, whatever follows.
		"set default=1 default=2": "b", "set x=1 default=2": "a", "x=1 default=2": "a", "default=1 true": "b", "default=1 set x=y": "b",
		"set x='2 3'\ndefault=$x": "c", "'default=1'": "b", "set 'default=1'": "b",
		// A word that is made of variables may be a command, or an assignment.
		"set x=default\n$x=1": "b", "set x=set\n$x default=1": "b", "set x='set default=1'\n$x": "b", "set x=se\n${x}t default=1": "b",
		"set x=nothing\n$x default=1": "a", "$nothing default=1": "b", "$cmdpath default=1": "",
		"export default=1": "a", "set x=1\nexport x\nset default=$x": "b",
		"if [ 01 -eq 1 ]; then set default=1; fi": "b", "if [ 1 -ne 01 ]; then set default=1; fi": "a", "if [ a -eq b ]; then set default=1; fi": "",
		"if [ ]; then set default=1; fi": "", "if [ $nothing ]; then set default=1; fi": "",
		// Commands that set a variable.
		"eval set default=1": "", "regexp --set=1:default '(.)' 1": "", "regexp --set 1:default '(.)' 1": "", "search --set=root --file /x": "a", "read default": "",
		"smbios --type 1 --get-string 4 --set default": "", "probe -s default -u $root": "", "configfile $prefix/other.cfg": "",
		// Mistakes: what GRUB leaves out is not followed.
		"{ set default=1; }": "", "set default=1 }": "", ";set default=1": "", "true;;set default=1": "", "if true; then ; set default=1; fi": "",
		"menuentry x { linux /x; } set default=1": "", "menuentry x { linux /x\n} }": "", "else\nset default=1": "",
		"if [ a = b ]; then\n# nothing\nelse\nset default=1\nfi": "", "if [ a = b ]; then\nfunction f { true; }\nfi\nset default=1": "",
		// What stands in the menu, and what does not.
		"hiddenentry x --id x { linux /x }": "a", "hiddenentry x --id x { linux /x }\nset default=1": "b", "hiddenentry x { linux /x }\nset default=x": "a",
		"menuentry x\n{ linux /x }": "", "menuentry --id x { linux /x }\nset default=x": "a", "menuentry x --class { linux /x }": "a", "menuentry '' { linux /x }": "",
		"submenu s {\nset default=1\nmenuentry x { linux /x }\nmenuentry y { linux /y }\n}":                 "",
		"submenu s {\nif [ x = $default ]; then\nmenuentry x { linux /x }\nfi\nmenuentry y { linux /y }\n}": "",
		"submenu s { menuentry x { linux /x } }":                                                            "x",
	} {
		m, err := ParseMenu([]byte(text+"\n"+entries), How{})
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.Next()
		if err != nil {
			e = &Entry{}
		}
		if e.Title != want || want == "" && err == nil && e.File != "/x" {
			t.Errorf("%q: %q, %v, want %q", text, e.Title, err, want)
		}
	}
	for text, want := range map[string]string{
		"multiboot2 /x a$y-": "a3-", "multiboot2 /x $x$y": "1 23", "multiboot2 /x $y$x": "31 2", "multiboot2 /x ${x}c": "1 2c", "multiboot2 /x \"$x\"": `"1 2"`, "multiboot2 /x a=b{": "", "multiboot2 /x a<b": "", "multiboot2 /x a$": "", "multiboot2 /x a && true": "",
	} {
		m, err := ParseMenu([]byte("set x='1 2'\nset y=' 3 '\nmenuentry 'a'{ "+text+"}\n"), How{})
		if err != nil {
			t.Fatal(err)
		}
		if e, err := m.Next(); want == "" && !errors.Is(err, ErrTorn) || want != "" && (err != nil || e.CommandLine != Value{want, true}) {
			t.Errorf("%q: %+v, %v, want %q", text, e, err, want)
		}
	}
	// The loader of an entry may be made of variables.
	m, err := ParseMenu([]byte("set v=2\nmenuentry a {\nmultiboot$v /xen.gz sched=null\n}\n"), How{})
	if err != nil || len(m.Entries) != 1 || m.Entries[0].Loader != "multiboot2" || m.Entries[0].CommandLine.Text != "sched=null" {
		t.Errorf("%+v, %v", m.Entries, err)
	}
}

func TestParseMenuOdd(t *testing.T) {
	if _, err := ParseMenu([]byte(strings.Repeat("menuentry a { }\n", maxEntries+1)), How{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too many entries: %v", err)
	}
	m, err := ParseMenu([]byte(strings.Repeat("submenu a {\n", 1000)), How{})
	if err != nil || len(m.Problems) == 0 {
		t.Errorf("deep submenus: %v, %v", err, m.Problems)
	}
	m, _ = ParseMenu([]byte("menuentry a {\nlinux /k"), How{})
	if len(m.Problems) != 1 || m.Problems[0].Line != 1 {
		t.Errorf("a menu without its end: %v", m.Problems)
	}
}

func TestParseEnv(t *testing.T) {
	env, err := ParseEnv([]byte(envHeader + "saved_entry=a>b\nx=1\\\\2\\\n3\nempty=\n##########"))
	want := map[string]string{"saved_entry": "a>b", "x": "1\\2\n3", "empty": ""}
	if d := cmp.Diff(want, env); d != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, d)
	}
	// As load_env of grub-emu takes what is saved; empty for nothing.
	for text, want := range map[string]string{
		"# text\nsaved_entry=2\n": "2", "saved_entry=2\n####\nsaved_entry=3\n": "3", "saved_entry=\\2\n": "2", "x=#y\nsaved_entry=2\n": "2", "=x\nsaved_entry=2\n": "2",
		"garbage\nsaved_entry=2\n": "", "\nsaved_entry=2\n": "", "s\\aved_entry=2\n": "", "saved_entry=2": "", "saved_entry=2###": "", "saved_entry\n###": "", "x=1\\\nsaved_entry=3\n": "",
	} {
		if env, err := ParseEnv([]byte(envHeader + text)); err != nil || env["saved_entry"] != want {
			t.Errorf("%q: %q, %v", text, env, err)
		}
	}
	if _, err := ParseEnv([]byte("saved_entry=1\n")); !errors.Is(err, ErrNotEnv) {
		t.Errorf("without its header: %v", err)
	}
}

// FuzzParseMenu holds that every entry can be named by its number, and that
// naming it so finds it.
func FuzzParseMenu(f *testing.F) {
	f.Add(menuText, "pc")
	f.Add("menuentry a { multiboot /x \"b c\" $d\n}\nsubmenu b {\nmenuentry --id=c 'd' { linux /k }\n}", "")
	f.Add("set default=1>2\nload_env x\nfunction a { }\nif true; then menuentry a { }\nfi", "efi")
	f.Fuzz(func(t *testing.T, text, platform string) {
		m, err := ParseMenu([]byte(text), How{Env: map[string]string{"saved_entry": "0"}, Platform: platform})
		if err != nil {
			return
		}
		for _, e := range m.All() {
			chosen := Menu{Entries: m.Entries, Default: Value{Text: e.Number, Known: true}}
			got, err := chosen.Next()
			if err == nil && got != e {
				t.Fatalf("%q: number %s is %+v, not %+v", text, e.Number, got, e)
			}
			if strings.Count(e.Number, ">") != len(e.Path) {
				t.Fatalf("%q: number %s in %q", text, e.Number, e.Path)
			}
		}
	})
}

// FuzzParseEnv holds that what was read can be written and read again.
func FuzzParseEnv(f *testing.F) {
	f.Add([]byte(envHeader + "a=b\nc=\\\\\n####"))
	f.Fuzz(func(t *testing.T, b []byte) {
		env, err := ParseEnv(b)
		if err != nil {
			return
		}
		text := envHeader
		for name, value := range env {
			text += name + "=" + strings.NewReplacer("\\", "\\\\", "\n", "\\\n").Replace(value) + "\n"
		}
		again, err := ParseEnv([]byte(text))
		if d := cmp.Diff(env, again); d != "" || err != nil {
			t.Fatalf("%q: %v\n%s", b, err, d)
		}
	})
}
