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

// runVersion tells the age of the data too: an old statement is a common reason
// for a wrong answer.
func runVersion(s *streams) error {
	return s.deliver("", func(w io.Writer) error {
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
		_, err := fmt.Fprintf(w, "%s (%s, %s/%s%s)\nstatements: newest revision of %s\nschemas: facts %d, report %d\n",
			toolName(), runtime.Version(), runtime.GOOS, runtime.GOARCH, commit,
			s.library().DataDate().Format(time.DateOnly), facts.Schema, report.Schema)
		return err
	})
}
