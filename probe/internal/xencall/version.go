package xencall

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// Sub-commands of xen_version (version.h, XENVER_*). This interface is stable:
// every guest may ask most of it, and it carries no version.
const (
	xenverVersion      = 0
	xenverExtra        = 1
	xenverCompileInfo  = 2
	xenverCapabilities = 3
	xenverChangeset    = 4
	xenverPlatform     = 5
	xenverCommandLine  = 9
	xenverBuildID      = 10
	xenverCommandLine2 = 14 // of any length; an older Xen answers ENOSYS
)

// denied is what Xen writes in place of a text that its security policy does
// not show (common/kernel.c, xen_deny).
const denied = "<denied>"

// commandLineSize is sizeof(xen_commandline_t): 1023 bytes and a NUL. Up to
// 4.20 at least, that is also as much as Xen keeps.
const commandLineSize = 1024

// Version returns the release of the running Xen: 4, 17.
func (x *Xen) Version(ctx context.Context) (major, minor int, err error) {
	err = x.do(ctx, call{
		name: "XENVER_version", op: hypercallVersion,
		ask: func(memory) [5]uint64 { return [5]uint64{xenverVersion} },
		answer: func(ret int64, _ memory) error {
			if ret <= 0 || ret > 0xffffffff {
				return fmt.Errorf("%w: version %#x", ErrMalformed, ret)
			}
			major, minor = int(ret>>16), int(ret&0xffff)
			return nil
		},
	})
	return major, minor, err
}

// versionText asks for one of the texts of fixed size.
func (x *Xen) versionText(ctx context.Context, name string, command uint64, size int) (string, error) {
	var text string
	err := x.do(ctx, call{
		name: name, op: hypercallVersion,
		ask: func(m memory) [5]uint64 { return [5]uint64{command, m.address(0)} },
		answer: func(_ int64, m memory) error {
			text = cString(m.bytes[:size-1]) // the last byte is the NUL
			if text == denied {
				return fmt.Errorf("%w: it says %q", ErrRefused, text)
			}
			return nil
		},
	})
	return text, err
}

// ExtraVersion returns what follows the release: .7, .4-pre.
func (x *Xen) ExtraVersion(ctx context.Context) (string, error) {
	return x.versionText(ctx, "XENVER_extraversion", xenverExtra, 16)
}

// Capabilities returns the guest types this Xen can run, separated by blanks:
// "xen-3.0-x86_64 hvm-3.0-x86_64", "xen-3.0-aarch64 xen-3.0-armv7l".
func (x *Xen) Capabilities(ctx context.Context) (string, error) {
	return x.versionText(ctx, "XENVER_capabilities", xenverCapabilities, 1024)
}

// Changeset returns the commit the hypervisor was built from, as its builder
// recorded it; distributions often leave it empty.
func (x *Xen) Changeset(ctx context.Context) (string, error) {
	return x.versionText(ctx, "XENVER_changeset", xenverChangeset, 64)
}

// CompileInfo says who built the hypervisor, with what and when.
type CompileInfo struct {
	Compiler string `json:"compiler"` // offset 0, 64 bytes
	By       string `json:"by"`       // offset 64, 16 bytes
	Domain   string `json:"domain"`   // offset 80, 32 bytes
	Date     string `json:"date"`     // offset 112, 32 bytes; free text
}

const compileInfoSize = 144

// CompileInfo returns the builder's mark (struct xen_compile_info).
func (x *Xen) CompileInfo(ctx context.Context) (CompileInfo, error) {
	var info CompileInfo
	err := x.do(ctx, call{
		name: "XENVER_compile_info", op: hypercallVersion,
		ask: func(m memory) [5]uint64 { return [5]uint64{xenverCompileInfo, m.address(0)} },
		answer: func(_ int64, m memory) (err error) {
			info, err = decodeCompileInfo(m.bytes[:compileInfoSize])
			return err
		},
	})
	return info, err
}

func decodeCompileInfo(b []byte) (CompileInfo, error) {
	v := view{data: b}
	info := CompileInfo{
		Compiler: cString(v.at(0, 64)),
		By:       cString(v.at(64, 16)),
		Domain:   cString(v.at(80, 32)),
		Date:     cString(v.at(112, 32)),
	}
	return info, v.err("compile info")
}

// CommandLine is the command line Xen was started with.
type CommandLine struct {
	Text string `json:"text"`
	// Cut tells that the text has just the length of Xen's buffer: more may
	// have followed, which this Xen does not tell.
	Cut bool `json:"cut"`
	// Call is the sub-command that told it.
	Call string `json:"call"`
}

// CommandLine returns the command line, by XENVER_commandline2, which tells
// all that Xen has kept, or where Xen has not got that by XENVER_commandline,
// which cuts it after 1023 bytes.
func (x *Xen) CommandLine(ctx context.Context) (CommandLine, error) {
	const whole, cut = "XENVER_commandline2", "XENVER_commandline"
	text, err := x.variable(ctx, whole, xenverCommandLine2)
	if err == nil {
		line := cString(text)
		return CommandLine{Text: line, Cut: len(line) == commandLineSize-1, Call: whole}, nil
	}
	if errors.Is(err, ErrTimedOut) || errors.Is(err, ErrNoDevice) {
		return CommandLine{}, err
	}
	short, err := x.versionText(ctx, cut, xenverCommandLine, commandLineSize)
	if err != nil {
		return CommandLine{}, err
	}
	return CommandLine{Text: short, Cut: len(short) == commandLineSize-1, Call: cut}, nil
}

// BuildID returns the GNU build ID of the hypervisor's image: raw bytes, empty
// when it was linked without one.
func (x *Xen) BuildID(ctx context.Context) ([]byte, error) {
	id, err := x.variable(ctx, "XENVER_build_id", xenverBuildID)
	if errors.Is(err, syscall.ENODATA) {
		return nil, nil
	}
	return id, err
}

// variable asks for data of variable length (struct xen_varbuf: length at
// offset 0, data at 4). Xen returns the number of bytes written.
func (x *Xen) variable(ctx context.Context, name string, command uint64) ([]byte, error) {
	const limit = MemorySize - payload - 4
	var data []byte
	err := x.do(ctx, call{
		name: name, op: hypercallVersion,
		ask: func(m memory) [5]uint64 {
			put32(m.bytes, payload, limit)
			return [5]uint64{command, m.address(payload)}
		},
		answer: func(ret int64, m memory) error {
			if ret < 0 || ret > limit {
				return fmt.Errorf("%w: %d bytes written", ErrMalformed, ret)
			}
			data = append(data, m.bytes[payload+4:payload+4+int(ret)]...)
			if string(data) == denied {
				return fmt.Errorf("%w: it says %q", ErrRefused, data)
			}
			return nil
		},
	})
	return data, err
}

// VirtualStart returns the lowest virtual address that Xen keeps for itself
// (struct xen_platform_parameters, virt_start); 0 where it keeps none.
func (x *Xen) VirtualStart(ctx context.Context) (uint64, error) {
	var start uint64
	err := x.do(ctx, call{
		name: "XENVER_platform_parameters", op: hypercallVersion,
		ask: func(m memory) [5]uint64 { return [5]uint64{xenverPlatform, m.address(0)} },
		answer: func(_ int64, m memory) error {
			v := view{data: m.bytes}
			start = v.u64(0)
			return nil
		},
	})
	return start, err
}
