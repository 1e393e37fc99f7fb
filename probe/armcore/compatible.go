package armcore

import "strings"

// FromCompatible returns the core that a device tree's compatible string
// names, such as arm,cortex-a57. It returns false for a string that stands for
// none in particular (arm,armv8) or for several parts (qcom,kryo385): see
// [Candidates].
func FromCompatible(compatible string) (Core, bool) {
	if c := Candidates(compatible); len(c) == 1 {
		return c[0], true
	}
	return Core{}, false
}

// Candidates returns every core that a compatible string may stand for (Linux,
// Documentation/devicetree/bindings/arm/cpus.yaml): several where one string
// covers a family of parts, none where the string is not known.
func Candidates(compatible string) []Core {
	if name, ok := strings.CutPrefix(compatible, "arm,"); ok {
		for _, e := range table {
			// The binding spells Arm's own cores as their names, in lower case.
			// The A12 goes by the name of the A17 that it became.
			if e.implementer == implementerARM && e.part != partCortexA12 && strings.ToLower(e.name) == name {
				return []Core{e.core()}
			}
		}
	}
	for _, b := range bindings {
		if b.compatible != compatible {
			continue
		}
		var cores []Core
		for _, id := range b.cores {
			if c, ok := Lookup(id.implementer, id.part); ok {
				cores = append(cores, c)
			}
		}
		return cores
	}
	return nil
}

// CompatibleArchitecture returns the architecture (4 to 8) that
// a compatible string tells, also where it leaves the core open; 0 when it
// tells none.
func CompatibleArchitecture(compatible string) int {
	if compatible == "arm,armv8" || strings.HasPrefix(compatible, "qcom,kryo") {
		return 8
	}
	arch := 0
	for i, c := range Candidates(compatible) {
		if i > 0 && c.Architecture() != arch {
			return 0
		}
		arch = c.Architecture()
	}
	return arch
}

type id struct{ implementer, part int }

// bindings holds the compatible strings that are not simply "arm," and the
// core's name.
var bindings = [...]struct {
	compatible string
	cores      []id
}{
	{"arm,arm920t", []id{{0x41, 0x920}}},
	{"arm,arm922t", []id{{0x41, 0x922}}},
	{"arm,arm926e-s", []id{{0x41, 0x926}}},
	{"arm,arm926ej-s", []id{{0x41, 0x926}}},
	{"arm,arm940t", []id{{0x41, 0x940}}},
	{"arm,arm946e-s", []id{{0x41, 0x946}}},
	{"arm,arm966e-s", []id{{0x41, 0x966}}},
	{"arm,arm1020e", []id{{0x41, 0xa20}}},
	{"arm,arm1020t", []id{{0x41, 0xa20}}},
	{"arm,arm1022e", []id{{0x41, 0xa22}}},
	{"arm,arm1026ej-s", []id{{0x41, 0xa26}}},
	{"arm,arm1136j-s", []id{{0x41, 0xb36}}},
	{"arm,arm1136jf-s", []id{{0x41, 0xb36}}},
	{"arm,arm1156t2-s", []id{{0x41, 0xb56}}},
	{"arm,arm1156t2f-s", []id{{0x41, 0xb56}}},
	{"arm,arm1176jz-s", []id{{0x41, 0xb76}}},
	{"arm,arm1176jzf", []id{{0x41, 0xb76}}},
	{"arm,arm1176jzf-s", []id{{0x41, 0xb76}}},
	{"arm,arm11mpcore", []id{{0x41, 0xb02}}},
	{"arm,cortex-a12", []id{{0x41, partCortexA12}}},

	{"apm,potenza", []id{{0x50, 0x000}}},
	{"apm,strega", []id{{0x50, 0x000}}},
	{"apple,avalanche", []id{{0x61, 0x031}, {0x61, 0x033}, {0x61, 0x035}, {0x61, 0x039}}},
	{"apple,blizzard", []id{{0x61, 0x030}, {0x61, 0x032}, {0x61, 0x034}, {0x61, 0x038}}},
	{"apple,firestorm", []id{{0x61, 0x021}, {0x61, 0x023}, {0x61, 0x025}, {0x61, 0x029}}},
	{"apple,icestorm", []id{{0x61, 0x020}, {0x61, 0x022}, {0x61, 0x024}, {0x61, 0x028}}},
	{"apple,cyclone", []id{{0x61, 0x001}}},
	{"apple,typhoon", []id{{0x61, 0x002}, {0x61, 0x003}}},
	{"apple,twister", []id{{0x61, 0x004}, {0x61, 0x005}}},
	{"apple,hurricane-zephyr", []id{{0x61, 0x006}, {0x61, 0x007}}},
	{"apple,monsoon", []id{{0x61, 0x008}}},
	{"apple,mistral", []id{{0x61, 0x009}}},
	{"brcm,brahma-b15", []id{{0x42, 0x00f}}},
	{"brcm,brahma-b53", []id{{0x42, 0x100}}},
	// Cavium took the Vulcan over; early silicon still says Broadcom.
	{"brcm,vulcan", []id{{0x42, 0x516}, {0x43, 0x0af}}},
	{"cavium,thunder", []id{{0x43, 0x0a0}, {0x43, 0x0a1}, {0x43, 0x0a2}, {0x43, 0x0a3}}},
	{"cavium,thunder2", []id{{0x43, 0x0af}, {0x42, 0x516}}},
	{"faraday,fa526", []id{{0x66, 0x526}}},
	{"intel,sa110", []id{{0x44, 0xa10}}},
	{"intel,sa1100", []id{{0x44, 0xa11}}},
	{"marvell,feroceon", []id{{0x56, 0x131}}},
	{"marvell,pj4a", []id{{0x56, 0x581}}},
	{"marvell,pj4b", []id{{0x56, 0x581}, {0x56, 0x584}}},
	{"marvell,sheeva-v7", []id{{0x56, 0x581}, {0x56, 0x584}}},
	{"nvidia,tegra132-denver", []id{{0x4e, 0x000}}},
	{"nvidia,tegra186-denver", []id{{0x4e, 0x003}}},
	{"nvidia,tegra194-carmel", []id{{0x4e, 0x004}}},
	{"qcom,scorpion", []id{{0x51, 0x00f}, {0x51, 0x02d}}},
	{"qcom,krait", []id{{0x51, 0x04d}, {0x51, 0x06f}}},
	{"qcom,kryo", []id{{0x51, 0x201}, {0x51, 0x205}, {0x51, 0x211}}},
	// One string covers both clusters of a chip. From the Kryo 4xx on some of
	// them identify themselves as Arm's own designs, so that those later
	// strings stand for no list of parts.
	{"qcom,kryo250", []id{{0x51, 0x800}, {0x51, 0x801}}},
	{"qcom,kryo260", []id{{0x51, 0x800}, {0x51, 0x801}}},
	{"qcom,kryo280", []id{{0x51, 0x800}, {0x51, 0x801}}},
	{"qcom,kryo385", []id{{0x51, 0x802}, {0x51, 0x803}}},
	{"samsung,mongoose-m3", []id{{0x53, 0x002}}},
	{"samsung,mongoose-m5", []id{{0x53, 0x004}}},
}
