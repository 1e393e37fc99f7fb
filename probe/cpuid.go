package probe

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// cpuidInterface is the CPUID instruction, or on Arm64 the MIDR_EL1 that the
// kernel lets programs read, of the CPU this program happens to run on. It
// speaks of the running machine alone, so only the live root asks it.
const cpuidInterface = "cpuid"

// cpuidReading is what the instruction says.
type cpuidReading struct {
	Vendor     string `json:"vendor,omitempty"` // leaf 0
	Brand      string `json:"brand,omitempty"`  // leaves 0x80000002 to 4
	Family     int    `json:"family,omitempty"` // display family of leaf 1
	Model      int    `json:"model,omitempty"`  // display model of leaf 1
	Stepping   int    `json:"stepping,omitempty"`
	VMX        bool   `json:"vmx,omitempty"` // leaf 1 ECX[5]
	SVM        bool   `json:"svm,omitempty"` // leaf 0x80000001 ECX[2]
	NPT        bool   `json:"npt,omitempty"` // leaf 0x8000000A EDX[0]
	Hypervisor bool   `json:"hypervisor,omitempty"`
	// HypervisorID is the signature of leaf 0x40000000; it means something
	// only when Hypervisor is set.
	HypervisorID string `json:"hypervisor_id,omitempty"`
	MIDR         string `json:"midr,omitempty"` // Arm64
}

// askCPUID returns a cpuidReading as JSON.
func askCPUID() ([]byte, error) {
	c := cpuid.CPU
	var r cpuidReading
	switch runtime.GOARCH {
	case "amd64", "386":
		r = cpuidReading{
			Vendor: c.VendorString, Brand: strings.TrimSpace(c.BrandName),
			Family: c.Family, Model: c.Model, Stepping: c.Stepping,
			VMX: c.Has(cpuid.VMX), SVM: c.Has(cpuid.SVM), NPT: c.Has(cpuid.SVMNP),
			Hypervisor: c.Has(cpuid.HYPERVISOR),
		}
		if r.Hypervisor {
			r.HypervisorID = strings.TrimRight(c.HypervisorVendorString, "\x00 ")
		}
	case "arm64":
		midr, err := midrOf(c)
		if err != nil {
			return nil, err
		}
		r.MIDR = midr
	default:
		return nil, fmt.Errorf("no such instruction on %s", runtime.GOARCH)
	}
	return json.Marshal(r)
}

// midrOf puts MIDR_EL1 together again: the library keeps bits 23:16 as family
// and 15:0 as model, and turns the implementer into a vendor.
func midrOf(c cpuid.CPUInfo) (string, error) {
	implementers := map[cpuid.Vendor]int{
		cpuid.ARM: 0x41, cpuid.Broadcom: 0x42, cpuid.Cavium: 0x43, cpuid.DEC: 0x44,
		cpuid.Fujitsu: 0x46, cpuid.Infineon: 0x49, cpuid.Motorola: 0x4d, cpuid.NVIDIA: 0x4e,
		cpuid.AMCC: 0x50, cpuid.Qualcomm: 0x51, cpuid.Marvell: 0x56, cpuid.Intel: 0x69, cpuid.Ampere: 0xc0,
	}
	implementer, ok := implementers[c.VendorID]
	if !ok || c.Model == 0 {
		return "", fmt.Errorf("this kernel does not let programs read MIDR_EL1, or the implementer is not known")
	}
	return fmt.Sprintf("0x%08x", implementer<<24|c.Family<<16|c.Model), nil
}
