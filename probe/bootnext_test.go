package probe

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// efiVariable is how efivarfs shows a variable that holds text.
func efiVariable(text string) string {
	b := []byte{6, 0, 0, 0} // attributes
	for _, u := range utf16.Encode([]rune(text + "\x00")) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// What boots next on a running machine, and what cannot be told.
func TestCollectNextBoot(t *testing.T) {
	const menu, xen = "/boot/grub/grub.cfg", "Debian GNU/Linux, with Xen 4.20"
	second := strings.Replace(grubMenu, `"0"`, `"1"`, 1)
	custom := second + "if [ -f ${config_directory}/custom.cfg ]; then\n source ${config_directory}/custom.cfg\nfi\n"
	snippets := "load_env\nset default=\"${saved_entry}\"\nblscfg\n" + strings.TrimPrefix(grubMenu, "set default=\"0\"\n")
	const entry = entriesDir + "/0123456789abcdef0123456789abcdef-6.5.conf"
	boots := NextBoot{Title: xen, Source: menu, Line: 6, File: "/boot/xen-4.20-amd64.gz", Xen: true}
	for name, test := range map[string]struct {
		change machine
		denied string
		want   NextBoot
	}{
		"Linux":                        {machine{menu: grubMenu}, "", NextBoot{Title: "Debian GNU/Linux", Source: menu, Line: 2, File: "/boot/vmlinuz-6.12"}},
		"Xen":                          {machine{menu: second}, "", boots},
		"GRUB leaves its name":         {machine{menu: second, loaderInfo: efiVariable("GRUB 2.12")}, "", boots},
		"systemd-boot, GRUB left over": {machine{menu: second, loaderInfo: efiVariable("systemd-boot 252.22")}, "", NextBoot{Why: "systemd-boot 252.22 started this machine, and its entries are not read"}},
		"a torn variable":              {machine{menu: second, loaderInfo: "\x06\x00\x00\x00s"}, "", boots},
		"no loader's files":            {machine{}, "", NextBoot{Why: "no menu of GRUB was found in /boot/grub or /boot/grub2"}},
		"systemd-boot":                 {machine{"/boot/loader/loader.conf": "default a\n"}, "", NextBoot{Why: "systemd-boot decides that here (/boot/loader/loader.conf), and its entries are not read"}},
		"a menu nobody may read":       {machine{menu: second}, menu, NextBoot{Source: menu, Why: menu + " could not be read: reading is refused"}},
		"nothing is added":             {machine{menu: custom}, "", boots},
		"entries are added":            {machine{menu: custom, "/boot/grub/custom.cfg": "menuentry x { linux /k }\n"}, "", boots},
		"another default, perhaps":     {machine{menu: custom, "/boot/grub/custom.cfg": "set default=0\n"}, "", NextBoot{Source: menu, Why: "what the menu's default is cannot be told from the file"}},
		"added, and nobody may read":   {machine{menu: custom, "/boot/grub/custom.cfg": "x"}, "/boot/grub/custom.cfg", NextBoot{Source: menu, Why: "what the menu's default is cannot be told from the file"}},
		"an entry of its own file":     {machine{menu: snippets, entry: "title Fedora Linux\nlinux /vmlinuz-6.5\n"}, "", NextBoot{Title: "Fedora Linux", Source: menu, Line: 3, File: "/vmlinuz-6.5"}},
		"that nobody may read":         {machine{menu: snippets, entry: "title Fedora Linux\nlinux /vmlinuz-6.5\n"}, entry, NextBoot{Source: menu, Why: "the entries of /boot/loader/entries, which the menu adds, could not be read"}},
		"no such files":                {machine{menu: snippets}, "", NextBoot{Title: "Debian GNU/Linux", Source: menu, Line: 4, File: "/boot/vmlinuz-6.12"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := faulty{Root: intelServer().with(test.change).root(), errs: map[string]error{}}
			if test.denied != "" {
				r.errs[test.denied] = fs.ErrPermission
			}
			o := Options{FS: liveTest{r}, FSLive: true, Now: noon, Tool: "xencheck test"}
			_, next, got, err := CollectNextBoot(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(got.Why, test.denied+" could not be read") && test.denied == menu {
				test.want.Why = got.Why
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if (next != nil) != (got.Xen && got.Why == "") {
				t.Fatalf("the next host: %t", next != nil)
			}
			if next != nil {
				if v, ok := next.Xen.Running.Get(); !ok || v.Major != 4 || v.Minor != 20 {
					t.Errorf("%+v", next.Xen.Running)
				}
				if c, ok := next.Xen.CommandLine.Get(); !ok || !strings.Contains(c.Text, "sched=credit") {
					t.Errorf("%+v", next.Xen.CommandLine)
				}
			}
		})
	}
}

// What a variable of the firmware holds is shown as text, whatever it is.
func FuzzEFIString(f *testing.F) {
	f.Add([]byte("s\x00y\x00\x00\x00z\x00"))
	f.Add([]byte("\x00\xd8"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := efiString(b)
		if strings.ContainsRune(s, 0) || len([]rune(s)) > len(b)/2 {
			t.Errorf("%q: %q", b, s)
		}
		if again := efiString([]byte(efiVariable(s))[4:]); again != s {
			t.Errorf("%q: %q, then %q", b, s, again)
		}
	})
}
