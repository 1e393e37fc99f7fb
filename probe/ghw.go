package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/jaypipes/ghw"
	"github.com/jaypipes/ghw/pkg/cpu"
	"github.com/jaypipes/ghw/pkg/linuxdmi"
	"github.com/xencheck/xencheck/probe/internal/cpulist"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// ghwInterface is the hardware library ghw, asked about the running machine.
const ghwInterface = "ghw"

// ghwMaxCPUs is up to how many CPUs ghw is asked about them: it opens two files
// for each, and compares each with all others.
const ghwMaxCPUs = 32

// ghwReading is what ghw says.
type ghwReading struct {
	Usable int64  `json:"usable,omitempty"` // bytes: MemTotal
	Cores  int    `json:"cores,omitempty"`  // in all nodes; 0 when not asked
	Board  string `json:"board,omitempty"`  // DMI board name
}

// askGHW returns a ghwReading as JSON.
//
// Only the parts of ghw that read what is wanted are called. Its memory and
// topology open a file for every memory block (40 µs each, and a large machine
// has 98,304) and, where there are none, search the system's logs; so /sys and
// /var are out of reach of the one, and of the other the cores of a node are
// asked for alone. Its baseboard and product read serial numbers; the name of
// the board is read as a single item instead.
func askGHW() (out []byte, err error) {
	defer func() { // ghw indexes into names without looking
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("ghw failed: %v", p)
		}
	}()
	var r ghwReading
	mem, err := ghw.Memory(ghwContext(map[string]string{"/sys": "/proc/self/none", "/var": "/proc/self/none"}))
	if err != nil {
		return nil, err
	}
	r.Usable = mem.TotalUsableBytes
	r.Cores = ghwCores()
	const board = "/sys/class/dmi/id/board_name"
	if _, err := os.Lstat(board); !errors.Is(err, os.ErrNotExist) {
		if name := linuxdmi.Item(ghwContext(nil), "board_name"); name != "unknown" {
			r.Board = procfs.Value([]byte(name))
		}
	}
	return json.Marshal(r)
}

// ghwCores counts the cores of every node; 0 when there are too many CPUs or
// the kernel knows no nodes.
func ghwCores() int {
	online, err := liveRoot{}.ReadFile(sysCPU+"/online", smallFile)
	if err != nil {
		return 0
	}
	if cpus, err := cpulist.Parse(procfs.Value(online)); err != nil || cpus.Len() > ghwMaxCPUs {
		return 0
	}
	nodes, err := liveRoot{}.ReadFile(nodesOnline, smallFile)
	if err != nil {
		return 0
	}
	list, err := cpulist.Parse(procfs.Value(nodes))
	if err != nil {
		return 0
	}
	n := 0
	for node := range list.All() {
		cores, err := cpu.CoresForNode(ghwContext(nil), node)
		if err != nil {
			return 0
		}
		n += len(cores)
	}
	return n
}

// ghwContext is the running machine, without tools and without a word on
// standard error.
func ghwContext(hidden map[string]string) context.Context {
	ctx := context.Background()
	for _, modify := range []ghw.Modifier{
		ghw.WithChroot("/"),
		ghw.WithDisableTools(),
		ghw.WithLogger(slog.New(slog.DiscardHandler)),
		ghw.WithPathOverrides(hidden),
	} {
		ctx = modify(ctx)
	}
	return ctx
}
