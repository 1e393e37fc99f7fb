package xencall

import (
	"errors"

	"github.com/xencheck/xencheck/probe/facts"
)

// Problem says of an error of this package why a fact is not known and what
// would make it known. source names the interface that was tried.
func Problem(err error, source string) *facts.Problem {
	p := &facts.Problem{Cause: facts.ReadError, Source: source, Detail: err.Error()}
	switch {
	case errors.Is(err, ErrNoDevice):
		p.Cause = facts.NotExposed
		p.Remedy = "load the module xen-privcmd in the control domain"
	case errors.Is(err, ErrPermission):
		p.Cause = facts.NoPermission
		p.Remedy = "run xencheck as root; a kernel in lockdown refuses root as well"
	case errors.Is(err, ErrRefused):
		p.Cause = facts.NoPermission
		p.Remedy = "run xencheck in the control domain; a security policy (XSM) must allow it"
	case errors.Is(err, ErrInterface):
		p.Cause = facts.NotExposed
		p.Remedy = "use a xencheck that knows this release of Xen; a security policy (XSM) can look the same"
	case errors.Is(err, ErrNotImplemented), errors.Is(err, ErrNoEntry), errors.Is(err, ErrNoVariable):
		p.Cause = facts.NotExposed
	case errors.Is(err, ErrTimedOut):
		p.Cause = facts.TimedOut
	case errors.Is(err, ErrTooLarge):
		p.Cause = facts.TooLarge
	case errors.Is(err, ErrMalformed):
		p.Cause = facts.Malformed
	}
	return p
}
