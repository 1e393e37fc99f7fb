// Package grub understands what GRUB will boot: the settings that
// grub-mkconfig reads (/etc/default/grub and the files of
// /etc/default/grub.d), and the menu it makes (grub.cfg, grubenv).
//
// Both are programs, the first of the shell, the second of GRUB's own language
// that is modelled on it. They are followed as far as they are assignments,
// quotations, variables, conditions on variables and menu entries. Nothing is
// run. What depends on anything else (another program's output, a file's
// being there) is unknown, not guessed.
package grub

import (
	"errors"
	"fmt"
)

const (
	maxText     = 1 << 20
	maxDepth    = 50   // of nested conditions, blocks and menus
	maxEntries  = 2000 // of a menu with all its submenus
	maxWord     = 16 << 10
	maxVars     = 1000
	maxProblems = 20     // further ones are only counted
	maxSources  = 5      // files that read each other
	maxCalls    = 10     // functions that call each other
	maxSteps    = 20_000 // commands of functions that are followed
)

// ErrTooLarge says that a text, or what it says, is larger than any of GRUB's.
var ErrTooLarge = errors.New("larger than any configuration of GRUB")

// Problem is a place that could not be followed.
type Problem struct {
	File string // empty for a text without a name
	Line int    // counted from 1; 0 for the whole text
	Text string
}

func (p Problem) String() string {
	if p.File == "" {
		return fmt.Sprintf("line %d: %s", p.Line, p.Text)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

// Tri is yes, no or unknown.
type Tri int

// The three values.
const (
	Unknown Tri = iota
	Yes
	No
)

func tri(b bool) Tri {
	if b {
		return Yes
	}
	return No
}

func (t Tri) not() Tri {
	switch t {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Unknown
}

// Value is the text of a variable.
type Value struct {
	Text  string // where it is not certain: as far as it is known
	Known bool
}
