package probe

import (
	"bytes"
	"context"
	"encoding/hex"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/xencheck/xencheck/probe/facts"
)

// efiVariable is how efivarfs shows a variable that holds text.
func efiVariable(text string) string { return "\x06\x00\x00\x00" + utf16Text(text) }

// utf16Text is a text as EFI has it, with its zero.
func utf16Text(text string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text + "\x00")) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// Device paths of boot entries: a partition with its identifier, a network card
// with its address, a disc.
const (
	efiPartition = "04012a000100000000080000000000000000100000000000" + hostPartition + "0202"
	efiElsewhere = "04012a000100000000080000000000000000100000000000" + otherPartition + "0202"
	efiNetwork   = "030b2500" + hostMAC + "0000000000000000000000000000000000000000000000000000" + "01"
	efiDisc      = "04021800" + "0000000000000000" + "0000000000000000" + "00000000"

	hostPartition  = "c12a7328f81f11d2ba4b00a0c93ec93b"
	otherPartition = "c12a7328f81f11d2ba4b00a0c93ec93c"
	hostMAC        = "525400ab12cd"
)

// bootEntryOf is an entry of EFI's boot menu; flags is 1 for an active one.
func bootEntryOf(flags byte, description, path, file, arguments string) string {
	raw, err := hex.DecodeString(path)
	if err != nil {
		panic(err)
	}
	if file != "" {
		text := utf16Text(file)
		raw = append(append(raw, 4, 4, byte(4+len(text)), 0), text...)
	}
	raw = append(raw, 0x7f, 0xff, 4, 0)
	if arguments != "" {
		arguments = utf16Text(arguments)
	}
	return "\x07\x00\x00\x00" + string([]byte{flags, 0, 0, 0, byte(len(raw)), byte(len(raw) >> 8)}) + utf16Text(description) + string(raw) + arguments
}

// efiNumbers is a variable with numbers of entries.
func efiNumbers(ns ...uint16) string {
	b := []byte{7, 0, 0, 0}
	for _, n := range ns {
		b = append(b, byte(n), byte(n>>8))
	}
	return string(b)
}

// firmware is a machine whose firmware has the usual entries: 0 Debian, 1 Xen, 2
// systemd-boot, 3 the network, 4 a disc, 5 a disk without a file, 6 a file that
// is gone, 7 its own setup, 8 an update of itself by shim, 9 the default loader,
// 10 one that is off, 11 Xen with arguments, 12 a Linux of its own, 13 a shell, 14
// Debian and 15 Windows on another disk.
func firmware(current int, order ...uint16) machine {
	const esp = "/boot/efi/EFI/"
	m := machine{
		bootOrder:                           efiNumbers(order...),
		bootEntry(0):                        bootEntryOf(1, "debian", efiPartition, `\EFI\debian\shimx64.efi`, ""),
		bootEntry(1):                        bootEntryOf(1, "Xen", efiPartition, `\efi\XEN\xen-4.20-amd64.efi`, ""),
		bootEntry(2):                        bootEntryOf(1, "Linux Boot Manager", efiPartition, `\EFI\systemd\systemd-bootx64.efi`, ""),
		bootEntry(3):                        bootEntryOf(1, "UEFI PXEv4 (MAC:"+hostMAC+")", efiNetwork, "", ""),
		bootEntry(4):                        bootEntryOf(1, "UEFI DVD", efiDisc, "", ""),
		bootEntry(5):                        bootEntryOf(1, "UEFI SAMSUNG "+hostSerial, efiPartition, "", ""),
		bootEntry(6):                        bootEntryOf(1, "Windows", efiPartition, `\EFI\Microsoft\Boot\bootmgfw.efi`, ""),
		bootEntry(7):                        "\x07\x00\x00\x00\x09\x01\x00\x00\x04\x00" + utf16Text("UiApp") + "\x7f\xff\x04\x00",
		bootEntry(8):                        bootEntryOf(1, "Linux-Firmware-Updater", efiPartition, `\EFI\debian\shimx64.efi`, `\fwupdx64.efi`),
		bootEntry(9):                        bootEntryOf(1, "UEFI OS", efiPartition, `\EFI\BOOT\BOOTX64.EFI`, ""),
		bootEntry(10):                       bootEntryOf(0, "Xen, off", efiPartition, `\EFI\xen\xen.efi`, ""),
		bootEntry(11):                       bootEntryOf(1, "Xen", efiPartition, `\EFI\xen\xen-4.20-amd64.efi`, "xen.efi -cfg=other.cfg"),
		bootEntry(12):                       bootEntryOf(1, "a kernel", efiPartition, `\EFI\Linux\`+bootMachineID+`-6.5.efi`, ""),
		bootEntry(13):                       bootEntryOf(1, "Shell", "0406140083a5047c3e9e1c4fad65e05268d0b4d1", "", ""),
		bootEntry(14):                       bootEntryOf(1, "debian", efiElsewhere, `\EFI\debian\shimx64.efi`, ""),
		bootEntry(15):                       bootEntryOf(1, "Windows", efiElsewhere, `\EFI\Microsoft\Boot\bootmgfw.efi`, ""),
		esp + "debian/shimx64.efi":          "MZ",
		esp + "xen/xen-4.20-amd64.efi":      "MZ",
		esp + "xen/xen.efi":                 "MZ",
		esp + "systemd/systemd-bootx64.efi": "MZ",
		esp + "Boot/bootx64.efi":            "MZ",
		esp + "Linux/" + bootMachineID + "-6.5.efi": "MZ",
	}
	if current >= 0 {
		m[bootCurrent] = efiNumbers(uint16(current))
	}
	return m
}

// unmounted is a machine without its EFI system partition.
func unmounted(m machine) machine {
	for name := range m {
		if strings.HasPrefix(name, "/boot/efi/") {
			m[name] = gone
		}
	}
	return m
}

const bootMachineID = "0123456789abcdef0123456789abcdef"

// What boots next on a running machine, and what cannot be told.
func TestCollectNextBoot(t *testing.T) {
	const menu, xen = "/boot/grub/grub.cfg", "Debian GNU/Linux, with Xen 4.20"
	second := strings.Replace(grubMenu, `"0"`, `"1"`, 1)
	custom := second + "if [ -f ${config_directory}/custom.cfg ]; then\n source ${config_directory}/custom.cfg\nfi\n"
	snippets := "load_env\nset default=\"${saved_entry}\"\nblscfg\n" + strings.TrimPrefix(grubMenu, "set default=\"0\"\n")
	const entry = entriesDir + "/" + bootMachineID + "-6.5.conf"
	const unread = "EFI's boot order could not be read (there is no such source on this machine), so the files of boot loaders tell what starts"
	boots := NextBoot{Loader: "GRUB", Title: xen, Source: menu, Line: 6, File: "/boot/xen-4.20-amd64.gz", Xen: true}
	const cfg = "/boot/efi/EFI/xen/xen-4.20.cfg"
	const config = "[global]\ndefault=fine\n[other]\nkernel=x\n[fine]\noptions=sched=credit loglvl=all\nkernel=vmlinuz root=UUID=" + hostUUID + "\n"
	alone := NextBoot{Loader: "xen.efi", Title: "fine", Source: cfg, Line: 5, File: "/boot/efi/EFI/xen/xen-4.20-amd64.efi", Xen: true}
	const beside = "/boot/efi/EFI/debian/grub.cfg"
	there := boots
	there.Source = beside
	starting := func(b NextBoot, words string) NextBoot { b.Firmware = words; return b }
	efi := func(m machine, more machine) machine {
		all := machine{menu: second, cfg: config}
		for _, part := range []machine{m, more} {
			for k, v := range part {
				all[k] = v
			}
		}
		return all
	}
	for name, test := range map[string]struct {
		change machine
		denied string
		want   NextBoot
	}{
		"Linux":                        {machine{menu: grubMenu}, "", NextBoot{Firmware: unread, Loader: "GRUB", Title: "Debian GNU/Linux", Source: menu, Line: 2, File: "/boot/vmlinuz-6.12"}},
		"Xen":                          {machine{menu: second}, "", starting(boots, unread)},
		"Xen by another name":          {machine{menu: strings.Replace(second, "/boot/xen-4.20-amd64.gz", "/boot/hv-4.20.gz", 1)}, "", NextBoot{Firmware: unread, Loader: "GRUB", Title: xen, Source: menu, Line: 6, File: "/boot/hv-4.20.gz", Why: "it loads hv-4.20.gz as a hypervisor is loaded, and whether that is Xen, its name does not tell"}},
		"Xen within a name":            {machine{menu: strings.Replace(second, "/boot/xen-4.20-amd64.gz", "/kernels/ab-xen-4.20.gz", 1)}, "", NextBoot{Firmware: unread, Loader: "GRUB", Title: xen, Source: menu, Line: 6, File: "/kernels/ab-xen-4.20.gz", Xen: true, Why: "of which release ab-xen-4.20.gz is, its name does not tell"}},
		"Xen by its command":           {machine{menu: strings.Replace(second, "multiboot2 /boot/xen-4.20-amd64.gz", "xen_hypervisor /boot/hv", 1)}, "", NextBoot{Firmware: unread, Loader: "GRUB", Title: xen, Source: menu, Line: 6, File: "/boot/hv", Xen: true, Why: "of which release hv is, its name does not tell"}},
		"GRUB leaves its name":         {machine{menu: second, loaderInfo: efiVariable("GRUB 2.12")}, "", starting(boots, unread)},
		"systemd-boot, GRUB left over": {machine{menu: second, loaderInfo: efiVariable("systemd-boot 252.22")}, "", NextBoot{Why: "systemd-boot 252.22 started this machine, and its entries are not read"}},
		"a torn variable":              {machine{menu: second, loaderInfo: "\x06\x00\x00\x00s"}, "", starting(boots, unread)},
		"no loader's files":            {machine{}, "", NextBoot{Firmware: unread, Why: "no menu of GRUB was found in /boot/grub or /boot/grub2"}},
		"systemd-boot":                 {machine{"/boot/loader/loader.conf": "default a\n"}, "", NextBoot{Firmware: unread, Why: "systemd-boot decides that here (/boot/loader/loader.conf), and its entries are not read"}},
		"a menu nobody may read":       {machine{menu: second}, menu, NextBoot{Firmware: unread, Source: menu, Why: menu + " could not be read: reading is refused"}},
		"nothing is added":             {machine{menu: custom}, "", starting(boots, unread)},
		"entries are added":            {machine{menu: custom, "/boot/grub/custom.cfg": "menuentry x { linux /k }\n"}, "", starting(boots, unread)},
		"another default, perhaps":     {machine{menu: custom, "/boot/grub/custom.cfg": "set default=0\n"}, "", NextBoot{Firmware: unread, Source: menu, Why: "what the menu's default is cannot be told from the file"}},
		"added, and nobody may read":   {machine{menu: custom, "/boot/grub/custom.cfg": "x"}, "/boot/grub/custom.cfg", NextBoot{Firmware: unread, Source: menu, Why: "what the menu's default is cannot be told from the file"}},
		"another file":                 {machine{menu: grubMenu + "source $prefix/ours.cfg\n", "/boot/grub/ours.cfg": "source /boot/grub/more.cfg\n", "/boot/grub/more.cfg": "set default=1\n"}, "", starting(boots, unread)},
		"another file, unread":         {machine{menu: grubMenu + ". $prefix/ours.cfg\n", "/boot/grub/ours.cfg": "set default=1\n"}, "/boot/grub/ours.cfg", NextBoot{Firmware: unread, Source: menu, Why: "what the menu's default is cannot be told from the file"}},
		"another file, not there":      {machine{menu: second + "source $prefix/ours.cfg\n"}, "", starting(boots, unread)},
		"an entry of its own file":     {machine{menu: snippets, entry: "title Fedora Linux\nlinux /vmlinuz-6.5\n"}, "", NextBoot{Firmware: unread, Loader: "GRUB", Title: "Fedora Linux", Source: menu, Line: 3, File: "/vmlinuz-6.5"}},
		"that nobody may read":         {machine{menu: snippets, entry: "title Fedora Linux\nlinux /vmlinuz-6.5\n"}, entry, NextBoot{Firmware: unread, Source: menu, Why: "the entries of /boot/loader/entries, which the menu adds, could not be read"}},
		"a container":                  {machine{menu: second, "/proc/self/ns/pid": "-> pid:[4026532201]", "/.dockerenv": ""}, "", NextBoot{Why: "this is a container, and what is in its /boot is not what the host boots"}},
		"no such files":                {machine{menu: snippets}, "", NextBoot{Firmware: unread, Loader: "GRUB", Title: "Debian GNU/Linux", Source: menu, Line: 4, File: "/boot/vmlinuz-6.12"}},

		// What the firmware says.
		"Debian first":               {efi(firmware(0, 0, 1), nil), "", starting(boots, `EFI starts Boot0000 (\EFI\debian\shimx64.efi) first`)},
		"no menu for it":             {efi(firmware(0, 0, 1), machine{menu: gone}), "", NextBoot{Firmware: `EFI starts Boot0000 (\EFI\debian\shimx64.efi) first`, Why: "no menu of GRUB was found in /boot/grub or /boot/grub2"}},
		"a menu beside GRUB":         {efi(firmware(0, 0, 1), machine{menu: grubMenu, beside: second}), "", starting(there, `EFI starts Boot0000 (\EFI\debian\shimx64.efi) first`)},
		"what leads to the menu":     {efi(firmware(0, 0, 1), machine{beside: "configfile $prefix/grub.cfg\n"}), "", starting(boots, `EFI starts Boot0000 (\EFI\debian\shimx64.efi) first`)},
		"beside a GRUB that is not":  {efi(firmware(0, 0, 1), machine{"/boot/efi/EFI/other/grub.cfg": grubMenu}), "", starting(boots, `EFI starts Boot0000 (\EFI\debian\shimx64.efi) first`)},
		"the only menu":              {machine{beside: second, "/boot/efi/EFI/a/grub.cfg": "configfile x\n"}, "", starting(there, unread)},
		"one of two menus":           {machine{beside: second, "/boot/efi/EFI/a/grub.cfg": grubMenu}, "", NextBoot{Firmware: unread, Why: "no menu of GRUB was found in /boot/grub or /boot/grub2"}},
		"Xen first":                  {efi(firmware(0, 1, 0), nil), "", starting(alone, `EFI starts Boot0001 (\efi\XEN\xen-4.20-amd64.efi) first`)},
		"Xen once":                   {efi(firmware(0, 0, 1), machine{bootNext: efiNumbers(1)}), "", starting(alone, `EFI starts Boot0001 (\efi\XEN\xen-4.20-amd64.efi) next, once, as BootNext says`)},
		"once what is not there":     {efi(firmware(0, 0, 1), machine{bootNext: efiNumbers(99)}), "", starting(boots, `EFI starts Boot0000 (\EFI\debian\shimx64.efi) first`)},
		"the network once":           {efi(firmware(0, 0, 1), machine{bootNext: efiNumbers(3)}), "", NextBoot{Why: "EFI starts Boot0003 (the network) next, once, as BootNext says, and what that boots cannot be told"}},
		"systemd-boot first":         {efi(firmware(0, 2, 0), machine{loaderInfo: efiVariable("GRUB 2.12")}), "", NextBoot{Why: `EFI starts Boot0002 (\EFI\systemd\systemd-bootx64.efi) first, and what systemd-boot boots cannot be told`}},
		"GRUB, not systemd-boot":     {efi(firmware(2, 0, 2), machine{loaderInfo: efiVariable("systemd-boot 252.22")}), "", starting(boots, `EFI starts Boot0000 (\EFI\debian\shimx64.efi) first`)},
		"shim starts systemd-boot":   {efi(firmware(0, 0, 2), machine{loaderInfo: efiVariable("systemd-boot 252.22")}), "", NextBoot{Why: "systemd-boot 252.22 started this machine, and its entries are not read"}},
		"the network in vain":        {efi(firmware(0, 7, 10, 3, 4, 0, 1), nil), "", starting(boots, `EFI tries Boot0003 (the network) and Boot0004 (a removable medium), which started nothing this time, then Boot0000 (\EFI\debian\shimx64.efi)`)},
		"a new Xen behind it":        {efi(firmware(0, 3, 1, 0), nil), "", starting(alone, `EFI tries Boot0003 (the network), which started nothing this time, then Boot0001 (\efi\XEN\xen-4.20-amd64.efi)`)},
		"the network, and no word":   {efi(firmware(-1, 3, 0), nil), "", NextBoot{Why: "EFI tries Boot0003 (the network) first, and whether that starts anything cannot be told"}},
		"from the network":           {efi(firmware(3, 3, 0), nil), "", NextBoot{Why: "EFI starts Boot0003 (the network) first, and what that boots cannot be told"}},
		"a file that is gone":        {efi(firmware(0, 6, 0), nil), "", starting(boots, `EFI tries Boot0006 (\EFI\Microsoft\Boot\bootmgfw.efi), which started nothing this time, then Boot0000 (\EFI\debian\shimx64.efi)`)},
		"a partition not mounted":    {efi(unmounted(firmware(0, 1, 0)), machine{cfg: gone, "/boot/efi/": ""}), "", NextBoot{Firmware: `EFI starts Boot0001 (\efi\XEN\xen-4.20-amd64.efi) first`, Loader: "xen.efi", Why: "xen.efi could not be found on the EFI system partition"}},
		"no partition to look at":    {efi(firmware(0, 6, 0), nil), "/boot/efi", NextBoot{Why: `EFI starts Boot0006 (\EFI\Microsoft\Boot\bootmgfw.efi) first, and what Windows' boot manager boots cannot be told`}},
		"a default loader":           {efi(firmware(9, 9, 0), nil), "", starting(boots, `EFI starts Boot0009 (\EFI\BOOT\BOOTX64.EFI) first, which is taken for GRUB`)},
		"that gives its name":        {efi(firmware(9, 9, 0), machine{loaderInfo: efiVariable("GRUB 2.12")}), "", starting(boots, `EFI starts Boot0009 (\EFI\BOOT\BOOTX64.EFI) first`)},
		"and it is another":          {efi(firmware(5, 5, 0), machine{loaderInfo: efiVariable("rEFInd 0.14")}), "", NextBoot{Why: "rEFInd 0.14 started this machine, and its entries are not read"}},
		"firmware that is updated":   {efi(firmware(0, 0), machine{bootNext: efiNumbers(8)}), "", NextBoot{Why: `EFI starts Boot0008 (\EFI\debian\shimx64.efi) next, once, as BootNext says, and what \fwupdx64.efi boots cannot be told`}},
		"a kernel of its own":        {efi(firmware(0, 12, 0), nil), "", NextBoot{Why: `EFI starts Boot000C (\EFI\Linux\xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-6.5.efi) first, and what xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-6.5.efi boots cannot be told`}},
		"another disk":               {efi(firmware(0, 14, 0), nil), "", NextBoot{Why: `EFI starts Boot000E (\EFI\debian\shimx64.efi) first, from another partition than the one that started this machine, and what that boots cannot be told`}},
		"another disk's Windows":     {efi(firmware(0, 15, 0), nil), "", NextBoot{Why: `EFI starts Boot000F (\EFI\Microsoft\Boot\bootmgfw.efi) first, from another partition than the one that started this machine, and what that boots cannot be told`}},
		"another disk once":          {efi(firmware(0, 0, 1), machine{bootNext: efiNumbers(14)}), "", NextBoot{Why: `EFI starts Boot000E (\EFI\debian\shimx64.efi) next, once, as BootNext says, from another partition than the one that started this machine, and what that boots cannot be told`}},
		"another disk, as this time": {efi(firmware(14, 14, 0), nil), "", starting(boots, `EFI starts Boot000E (\EFI\debian\shimx64.efi) first`)},
		"a shell":                    {efi(firmware(0, 13, 0), nil), "", NextBoot{Why: "EFI starts Boot000D (a program of the firmware) first, and what that boots cannot be told"}},
		"Xen with arguments":         {efi(firmware(0, 11, 0), nil), "", NextBoot{Firmware: `EFI starts Boot000B (\EFI\xen\xen-4.20-amd64.efi) first`, Loader: "xen.efi", Why: "xen.efi is given arguments by its boot entry, which are not followed"}},
		"Xen that carries its own":   {efi(firmware(0, 1), machine{cfg: gone}), "", NextBoot{Firmware: `EFI starts Boot0001 (\efi\XEN\xen-4.20-amd64.efi) first`, Loader: "xen.efi", Why: "no configuration is beside /boot/efi/EFI/xen/xen-4.20-amd64.efi, and what it carries itself is not read"}},
		"Xen without a section":      {efi(firmware(0, 1), machine{cfg: "[a]\nkernel=x\n"}), "", NextBoot{Firmware: `EFI starts Boot0001 (\efi\XEN\xen-4.20-amd64.efi) first`, Loader: "xen.efi", Source: cfg, Why: cfg + " has no section that boots by default"}},
		"Xen that nobody may read":   {efi(firmware(0, 1), nil), cfg, NextBoot{Firmware: `EFI starts Boot0001 (\efi\XEN\xen-4.20-amd64.efi) first`, Loader: "xen.efi", Source: cfg, Why: cfg + " could not be read: the kernel refused to let it be read"}},
		"no entry that is any":       {efi(firmware(0, 7, 10, 99), nil), "", starting(boots, "EFI's boot order has no entry that can be followed, so the files of boot loaders tell what starts")},
		"an order that is torn":      {efi(firmware(0), machine{bootOrder: "\x07\x00\x00\x00\x01"}), "", starting(boots, "EFI's boot order could not be read (ends within a number), so the files of boot loaders tell what starts")},
		"an entry that is torn":      {efi(firmware(0, 1, 0), machine{bootEntry(1): "\x07\x00\x00\x00\x01\x00"}), "", NextBoot{Why: "EFI tries Boot0001 first, and that could not be read (no boot entry of EFI's)"}},
		"an entry nobody may read":   {efi(firmware(0, 1, 0), nil), bootEntry(1), NextBoot{Why: "EFI tries Boot0001 first, and that could not be read (the kernel refused to let it be read)"}},
		"nobody may read BootNext":   {efi(firmware(0, 1, 0), machine{bootNext: efiNumbers(0)}), bootNext, NextBoot{Why: "what EFI starts next, by its variable BootNext, could not be read (the kernel refused to let it be read)"}},
		"a torn BootNext":            {efi(firmware(0, 1, 0), machine{bootNext: "\x07\x00\x00\x00\x00"}), "", NextBoot{Why: "what EFI starts next, by its variable BootNext, could not be read (5 bytes, not 6)"}},
		"once what is torn":          {efi(firmware(0, 1, 0), machine{bootNext: efiNumbers(6), bootEntry(6): "x"}), "", NextBoot{Why: "EFI starts Boot0006 next, as BootNext says, and that could not be read (no boot entry of EFI's)"}},
		"nobody may read the order":  {efi(firmware(0, 1, 0), nil), bootOrder, starting(boots, "EFI's boot order could not be read (the kernel refused to let it be read), so the files of boot loaders tell what starts")},
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
				if c, ok := next.Xen.CommandLine.Get(); !ok || !strings.Contains(c.Text, "sched=credit") || strings.Contains(c.Text, hostUUID) {
					t.Errorf("%+v", next.Xen.CommandLine)
				}
			}
			// An archive says the same, and does not say which machine it is.
			b, _ := raw(t, r, Options{})
			_, thenNext, then, err := CollectNextBoot(context.Background(), Options{Root: save(t, b), Now: noon, Tool: o.Tool})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(got, then); d != "" {
				t.Errorf("replayed, -live +replay:\n%s", d)
			}
			if (next == nil) != (thenNext == nil) {
				t.Errorf("the next host, replayed: %t", thenNext != nil)
			} else if next != nil {
				x, y := *next, *thenNext
				x.Origin, y.Origin = facts.Origin{}, facts.Origin{}
				if d := cmp.Diff(x, y); d != "" {
					t.Errorf("the next host, -live +replay:\n%s", d)
				}
			}
			members, err := unpack(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			mac, _ := hex.DecodeString(hostMAC)
			partition, _ := hex.DecodeString(hostPartition)
			for member, content := range members {
				for _, secret := range []string{hostUUID, hostSerial, utf16Text(hostSerial)[:2*len(hostSerial)], bootMachineID, hostMAC, string(mac), string(partition)} {
					if strings.Contains(member, secret) || bytes.Contains(content, []byte(secret)) {
						t.Errorf("%s tells %q", member, secret)
					}
				}
			}
		})
	}
}

// A source that cannot be read never makes another loader the one that starts
// next without a word about it.
func TestNextBootWithLess(t *testing.T) {
	const cfg = "/boot/efi/EFI/xen/xen-4.20.cfg"
	for name, m := range map[string]machine{
		"GRUB": firmware(0, 0, 1), "Xen": firmware(0, 1, 0), "in vain": firmware(0, 3, 6, 0, 1), "once": firmware(0, 0, 1).with(machine{bootNext: efiNumbers(1)}),
		"a default loader": firmware(9, 9, 1).with(machine{loaderInfo: efiVariable("GRUB 2.12")}),
	} {
		whole := intelServer().with(m).with(machine{"/boot/grub/grub.cfg": grubMenu, cfg: "[global]\ndefault=a\n[a]\nkernel=k\n"})
		tell := func(r Root) NextBoot {
			_, _, boot, err := CollectNextBoot(context.Background(), Options{FS: liveTest{r}, FSLive: true, Now: noon})
			if err != nil {
				t.Fatal(err)
			}
			return boot
		}
		want := tell(whole.root())
		if want.Why != "" || want.File == "" {
			t.Fatalf("%s: %+v", name, want)
		}
		said := 0
		for source := range whole {
			if !strings.HasPrefix(source, efivars+"/") && !strings.HasPrefix(source, "/boot/") {
				continue
			}
			for _, denied := range []string{source, strings.TrimSuffix(source, "/"+source[strings.LastIndex(source, "/")+1:])} {
				for _, err := range []error{fs.ErrPermission, ErrTimeout} {
					got := tell(faulty{Root: whole.root(), errs: map[string]error{denied: err}})
					if got.File != want.File && got.Why == "" && !strings.Contains(got.Firmware, "could not be read") {
						t.Errorf("%s without %s: %+v, not %+v", name, denied, got, want)
					}
					if got.Why != "" {
						said++
					}
				}
			}
		}
		if said == 0 {
			t.Errorf("%s: no source matters", name)
		}
	}
}

// Domains that run now are none of the next boot's; those that are configured
// or given stay.
func TestLastingDomains(t *testing.T) {
	running := facts.Domain{Source: libxlData + "/userdata-d.1.uuid.libxl-json"}
	kept := facts.Domain{Source: "/etc/xen/a.cfg"}
	lost := facts.Not[[]facts.Domain](&facts.Problem{Cause: facts.NoPermission, Source: "/etc/xen"})
	for name, tt := range map[string]struct {
		have facts.Observed[[]facts.Domain]
		dirs bool // --domains
		want facts.Observed[[]facts.Domain]
	}{
		"none":               {facts.Observed[[]facts.Domain]{}, false, facts.Observed[[]facts.Domain]{}},
		"running":            {facts.Is([]facts.Domain{running}, "s"), true, facts.Observed[[]facts.Domain]{}},
		"both":               {facts.Is([]facts.Domain{running, kept}, "s"), true, facts.Is([]facts.Domain{kept}, "s")},
		"unread, not wanted": {lost, false, facts.Observed[[]facts.Domain]{}},
		"unread, wanted":     {lost, true, lost},
	} {
		s := &session{opts: Options{DomainDirs: tt.dirs}, host: &facts.Host{Domains: tt.have}}
		if d := cmp.Diff(tt.want, s.lastingDomains()); d != "" {
			t.Errorf("%s: -want +got:\n%s", name, d)
		}
	}
}
