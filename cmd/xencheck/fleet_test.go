package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Ctrl-C ends the reading; what was read by then is told, and the exit code is
// that of an interrupted program.
func TestFleetInterrupted(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{
		"summary": "The run was interrupted: this is what had been read by then.",
		"json":    `"interrupted": true`,
		"csv":     "\nh1,standard input,1,0,",
	} {
		t.Run(format, func(t *testing.T) {
			c := exec.Command(self)
			// The test binary is xencheck when it is called by that name.
			c.Args = []string{"xencheck", "fleet", "--format", format, "--at", "2026-11-21", "-"}
			in, err := c.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			var out, errs bytes.Buffer
			c.Stdout, c.Stderr = &out, &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(in, `{"schema":1,"name":"h1","machine":{}}`+"\n"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // for it to begin, and wait for more
			if err := c.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- c.Wait() }()
			select {
			case err = <-ended:
			case <-time.After(30 * time.Second):
				_ = c.Process.Kill()
				t.Fatal("it does not end")
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 130 {
				t.Errorf("%v", err)
			}
			if !strings.Contains(out.String(), want) || errs.Len() > 0 {
				t.Errorf("output %q, errors %q", out.String(), errs.String())
			}
		})
	}
}
