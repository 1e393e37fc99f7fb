package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// failure is an error with the exit code it ends the process with.
type failure struct {
	code report.ExitCode
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// badInput marks an error of what the user gave: exit code 2, no usage text. An
// error that has its code keeps it.
func badInput(err error) error {
	var f *failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	return &failure{report.ExitUsage, err}
}

// usageError is a wrong command line: exit code 2 with the usage.
type usageError struct {
	command *cobra.Command // that was called
	err     error
}

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

// verdict ends a run that worked with an exit code other than 0.
type verdict report.ExitCode

func (v verdict) Error() string { return report.ExitCode(v).String() }

// result turns an exit code into what a command returns.
func result(c report.ExitCode) error {
	if c == report.ExitOK {
		return nil
	}
	return verdict(c)
}

// survive takes a step of many, which is about a file: a fault in it is an error
// of that step, and the others are taken all the same.
func survive(file string, step func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &failure{report.ExitInternal, named(file, fmt.Errorf("internal error: %v", p))}
		}
	}()
	return step()
}

// codeOf returns the exit code of an error of an input.
func codeOf(err error) report.ExitCode {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return report.ExitUsage
}

// plainPath takes the operation out of a file system error: what was done to
// the file says nothing to a user.
func plainPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return err
}

// closedPipe reports that the reader of our output went away, as head does.
func closedPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
