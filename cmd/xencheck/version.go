package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
)

// release is the version of xencheck that this source leads to.
const release = "0.1.0"

// packaged is the version of the package that the program is part of, and
// packagedCommit what it was built from. Only the linker sets them, with
// -ldflags "-X main.packaged=1.2.3 -X main.packagedCommit=abcdef0123".
var packaged, packagedCommit string

// toolName is how xencheck names itself in what it writes.
func toolName() string { return "xencheck " + toolVersion() }

// toolVersion is that of the package, or what the tag says in a program that was
// built at one.
func toolVersion() string {
	if packaged != "" {
		return packaged
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		if v, ok := strings.CutPrefix(info.Main.Version, "v"); ok && !strings.ContainsAny(v, "-+") {
			return v
		}
	}
	return release
}

// newVersion returns the command that bug reports start with.
func newVersion(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version of xencheck and of the statements in it",
		Args:  usageArgs(cobra.NoArgs),
		RunE:  func(*cobra.Command, []string) error { return runVersion(s) },
	}
}

// withVersion gives a command the flag that programs are asked for their version
// with. It is answered before anything is read.
func withVersion(c *cobra.Command) {
	c.Version = versionLine()
	c.SetVersionTemplate("{{.Version}}\n")
	c.Flags().BoolP("version", "V", false, "show the version of xencheck")
}

// versionLine is the program's version, and what it was built by, for and from.
func versionLine() string {
	commit := ""
	if packagedCommit != "" {
		commit = ", commit " + packagedCommit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, kv := range info.Settings {
			if kv.Key == "vcs.revision" && len(kv.Value) >= 12 {
				commit = ", commit " + kv.Value[:12]
			}
		}
	}
	return fmt.Sprintf("%s (%s, %s/%s%s)", toolName(), runtime.Version(), runtime.GOOS, runtime.GOARCH, commit)
}

// runVersion tells the age of the data too: an old statement is a common reason
// for a wrong answer.
func runVersion(s *streams) error {
	return s.deliver("", func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\nstatements: newest revision of %s\nschemas: facts %d, report %d\n",
			versionLine(), s.library().DataDate().Format(time.DateOnly), facts.Schema, report.Schema)
		return err
	})
}
