package report

import (
	"errors"
	"fmt"
	"slices"

	"github.com/xencheck/xencheck/rules"
)

// DecodeFleet reads the summary of a fleet. It refuses one whose parts point
// nowhere.
func DecodeFleet(data []byte) (*Fleet, error) {
	o, err := kindOf(data, KindFleet)
	if err != nil {
		return nil, err
	}
	if err := newer(*o.Schema, Schema, "summary"); err != nil {
		return nil, err
	}
	var f Fleet
	if err := unmarshal(data, &f); err != nil {
		return nil, err
	}
	if f.At, err = day(f.At); err != nil {
		return nil, err
	}
	return &f, f.check()
}

func (f *Fleet) check() error {
	asked := func(i int) bool { return i >= 0 && i < len(f.Asked) }
	for i, v := range f.Verdicts {
		if !asked(v.Asked) || v.Statement < 0 || v.Statement >= len(f.Statements) {
			return fmt.Errorf("verdicts[%d]: there is no such statement, or nobody asked for it", i)
		}
		if err := checkGrades(v.Grades); err != nil {
			return fmt.Errorf("verdicts[%d].%w", i, err)
		}
	}
	for i, u := range f.Upgrades {
		if !asked(u.From) || !asked(u.To) {
			return fmt.Errorf("upgrades[%d]: nobody asked for these releases", i)
		}
		if err := f.checkHurts(u.Gains, u.Losses); err != nil {
			return fmt.Errorf("upgrades[%d]: %w", i, err)
		}
	}
	for i, h := range f.Hardware {
		if len(h.Grades) != len(f.Asked) {
			return fmt.Errorf("hardware[%d]: %d verdicts, but %d releases were asked for", i, len(h.Grades), len(f.Asked))
		}
		for _, g := range h.Grades {
			if err := checkGrades(g); err != nil {
				return fmt.Errorf("hardware[%d].%w", i, err)
			}
		}
	}
	if err := f.checkHurts(f.Hurts, f.Unknown); err != nil {
		return err
	}
	for i, w := range f.Waivers {
		if err := checkState(w.State); err != nil {
			return fmt.Errorf("waivers[%d].%w", i, err)
		}
		if len(w.ByAsked) > len(f.Asked) {
			return fmt.Errorf("waivers[%d]: %d counts, but only %d releases were asked for", i, len(w.ByAsked), len(f.Asked))
		}
	}
	if !slices.Contains(Thresholds(), f.FailOn) {
		return fmt.Errorf("fail_on: unknown threshold %q", f.FailOn)
	}
	switch f.ExitCode {
	case ExitOK, ExitFindings, ExitUsage, ExitInconclusive, ExitInterrupted:
	default:
		return fmt.Errorf("exit_code: fleet does not end with %d", f.ExitCode)
	}
	if ends := f.ExitCode == ExitInterrupted; ends != f.Interrupted {
		return errors.New("exit_code: it does not say the same as interrupted")
	}
	return nil
}

func checkGrades(g FleetGrades) error {
	for word := range g {
		if !slices.Contains(grades(), word) {
			return fmt.Errorf("grades: unknown grade %q", word)
		}
	}
	return nil
}

func (f *Fleet) checkHurts(lists ...[]FleetHurt) error {
	for _, h := range slices.Concat(lists...) {
		if !slices.Contains(append(grades(), rules.Grade("")), h.Grade) {
			return fmt.Errorf("%q: unknown grade %q", h.Title, h.Grade)
		}
		if len(h.ByAsked) > len(f.Asked) {
			return fmt.Errorf("%q: %d counts, but only %d releases were asked for", h.Title, len(h.ByAsked), len(f.Asked))
		}
	}
	return nil
}

// DecodeBadRecord reads what a stream of reports has in the place of a record
// that could not be used.
func DecodeBadRecord(data []byte) (*BadRecord, error) {
	o, err := kindOf(data, KindError)
	if err != nil {
		return nil, err
	}
	if err := newer(*o.Schema, Schema, "error"); err != nil {
		return nil, err
	}
	var b BadRecord
	return &b, unmarshal(data, &b)
}
