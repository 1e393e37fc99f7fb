package procfs

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCommandLine(t *testing.T) {
	got := ParseCommandLine("BOOT_IMAGE=/vmlinuz root=LABEL=r quiet  mem=4G dyndbg=\"file a +p\" \"x=1 2\" -- init=\n")
	want := []Param{
		{"BOOT_IMAGE", "/vmlinuz", true}, {"root", "LABEL=r", true}, {"quiet", "", false}, {"mem", "4G", true},
		{"dyndbg", "file a +p", true}, {"x", "1 2", true}, {"--", "", false}, {"init", "", true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := ParseCommandLine(" \n"); got != nil {
		t.Errorf("blanks are %v", got)
	}
}

func TestRedact(t *testing.T) {
	const uuid = "0cf2b8a1-2b6d-4f7e-9c37-1d2e3f405162"
	for in, want := range map[string]string{
		"root=UUID=" + uuid + " ro":                           "root=UUID=(removed) ro",
		"root=PARTUUID=1234abcd-01":                           "root=PARTUUID=(removed)",
		"root=LABEL=system quiet":                             "root=LABEL=system quiet",
		"root=/dev/disk/by-uuid/" + uuid:                      "root=(removed)",
		"root=/dev/disk/by-id/ata-DISK_S3R1AL":                "root=(removed)",
		"root=/dev/sda1 mem=4G":                               "root=/dev/sda1 mem=4G",
		"rd.luks.uuid=luks-" + uuid:                           "rd.luks.uuid=(removed)",
		"resume=UUID=" + uuid:                                 "resume=UUID=(removed)",
		"BOOTIF=01-aa-bb-cc-dd-ee-ff":                         "BOOTIF=(removed)",
		"ifname=eth0:aa:bb:cc:dd:ee:ff":                       "ifname=(removed)",
		"androidboot.serialno=ABC123":                         "androidboot.serialno=(removed)",
		"systemd.machine_id=0123456789abcdef0123456789abcdef": "systemd.machine_id=(removed)",
		"fetch=https://joe:pw@example.org/k":                  "fetch=(removed)",
		"wifi-pass=\"two words\" ro":                          "wifi-pass=(removed) ro",
		"\"api.token=two words\" ro":                          "\"api.token=(removed)\" ro",
		"iommu.passthrough=1 scmi-smc-passthrough":            "iommu.passthrough=1 scmi-smc-passthrough",
		"vconsole.keymap=de xen-pciback.hide=(0000:03:00.0)":  "vconsole.keymap=de xen-pciback.hide=(0000:03:00.0)",
		"dom0_mem=4G,max:4G  console=ttyS0,115200n8":          "dom0_mem=4G,max:4G console=ttyS0,115200n8",
		uuid + " x":  "(removed) x",
		"key= quiet": "key= quiet",
		"":           "",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}

// Redact keeps the words apart as they were, leaves nothing in the place of a
// secret, and has nothing left to do on its own output.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{
		"BOOT_IMAGE=/boot/vmlinuz-6.1 root=UUID=0cf2b8a1-2b6d-4f7e-9c37-1d2e3f405162 ro quiet",
		`"a b=UUID=1 2" pass="x y" c"d=token e" f`, "serial=1 key=(removed)", `a"b uuid=1`, "aa:bb:cc:dd:ee:ff=1", "UUID=(removed)x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		out := Redact(line)
		if Redact(out) != out {
			t.Fatalf("%q becomes %q, then %q", line, out, Redact(out))
		}
		before, after := slices.Collect(words(line)), slices.Collect(words(out))
		if len(before) != len(after) {
			t.Fatalf("%q has %d words, %q has %d", line, len(before), out, len(after))
		}
		for _, word := range after {
			key, value, _ := strings.Cut(word, "=")
			value = strings.Trim(value, `"`)
			if secretShape(word) && secretShape(key) || secretShape(value) {
				t.Fatalf("%q keeps an identifier in %q", line, word)
			}
			if secretKey(key) && value != "" && value != Removed {
				t.Fatalf("%q keeps the secret %q", line, word)
			}
		}
	})
}
