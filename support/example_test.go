package support_test

import (
	"fmt"
	"log"
	"os"

	"github.com/xencheck/xencheck/support"
)

func ExampleParse() {
	s, err := support.Parse("SUPPORT.md", []byte(`
# Release Support

    Xen-Version: 4.22

# Feature Support

## Host hardware support

### Physical Memory

    Status, x86: Supported up to 12 TiB. Hosts with more memory are supported, but not security supported.
    Status, Arm64: Supported up to 2 TiB
`))
	if err != nil {
		log.Fatal(err)
	}
	const tib = 1 << 40
	for _, r := range s.Rows {
		fmt.Println(r.Key, "line", r.Line)
		for _, n := range []uint64{1 * tib, 16 * tib} {
			at := r.Meaning.At(n)
			fmt.Printf("  %2d TiB: %s, security support: %s\n", n/tib, at.Functional, at.Security)
		}
	}
	// Output:
	// physical-memory--x86 line 12
	//    1 TiB: supported, security support: yes
	//   16 TiB: supported, security support: no
	// physical-memory--arm64 line 13
	//    1 TiB: supported, security support: yes
	//   16 TiB: not stated, security support: not stated
}

func ExampleLibrary_Open() {
	library, errs := support.NewLibrary(nil)
	for _, err := range errs {
		log.Print(err)
	}
	s, err := library.Open("4.18.5") // the newest statement of the branch
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Provenance.Branch, s.Provenance.Commit, s.Provenance.Date, s.Header.SecuritySupportUntil.Date)
	shipped, _ := support.PointRelease("4.18.5")
	fmt.Println("4.18.5 shipped", shipped.Revision, shipped.RevisionDate)
	// Output:
	// 4.18 69cc968847 2026-07-28 2028-11-16
	// 4.18.5 shipped 37fcb4c206 2024-09-24
}

func ExampleDiff() {
	library, _ := support.NewLibrary(nil)
	older, err := library.Open("4.18@37fcb4c206")
	if err != nil {
		log.Fatal(err)
	}
	newer, err := library.Open("4.18")
	if err != nil {
		log.Fatal(err)
	}
	d := support.Diff(older, newer)
	for _, r := range d.Added {
		fmt.Println("+", r.Key)
	}
	for _, c := range d.Changed {
		fmt.Println("~", c.To.Key)
	}
	// Output:
	// + pygrub
	// + shadow-paging
	// ~ super-page-support--x86-hvmpvh-shadow-2mib
}

func ExampleWriteTSV() {
	s, err := support.Parse("-", []byte("# Feature Support\n\n## Dom0less\n\n    Status, ARM: Supported\n"))
	if err != nil {
		log.Fatal(err)
	}
	if err := support.WriteTSV(os.Stdout, s); err != nil {
		log.Fatal(err)
	}
	// Output: dom0less--arm	Dom0less		ARM	Supported	5
}
