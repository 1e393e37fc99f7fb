package probe

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// maxStuck is how many reads may hang before the root is given up: each holds
// a thread of the operating system that nothing can end.
const maxStuck = 8

// guardedRoot gives up on a read that does not end: a file system of a dead
// server, a driver that sleeps.
type guardedRoot struct {
	Root
	ctx     context.Context
	timeout time.Duration
	stuck   atomic.Int32
}

// answersAtOnce reports whether a source is answered by the running kernel
// alone, which is all that ghw reads, too. A goroutine for each of these would
// cost more than the reading. EFI variables are fetched from the firmware,
// which may take its time.
func (g *guardedRoot) answersAtOnce(name string) bool {
	if _, live := g.Root.(liveRoot); !live {
		return false
	}
	switch {
	case strings.HasPrefix(name, sysFirmware+"/efi"):
		return false
	case strings.HasPrefix(name, "/proc/"), strings.HasPrefix(name, "/sys/"):
		return true
	}
	return name == cpuidInterface || name == unameInterface || name == ghwInterface
}

func (g *guardedRoot) ReadFile(name string, limit int64) ([]byte, error) {
	if g.answersAtOnce(name) {
		return g.Root.ReadFile(name, limit)
	}
	return guard(g, func() ([]byte, error) { return g.Root.ReadFile(name, limit) })
}

func (g *guardedRoot) ReadDir(name string, limit int) ([]string, error) {
	if g.answersAtOnce(name) {
		return g.Root.ReadDir(name, limit)
	}
	return guard(g, func() ([]string, error) { return g.Root.ReadDir(name, limit) })
}

func (g *guardedRoot) ReadLink(name string) (string, error) {
	if g.answersAtOnce(name) {
		return g.Root.ReadLink(name)
	}
	return guard(g, func() (string, error) { return g.Root.ReadLink(name) })
}

func guard[T any](g *guardedRoot, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if err := g.ctx.Err(); err != nil {
		return none, err
	}
	if g.stuck.Load() >= maxStuck {
		return none, ErrTimeout
	}
	done := make(chan result, 1) // one slot: a reader that was given up can still end
	go func() {
		var r result
		defer func() { // nobody else could: a panic here would end the process
			if p := recover(); p != nil {
				r = result{err: fmt.Errorf("reading it failed in xencheck itself: %v", p)}
			}
			done <- r
		}()
		r.value, r.err = read()
	}()
	timer := time.NewTimer(g.timeout)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-timer.C:
		g.stuck.Add(1)
		return none, ErrTimeout
	case <-g.ctx.Done():
		return none, g.ctx.Err()
	}
}
