package machines

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/machines/wire"
)

const someMachine = `# a comment
about A machine
about of two lines.
arch arm64
linux linux-arm64
limit 90
flaky it sometimes is late
qemu qemu-system-aarch64 -M virt
qemu -append "console=ttyAMA0 quiet"
esp EFI/BOOT/BOOTAA64.EFI = {xen:efi}
fact machine.arch is arm64
`

func TestParseDefinition(t *testing.T) {
	got, err := parseDefinition(someMachine)
	if err != nil {
		t.Fatal(err)
	}
	want := Definition{
		About: "A machine of two lines.", Arch: "arm64", Linux: "linux-arm64", Limit: 90 * time.Second, Flaky: "it sometimes is late",
		QEMU:   []string{"qemu-system-aarch64", "-M", "virt", "-append", "console=ttyAMA0 quiet"},
		ESP:    map[string]string{"EFI/BOOT/BOOTAA64.EFI": "{xen:efi}"},
		Expect: []Expectation{{Line: 11, What: "fact", Path: "machine.arch", How: "is", Value: "arm64"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, change := range [][2]string{{"arch arm64", "arch riscv64"}, {"limit 90", "limit soon"}, {"limit 90", ""}, {"quiet\"", "quiet"}, {"fact machine.arch is arm64", ""}, {"about", "abuot"}, {" = ", " "}} {
		if _, err := parseDefinition(strings.ReplaceAll(someMachine, change[0], change[1])); err == nil {
			t.Errorf("%q for %q is accepted", change[1], change[0])
		}
	}
}

// The ramdisk holds what cpio itself reads back.
func TestRamdisk(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"init": "init", "xencheck": "a program", "1-a.ko": "module", "2-b.ko": "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	rd := Ramdisk{
		Init: filepath.Join(dir, "init"), Xencheck: filepath.Join(dir, "xencheck"), Modules: dir,
		Files: map[string][]byte{"/domains/a.cfg": []byte("name = \"a\"\n")}, Steps: []wire.Step{{Name: "check", Args: []string{"/xencheck"}}},
	}
	if err := rd.Write(&b); err != nil {
		t.Fatal(err)
	}
	if b.Len()%4 != 0 || !bytes.HasPrefix(b.Bytes(), []byte("070701")) {
		t.Errorf("%d bytes that begin with %.6q", b.Len(), b.Bytes())
	}
	tool, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("cpio is not installed")
	}
	list := exec.Command(tool, "-itv", "--quiet")
	list.Stdin = bytes.NewReader(b.Bytes())
	out, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if f[0][0] != 'd' {
			got = append(got, f[0]+" "+strings.Join(f[len(f)-1:], " "))
		}
	}
	want := []string{"lrwxrwxrwx /run", "crw------- dev/console", "-rwxr-xr-x init", "-rwxr-xr-x xencheck", "-rwxr-xr-x modules/1-a.ko", "-rwxr-xr-x modules/2-b.ko", "-rw-r--r-- domains/a.cfg", "-rw-r--r-- steps.json"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := (Ramdisk{Init: filepath.Join(dir, "nothing")}).Write(&b); err == nil {
		t.Error("a ramdisk without an init is written")
	}
}
