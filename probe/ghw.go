package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/jaypipes/ghw"
	"github.com/jaypipes/ghw/pkg/linuxdmi"
)

// ghwInterface is the hardware library ghw, asked about the running machine.
const ghwInterface = "ghw"

// ghw opens a file for every memory block and a dozen for every CPU. Beyond
// these counts it would take longer than everything else together, and is only
// asked for what it reads in one go.
const (
	ghwMaxBlocks = 512
	ghwMaxCPUs   = 16
)

// ghwReading is what ghw says.
type ghwReading struct {
	Usable   int64  `json:"usable,omitempty"`   // bytes: MemTotal
	Physical int64  `json:"physical,omitempty"` // bytes: online memory blocks; 0 where ghw would guess
	Nodes    int    `json:"nodes,omitempty"`    // NUMA nodes; 0 when not asked
	Cores    int    `json:"cores,omitempty"`    // cores in all nodes
	Board    string `json:"board,omitempty"`    // DMI board name
}

// askGHW returns a ghwReading as JSON.
//
// It passes ghw a context of its own: without one, ghw takes GHW_CHROOT and
// its other variables from the environment. The board name is read as a single
// item, because ghw's baseboard and product read serial numbers. /var is put
// out of reach, because ghw searches the system's logs for memory sizes.
func askGHW() (out []byte, err error) {
	defer func() { // ghw indexes into names without looking
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("ghw failed: %v", p)
		}
	}()
	blocks, blocksErr := liveRoot{}.ReadDir("/sys/devices/system/memory", maxNames)
	cpus, cpusErr := liveRoot{}.ReadDir("/sys/devices/system/cpu", maxEntries)
	hidden := map[string]string{"/var": "/proc/self/no-logs"}
	fewBlocks := blocksErr == nil && len(blocks) <= ghwMaxBlocks
	if !fewBlocks {
		hidden["/sys"] = "/proc/self/no-sysfs"
	}

	var r ghwReading
	mem, err := ghw.Memory(ghwContext(hidden))
	if err != nil {
		return nil, err
	}
	r.Usable = mem.TotalUsableBytes
	if fewBlocks {
		// ghw puts usable bytes here when it finds no blocks.
		if mem.TotalPhysicalBytes != mem.TotalUsableBytes {
			r.Physical = mem.TotalPhysicalBytes
		}
		if cpusErr == nil && len(numbered(cpus, "cpu")) <= ghwMaxCPUs {
			topology, err := ghw.Topology(ghwContext(hidden))
			if err == nil {
				r.Nodes = len(topology.Nodes)
				for _, n := range topology.Nodes {
					r.Cores += len(n.Cores)
				}
			}
		}
	}
	const board = "/sys/class/dmi/id/board_name"
	if _, err := os.Lstat(board); !errors.Is(err, os.ErrNotExist) {
		if name := linuxdmi.Item(ghwContext(nil), "board_name"); name != "unknown" {
			r.Board = strings.ToValidUTF8(name, "\uFFFD")
		}
	}
	return json.Marshal(r)
}

// ghwContext is the running machine, without tools and without a word on
// standard error.
func ghwContext(hidden map[string]string) context.Context {
	ctx := context.Background()
	for _, modify := range []ghw.Modifier{
		ghw.WithChroot("/"),
		ghw.WithDisableTools(),
		ghw.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
		ghw.WithPathOverrides(hidden),
	} {
		ctx = modify(ctx)
	}
	return ctx
}
