package probe

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// processInterface is the list of the running programs that concern Xen. An
// archive keeps that list, and nothing of all the others.
const processInterface = "processes"

// Bounds of the walk through /proc.
const (
	maxProcesses = 4096
	maxReported  = 1024
	argumentFile = 128 << 10 // a QEMU with many devices has some ten KiB
)

// program is a program that concerns Xen, and which of its arguments matter.
// What is not named is left out: arguments hold passwords, UUIDs and
// addresses.
type program struct {
	name string // an ending * stands for anything
	// flags are arguments that are kept as they are. words are kept as well,
	// and only the first argument that is no option may be one. options are
	// kept with the argument behind them, up to the first comma.
	flags, words, options []string
}

// programs lists them.
func programs() []program {
	names := func(names ...string) []program {
		var out []program
		for _, n := range names {
			out = append(out, program{name: n})
		}
		return out
	}
	return append(names(
		"xenconsoled", "xenpaging", "gdbsx", "xentrace", "xenalyze", "xen-9pfsd", "xen-access", "xen-livepatch",
		"xen-memshare", "xenwatchdogd", "xenbackendd", "xenmon", "drakvuf", "introcore",
		"tapdisk", "tapdisk2", "tapback", "blktapctrl", "qemu-dm", "demu", "varstored", "vgpu", "emu-manager",
		"libvirtd", "virtxend", "xenopsd", "xenopsd-xc", "xapi", "ovs-vswitchd"),
		program{name: "xenstored", flags: []string{"-U", "--live-update"}},
		program{name: "oxenstored", flags: []string{"--restart", "--live-update"}},
		program{name: "xl", flags: []string{"-c", "--remus", "--colo"}, words: []string{"remus", "migrate-receive", "migrate", "create", "devd", "save", "restore"}},
		emulator("qemu-system-*"),
		emulator("xen-qemu-system-*")) // as Debian calls the one that is built for Xen
}

// emulator is a QEMU under one of its names.
func emulator(name string) program {
	return program{name: name,
		flags:   []string{"-xen-domid-restrict", "-xen-attach"},
		options: []string{"-M", "-machine", "-run-with", "-runas", "-sandbox", "-xen-domid"}}
}

// programOf returns the program of a name.
func programOf(name string) (program, bool) {
	for _, p := range programs() {
		if p.name == name || strings.HasSuffix(p.name, "*") && strings.HasPrefix(name, strings.TrimSuffix(p.name, "*")) {
			return p, true
		}
	}
	return program{}, false
}

// args keeps the arguments that matter. Doing so twice changes nothing.
func (p program) args(argv []string) []string {
	var kept []string
	worded := false
	for i := 0; i < len(argv); i++ {
		a := argv[i]
		switch {
		case slices.Contains(p.flags, a):
			kept = append(kept, a)
		case slices.Contains(p.options, a) && i+1 < len(argv):
			i++
			value, _, _ := strings.Cut(argv[i], ",")
			kept = append(kept, a, plainWord(value))
		case !worded && !strings.HasPrefix(a, "-"):
			worded = true
			if slices.Contains(p.words, a) {
				kept = append(kept, a)
			}
		}
	}
	return kept
}

// plainWord returns an argument as a report can show it: user=xen-qemuuser,
// on, xenfv. It is cut after it was cleaned, which can make it longer.
func plainWord(s string) string {
	const most = 100 // characters
	word := []rune(procfs.Redact(procfs.Value([]byte(s[:min(len(s), 4*most)]))))
	return procfs.Value([]byte(string(word[:min(len(word), most)])))
}

// listProcesses returns the processes as JSON.
func listProcesses(r Root) ([]byte, error) {
	found, err := findProcesses(r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(found)
}

// findProcesses walks /proc (proc(5)): the name of each process, and more only
// of those that concern Xen. Processes that went away meanwhile are left out.
func findProcesses(r Root) ([]facts.Process, error) {
	names, err := r.ReadDir("/proc", maxNames)
	if err != nil {
		return nil, err
	}
	pids := numbered(names, "")
	if len(pids) == 0 {
		return nil, ErrNotRecorded
	}
	// With hidepid= an ordinary user sees no process but its own, and none of
	// them being there says nothing. Process 1 always is.
	if _, err := r.ReadFile("/proc/"+strconv.Itoa(pids[0])+"/comm", smallFile); err != nil {
		return nil, err
	}
	if pids[0] != 1 {
		return nil, &facts.Problem{Cause: facts.NoPermission, Detail: "the kernel shows only some of the processes", Remedy: rootRemedy}
	}
	found := []facts.Process{}
	for _, pid := range pids[:min(len(pids), maxProcesses)] {
		dir := "/proc/" + strconv.Itoa(pid)
		comm, err := r.ReadFile(dir+"/comm", smallFile)
		if err != nil {
			continue
		}
		if p, ok := processOf(r, dir, procfs.Value(comm)); ok && len(found) < maxReported {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b facts.Process) int {
		return strings.Compare(a.Name+"\x00"+strings.Join(a.Args, "\x00"), b.Name+"\x00"+strings.Join(b.Args, "\x00"))
	})
	return found, nil
}

// commLength is how much of a program's name the kernel keeps (TASK_COMM_LEN,
// less its NUL).
const commLength = 15

// processOf reads one process, if it concerns Xen.
func processOf(r Root, dir, comm string) (facts.Process, bool) {
	maybe := slices.ContainsFunc(programs(), func(p program) bool {
		name := strings.TrimSuffix(p.name, "*")
		return comm == name || strings.HasPrefix(comm, name) && name != p.name || len(comm) == commLength && strings.HasPrefix(name, comm)
	})
	if !maybe {
		return facts.Process{}, false
	}
	cmdline, err := r.ReadFile(dir+"/cmdline", argumentFile)
	if err != nil || len(cmdline) == 0 { // a kernel thread has none
		return facts.Process{}, false
	}
	argv := strings.Split(string(bytes.TrimRight(cmdline, "\x00")), "\x00")
	name := path.Base(argv[0])
	if !strings.HasPrefix(name, comm) {
		// The program gave itself another title.
		name = comm
		if exe, err := r.ReadLink(dir + "/exe"); err == nil && strings.HasPrefix(path.Base(exe), comm) {
			name = path.Base(exe)
		}
	}
	p, ok := programOf(name)
	if !ok {
		return facts.Process{}, false
	}
	status, err := r.ReadFile(dir+"/status", smallFile)
	return facts.Process{Name: procfs.Value([]byte(name)), Args: p.args(argv[1:]), Root: err != nil || effectiveUser(status) == "0"}, true
}

// effectiveUser returns the second number of the line Uid: real, effective,
// saved and file system user.
func effectiveUser(status []byte) string {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("Uid:")); ok {
			if ids := strings.Fields(string(rest)); len(ids) == 4 {
				return ids[1]
			}
		}
	}
	return "0" // without the line nothing shows that it has less than all
}
