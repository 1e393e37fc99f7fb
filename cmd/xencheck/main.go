// Command xencheck tells whether a host is supported and security supported by
// Xen, row by row of Xen's support statement.
//
// The exit codes are those of [report.ExitCode], the same for every output
// format.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	// A run on an ordinary machine ends before it has garbage to collect, and
	// does so with this as well. On a large one it keeps the peak of memory
	// below 14 MiB.
	debug.SetGCPercent(75)
	os.Exit(int(run(os.Args[1:], system())))
}
