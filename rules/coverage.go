package rules

import (
	"slices"

	"github.com/xencheck/xencheck/support"
)

// Reach is how far it can be told, of a host that may be looked at as root and
// whose domains are known, whether what a row is about is in use or possible.
type Reach string

// The reaches.
const (
	Decisive   Reach = "decisive"    // a yes and a no can both be relied on
	OneSided   Reach = "one-sided"   // only one of the two, or a hint
	OutOfSight Reach = "not visible" // nothing on a host tells
)

// Coverage is how a row is judged.
type Coverage struct {
	Rules  []string // ids of the rules, that of the host first; empty when none judges it
	Reach  Reach
	Change string // how to change what puts it in use: which option, key or file; may be empty
}

// Cover tells how a row is judged, whatever the host.
func Cover(row support.Row) Coverage {
	c := Coverage{Reach: OutOfSight}
	list := List()
	shares, _ := share(list, []entry{{Row: &row, usage: usageOf(&row)}})
	for i, r := range list {
		if len(shares[i]) == 0 {
			continue
		}
		c.Rules = append(c.Rules, r.ID)
		switch {
		case r.ID == usageRuleID:
			c.Reach = usageOf(&row).reach()
		case slices.Contains([]string{cpuHotplugRule.ID, memoryHotplugRule.ID, nestedRule.ID}, r.ID):
			// Firmware announces what could be added, not what will be; and a
			// guest that runs Xen is seen only from inside.
			c.Reach = OneSided
		default:
			c.Reach = Decisive
		}
	}
	c.Change = Change(row)
	if g := guestRowOf(&row); g != nil {
		if !slices.Contains(c.Rules, g.rule) {
			c.Rules = append(c.Rules, g.rule)
		}
		switch own := g.reach(&row); {
		case own == Decisive, c.Reach == OutOfSight:
			c.Reach = own
		}
		if c.Change == "" {
			c.Change = g.do
		}
	}
	return c
}

// reach is Decisive where a no of every sign rules the use out as well.
func (u *usage) reach() Reach {
	switch {
	case u.whole:
		return Decisive
	case len(u.on)+len(u.off) > 0:
		return OneSided
	}
	return OutOfSight
}

// reach is Decisive where a configuration that does not ask for something
// means that the domain does not use it.
func (g *guestRow) reach(row *support.Row) Reach {
	n, _ := needsOf(row)
	switch {
	case n == fromNothing:
		return OutOfSight // the guest decides, whatever its configuration allows
	case g.blind != "" || g.oneSided:
		return OneSided
	}
	return Decisive
}
