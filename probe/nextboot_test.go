package probe

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fake"
	"github.com/xencheck/xencheck/probe/internal/grub"
)

const grubMenu = `set default="0"
menuentry 'Debian GNU/Linux' --class gnu-linux $menuentry_id_option 'gnulinux-simple-` + hostUUID + `' {
	search --no-floppy --fs-uuid --set=root ` + hostUUID + `
	linux /boot/vmlinuz-6.12 root=UUID=` + hostUUID + ` ro quiet
}
menuentry 'Debian GNU/Linux, with Xen 4.20' --class xen {
	multiboot2 /boot/xen-4.20-amd64.gz placeholder dom0_mem=4G sched=credit ${xen_rm_opts}
	module2 /boot/vmlinuz-6.12 placeholder root=UUID=` + hostUUID + ` ro quiet
	module2 --nounzip /boot/initrd.img-6.12
}
password_pbkdf2 admin ` + hostSerial + `
`

// The command line of a host that has Xen installed and runs without it.
func TestNextBoot(t *testing.T) {
	for name, test := range map[string]struct {
		change machine
		want   string // text of the command line; empty: not known
		source string
		cut    bool
	}{
		"GRUB's menu, another default":   {machine{"/boot/grub/grub.cfg": grubMenu}, "placeholder dom0_mem=4G sched=credit", "/boot/grub/grub.cfg", false},
		"GRUB's menu, Xen by default":    {machine{"/boot/grub2/grub.cfg": strings.Replace(grubMenu, `"0"`, `"1"`, 1)}, "placeholder dom0_mem=4G sched=credit", "/boot/grub2/grub.cfg", false},
		"settings with a drop-in":        {machine{grubDefaults: "GRUB_CMDLINE_XEN_DEFAULT=\"dom0_mem=2G\"\n", grubDefaults + ".d/xen.cfg": "GRUB_CMDLINE_XEN=\"iommu=verbose\"\n"}, "iommu=verbose dom0_mem=2G", grubDefaults, false},
		"a menu without Xen":             {machine{"/boot/grub/grub.cfg": "menuentry a {\nlinux /vmlinuz\n}\n", grubDefaults: "GRUB_CMDLINE_XEN_DEFAULT=\"hap=0\"\n"}, "hap=0", grubDefaults, false},
		"settings that a program makes":  {machine{grubDefaults: "GRUB_CMDLINE_XEN_DEFAULT=\"dom0_mem=$(cat /x)\"\n"}, "?", grubDefaults, true},
		"the configuration of xen.efi":   {machine{efiSystem + "/debian/xen-4.20.efi": "MZ", efiSystem + "/debian/xen.cfg": "[global]\ndefault=a\n[a]\noptions=console=vga loglvl=all\nkernel=vmlinuz root=UUID=" + hostUUID + "\n"}, "console=vga loglvl=all", efiSystem + "/debian/xen.cfg", false},
		"no file that says anything":     {machine{}, "", "", false},
		"no Xen installed":               {machine{"/boot/xen-4.20-amd64.gz": gone, "/boot/grub/grub.cfg": grubMenu}, "", "", false},
		"a running Xen has its own line": {answering(t), "dom0_mem=2G sched=credit2 sched_credit_tslice_ms=5 -- root=UUID=(removed)", callCommandLine, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := intelServer().with(test.change)
			b, h := raw(t, m.root(), Options{})
			o := h.Xen.CommandLine
			c, ok := o.Get()
			switch {
			case test.want == "" && ok:
				t.Errorf("%+v", o)
			case test.want == "":
			case !ok:
				t.Fatalf("%+v", o)
			case strings.TrimSpace(c.Text) != test.want && test.want != "?", o.Source != test.source, c.Cut != test.cut, c.NextBoot == h.Xen.Running.IsKnown():
				t.Errorf("%+v", o)
			}
			sameFacts(t, "replay", h, replayed(t, save(t, b)))
			members, _ := unpack(bytes.NewReader(b))
			for member, content := range members {
				if bytes.Contains(content, []byte(hostUUID)) || bytes.Contains(content, []byte(hostSerial)) {
					t.Errorf("%s holds a secret", member)
				}
			}
		})
	}
}

// Blanking leaves a menu what it was, but for names of disks.
func TestRedactedMenu(t *testing.T) {
	clean := redactSettings([]byte(grubMenu))
	before, err := grub.ParseMenu([]byte(grubMenu), grub.How{Platform: "efi"})
	if err != nil {
		t.Fatal(err)
	}
	after, err := grub.ParseMenu(clean, grub.How{Platform: "efi"})
	if err != nil {
		t.Fatal(err)
	}
	if len(after.Entries) != len(before.Entries) || after.Entries[1].CommandLine != before.Entries[1].CommandLine || after.Entries[1].Line != before.Entries[1].Line {
		t.Errorf("%+v becomes %+v", before.Entries[1], after.Entries[1])
	}
	if again := redactSettings(clean); !bytes.Equal(again, clean) {
		t.Error("blanking twice differs from once")
	}
}

// The configuration that a Xen was built with, by what ties it to that Xen.
func TestBuildConfig(t *testing.T) {
	config := "# Xen/x86 4.17.5 Configuration\nCONFIG_PV=y\n"
	running := answering(t).with(machine{callConfig: gone})
	for name, test := range map[string]struct {
		m     machine
		doubt string // what it must say; empty: nothing
		known bool
	}{
		"of the running Xen":         {answering(t), "", true},
		"by its version":             {running.with(machine{"/boot/xen-4.17-amd64.config": config}), "nothing else ties it", true},
		"by its whole version":       {running.with(machine{"/boot/xen-4.17.5.config": config, "/boot/xen-4.17.1.config": "CONFIG_X=y\n"}), "nothing else ties it", true},
		"by its version, of another": {running.with(machine{"/boot/xen-4.17-amd64.config": "# Xen/x86 4.17.2 Configuration\nCONFIG_PV=y\n"}), "4.17.2", true},
		"of another release":         {running.with(machine{"/boot/xen-4.18-amd64.config": config}), "", false},
		"of the installed Xen":       {intelServer().with(machine{"/boot/xen-4.20-amd64.config": config}), "the installed Xen", true},
		"not a configuration":        {running.with(machine{"/boot/xen-4.17-amd64.config": "\x00\x01"}), "", false},
		"no Xen, none installed":     {intelServer().with(machine{"/boot/xen-4.20-amd64.gz": gone}), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := collectLive(t, test.m.root())
			b, ok := h.Xen.BuildConfig.Get()
			if ok != test.known || !strings.Contains(b.Doubt, test.doubt) || test.doubt == "" && b.Doubt != "" {
				t.Errorf("%+v", h.Xen.BuildConfig)
			}
			if ok && b.Value("CONFIG_PV")+b.Value("CONFIG_X86_64") == "nn" {
				t.Errorf("%+v", b)
			}
		})
	}
}

// What is given outweighs what is found.
func TestGivenXen(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte("# Xen/x86 4.16.0 Configuration\nCONFIG_EXPERT=y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{XenCmdline: "sched=rtds xsm=flask -- root=UUID=" + hostUUID, XenConfig: config}
	b, h := raw(t, answering(t).root(), o)
	is(t, "command line", h.Xen.CommandLine, facts.CommandLine{Text: "sched=rtds xsm=flask -- root=UUID=(removed)", NextBoot: true})
	if c, ok := h.Xen.BuildConfig.Get(); !ok || c.Value("CONFIG_EXPERT") != "y" || !strings.Contains(c.Doubt, "4.16.0") {
		t.Errorf("configuration: %+v", h.Xen.BuildConfig)
	}
	again := replayed(t, save(t, b))
	is(t, "command line again", again.Xen.CommandLine, h.Xen.CommandLine.Value)
	is(t, "configuration again", again.Xen.BuildConfig, h.Xen.BuildConfig.Value)

	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("# Xen/arm 4.16.0 Configuration\nCONFIG_ARM=y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, h = raw(t, answering(t).root(), Options{XenConfig: other})
	if p := h.Xen.BuildConfig.Problem; p == nil || p.Cause != facts.Conflicting || len(h.Xen.BuildConfig.Conflicts) != 2 {
		t.Errorf("configuration of a Xen for another machine: %+v", h.Xen.BuildConfig)
	}

	dtb := filepath.Join(dir, "board.dtb")
	root := boardTree([]string{"arm,cortex-a57"}, gicNode("arm,gic-400", 4, false))
	for i := range root.Children {
		if chosen := &root.Children[i]; chosen.Name == "chosen" {
			chosen.Props = append(chosen.Props, prop("xen,xen-bootargs", "llc-coloring=on"))
			chosen.Children = []fake.Node{{Name: "domU1", Props: []fake.Prop{prop("compatible", "xen,domain"), prop("llc-colors", "1-4")}}}
		}
	}
	if err := os.WriteFile(dtb, fake.DTB(root), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := Collect(context.Background(), Options{DTB: dtb, Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "boot arguments", h.Xen.CommandLine, facts.CommandLine{Text: "llc-coloring=on", NextBoot: true})
	is(t, "boot tree", h.Xen.BootTree, []string{"llc-colors", "xen,domain", "xen,xen-bootargs"})
}
