package xlcfg

import "testing"

func TestHardwareEntries(t *testing.T) {
	for _, test := range []struct {
		key, entry string
		want       bool
	}{
		{"irqs", "7", true}, {"irqs", "0", true}, {"irqs", "4294967296", false}, {"irqs", "7a", false}, {"irqs", "", false},
		{"ioports", "3f8", true}, {"ioports", "2f8-2ff", true}, {"ioports", "0x60", true}, {"ioports", "2ff-2f8", false},
		{"ioports", "zz", false}, {"ioports", "2f8-", false}, {"ioports", "2f8-2ff-300", false},
		{"iomem", "fed40,5", true}, {"iomem", "fec00,1@80", true}, {"iomem", "fec00", false}, {"iomem", "fec00,1@", false}, {"iomem", "x,1", false},
	} {
		d := Domain(Parse([]byte(test.key + " = [ \"" + test.entry + "\" ]\n")))
		if ok := len(d.Problems) == 0; ok != test.want {
			t.Errorf("%s %q: problems %v", test.key, test.entry, d.Problems)
		}
	}
}
