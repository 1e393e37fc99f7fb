package probe

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
)

// Interfaces of the running system that are not files. Each answers with bytes
// like a file does, so that an archive can replay it.
const (
	unameInterface  = "uname(2)"
	syslogInterface = "syslog(2)"
)

// askSystem reads an interface of the running system.
func askSystem(name string) ([]byte, error) {
	switch name {
	case unameInterface:
		return askUname()
	case syslogInterface:
		return askKernelLog()
	case cpuidInterface:
		return askCPUID()
	case ghwInterface:
		return askGHW()
	case processInterface:
		return listProcesses(liveRoot{})
	case xenstoreInterface:
		return askXenstore()
	}
	if file, ok := strings.CutPrefix(name, kernelInterface); ok {
		return identifyKernel(liveRoot{}, file)
	}
	return askHypercall(name)
}

// askUname returns sysname, release and machine, separated by blanks. The node
// name is left out: who may be named is decided elsewhere.
func askUname() ([]byte, error) {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s %s %s\n", chars(u.Sysname[:]), chars(u.Release[:]), chars(u.Machine[:])), nil
}

// chars converts a C string whose characters are signed or not, by
// architecture.
func chars[C int8 | uint8](c []C) string {
	var b strings.Builder
	for _, ch := range c {
		if ch == 0 {
			break
		}
		b.WriteByte(byte(ch))
	}
	return b.String()
}

// tellingLines are the parts of kernel messages that say something about the
// hardware which no file does.
func tellingLines() []string {
	return []string{
		"CPU: All CPU(s) started", // arm64: … at EL2
		"CPU: CPUs started in",    // arm64: … in inconsistent modes
		"CPU: All CPU(s) ",        // arm: … started in HYP mode
		"CPU: WARNING: CPU(s) started in",
		"disabled by bios", // x86: VMX locked off by firmware
		"disabled by BIOS",
		"SVM disabled",
	}
}

// askKernelLog returns the telling lines of the kernel's ring buffer. The rest
// of the log is nobody's business: it has serial numbers and addresses in it.
func askKernelLog() ([]byte, error) {
	const (
		readAll    = 3  // SYSLOG_ACTION_READ_ALL: does not consume
		sizeBuffer = 10 // SYSLOG_ACTION_SIZE_BUFFER
		maxBuffer  = 16 << 20
	)
	size, err := syscall.Klogctl(sizeBuffer, nil)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, min(size, maxBuffer))
	n, err := syscall.Klogctl(readAll, buf)
	if err != nil {
		return nil, err
	}
	return telling(buf[:n]), nil
}

// telling keeps the telling lines of a kernel log.
func telling(log []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(log) {
		for _, t := range tellingLines() {
			if bytes.Contains(line, []byte(t)) {
				kept = append(kept, line...)
				break
			}
		}
	}
	return kept
}
