package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command has a page with all of its flags, which man has nothing to
// complain about; that of xencheck itself tells exit codes, files and examples.
func TestManual(t *testing.T) {
	s, _, _ := fake(nil)
	var pages func(c *cobra.Command)
	n := 0
	pages = func(c *cobra.Command) {
		n++
		page := manual(c)
		wanted := []string{".TH ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH EXIT STATUS\n"}
		if !c.HasParent() {
			wanted = append(wanted, ".SH FILES\n", ".SH EXAMPLES\n", ".SH ENVIRONMENT\n", "/etc/xencheck/config.toml")
		}
		for _, want := range wanted {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %q", c.CommandPath(), want)
			}
		}
		for l := range strings.Lines(page) {
			if strings.HasPrefix(l, "'") || strings.HasPrefix(l, ".") && strings.Trim(l[1:3], "ABCDEFGHIJKLMNOPQRSTUVWXYZnfi") != "" {
				t.Errorf("%s: a line that is read as a request: %q", c.CommandPath(), l)
			}
		}
		if man, err := exec.LookPath("man"); err == nil {
			cmd := exec.Command(man, "--warnings", "-l", "-")
			cmd.Stdin = strings.NewReader(page)
			var errs strings.Builder
			cmd.Stderr = &errs
			if err := cmd.Run(); err != nil || errs.Len() > 0 {
				t.Errorf("%s: man: %v: %s", c.CommandPath(), err, errs.String())
			}
		}
		for _, sub := range commands(c) {
			pages(sub)
		}
	}
	pages(newRoot(s))
	if n < 15 {
		t.Errorf("only %d pages", n)
	}
}
