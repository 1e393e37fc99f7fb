package main

import (
	"debug/elf"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// networkImporters are the packages outside the standard library that import
// one of the network's. None of them needs it here: pflag has flags for
// addresses, pcidb could fetch a list of PCI devices, brotli can compress what a
// web server sends, uuid can number by network cards.
var networkImporters = []string{
	"github.com/andybalholm/brotli", "github.com/google/uuid", "github.com/jaypipes/pcidb/internal", "github.com/spf13/pflag",
}

// What could reach a network, start a program or load code is not in the
// executable, whatever the libraries could do with it elsewhere.
func TestNothingReachesOut(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the executable")
	}
	list, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.Standard}} {{join .Imports \" \"}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		words := strings.Fields(line)
		if words[1] == "true" || strings.HasPrefix(words[0], module) {
			continue // our own are held to more by the bans
		}
		if slices.Contains(words[2:], "net") || slices.Contains(words[2:], "net/http") {
			if !slices.Contains(networkImporters, words[0]) {
				t.Errorf("%s, of which the executable is made, imports the network", words[0])
			}
		}
	}

	if runtime.GOOS != "linux" {
		t.Skip("the executable is no ELF file here")
	}
	name := filepath.Join(t.TempDir(), "xencheck")
	if out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{}
	for _, s := range symbols {
		linked[s.Name] = true
	}
	if !linked["main.main"] {
		t.Fatal("the symbols could not be read")
	}
	for _, s := range []string{
		"net/http.Get", "net/http.(*Client).do", "net/http.(*Transport).roundTrip", "net/http.(*Server).Serve",
		"net.Dial", "net.Listen", "net.(*ListenConfig).Listen", "crypto/tls.(*Conn).clientHandshake", "crypto/tls.(*Conn).serverHandshake",
		"os/exec.(*Cmd).Start", "os.StartProcess", "syscall.forkExec", "syscall.Exec", "plugin.Open",
	} {
		if linked[s] {
			t.Errorf("%s is linked in", s)
		}
	}
}
