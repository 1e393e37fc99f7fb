// Command xencheck tells whether a host is supported and security supported by
// Xen, row by row of Xen's support statement.
//
// The exit codes are those of [report.ExitCode], the same for every output
// format.
package main

import "os"

func main() {
	os.Exit(int(run(os.Args[1:], system())))
}
