package report

import (
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
)

// Hosts are grouped by words, and looked up by a key that must be at least as
// fine.
func TestHardware(t *testing.T) {
	words := map[string]string{} // by key
	for _, c := range []struct {
		change func(*facts.Host)
		want   string
	}{
		{func(*facts.Host) {}, "Example Corp. Monolith 9000 / Intel(R) Xeon(R) Platinum 8280L CPU @ 2.70GHz / 896 CPUs / 24576 GiB / VT-d"},
		{func(h *facts.Host) { h.Memory.Physical.Value = facts.Exactly(24<<40 + 7<<20) }, "Example Corp. Monolith 9000 / Intel(R) Xeon(R) Platinum 8280L CPU @ 2.70GHz / 896 CPUs / 24576 GiB / VT-d"},
		{func(h *facts.Host) { h.Memory.Physical.Value = facts.Exactly(512<<20 + 1) }, "Example Corp. Monolith 9000 / Intel(R) Xeon(R) Platinum 8280L CPU @ 2.70GHz / 896 CPUs / 512 MiB / VT-d"},
		{func(h *facts.Host) { h.Memory.Physical.Value = facts.Exactly(513 << 20) }, "Example Corp. Monolith 9000 / Intel(R) Xeon(R) Platinum 8280L CPU @ 2.70GHz / 896 CPUs / 513 MiB / VT-d"},
		{func(h *facts.Host) { h.Memory.Physical.Value = facts.Range{Min: 23 << 40} }, "Example Corp. Monolith 9000 / Intel(R) Xeon(R) Platinum 8280L CPU @ 2.70GHz / 896 CPUs / at least 23552 GiB / VT-d"},
		{func(h *facts.Host) { h.CPU.Physical = facts.Missing[facts.Range]("x") }, "Example Corp. Monolith 9000 / Intel(R) Xeon(R) Platinum 8280L CPU @ 2.70GHz / number of CPUs unknown / 24576 GiB / VT-d"},
		{func(h *facts.Host) { h.IOMMU.Units = facts.Missing[[]facts.IOMMUUnit]("x") }, "Example Corp. Monolith 9000 / Intel(R) Xeon(R) Platinum 8280L CPU @ 2.70GHz / 896 CPUs / 24576 GiB / no IOMMU"},
		{func(h *facts.Host) { h.Machine.Product.Value, h.Machine.Vendor.Value = "", "" }, "Intel(R) Xeon(R) Platinum 8280L CPU @ 2.70GHz / 896 CPUs / 24576 GiB / VT-d"},
		{func(h *facts.Host) { *h = *board() }, "Example Board / Cortex-A57 / 4 CPUs / memory unknown / no IOMMU / GICv2"},
		{func(h *facts.Host) { *h = *board(); h.CPU.Arm.Cores.Value[0].RevisionKnown = true }, "Example Board / Cortex-A57 r0p0 / 4 CPUs / memory unknown / no IOMMU / GICv2"},
	} {
		h := bigServer()
		c.change(h)
		got := string(AppendHardware(nil, h))
		if got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
		key := string(AppendHardwareKey(nil, h))
		if w, ok := words[key]; ok && w != got {
			t.Errorf("one key for %q and %q", w, got)
		}
		words[key] = got
	}
}
