package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/config"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// configFile is read where it exists.
const configFile = "/etc/xencheck/config.toml"

// noConfig is the name of a configuration that means none.
const noConfig = "none"

// setting is something that a flag, the environment or the configuration may
// say. The first that says it counts.
type setting struct {
	flag string // whose default it is
	env  string
	key  string // in the configuration; empty where a file would be a trap
	doc  string
}

// settings lists them in the order that config shows.
func settings() []setting {
	return []setting{
		{"xen", "XENCHECK_XEN", config.Xen, "release to judge by"},
		{"for", "XENCHECK_FOR", config.For, "what the host is wanted for"},
		{"fail-on", "XENCHECK_FAIL_ON", config.FailOn, "from what on it is a finding"},
		{"xen-arch", "XENCHECK_XEN_ARCH", config.XenArch, "on Arm, what Xen is built for"},
		{"at", "XENCHECK_AT", "", "the judging date"},
		{"root", "XENCHECK_ROOT", "", "captured host to judge instead of this one"},
		{"mode", "XENCHECK_GATE_MODE", config.GateMode, "what a gate does about findings"},
		{"match", "XENCHECK_GATE_PACKAGES", config.Packages, "more packages that a gate looks at"},
	}
}

// otherEnv are the names of the environment that are no settings.
func otherEnv() []string { return []string{"XENCHECK_CONFIG", "XENCHECK_DEBUG"} }

// judges reports whether a command is one that settings are for: one that
// judges a host, or that shows them.
func judges(c *cobra.Command) bool { return c.Flags().Lookup("fail-on") != nil }

// takes reports whether a command lets a setting stand for its flag. What
// another command calls by the same name is something else: a list of releases
// to compare, a machine besides the one that a file describes.
func takes(c *cobra.Command, s setting) *pflag.Flag {
	f := c.Flags().Lookup(s.flag)
	switch {
	case f == nil:
		return nil
	case s.flag == "xen" && f.Value.Type() != "string",
		s.flag == "root" && !slices.Contains([]string{"xencheck", "check", "gate", "nagios", "record", "config"}, c.Name()):
		return nil
	}
	return f
}

// settle gives every flag that was not given what the environment or the
// configuration says, and remembers the waivers. It is the same for all
// commands that judge, so that a host has one verdict.
func (s *streams) settle(c *cobra.Command) error {
	s.origin = map[string]string{}
	if !judges(c) {
		return nil
	}
	file, err := s.readConfig(c)
	if err != nil {
		return badInput(err)
	}
	s.waivers = file.Waivers
	for _, set := range settings() {
		f := takes(c, set)
		if f == nil {
			continue
		}
		if f.Changed {
			s.origin[set.flag] = "--" + set.flag
			continue
		}
		value, where := s.env(set.env), set.env
		if value == "" {
			v, ok := file.Settings[set.key]
			if !ok || set.key == "" {
				continue
			}
			value, where = strings.Join(v.Value, ","), fmt.Sprintf("%s:%d", file.Name, v.Line)
			if len(v.Value) == 0 {
				continue
			}
		}
		if err := c.Flags().Set(set.flag, value); err != nil {
			return badInput(fmt.Errorf("%s: %q: %w", where, value, flagCause(err)))
		}
		s.origin[set.flag] = where
	}
	if s.origin["for"] != "" && !strings.HasPrefix(s.origin["for"], "--") {
		return s.checkIntents(c)
	}
	return nil
}

// checkIntents is judgeOptions.check for intents that no flag named.
func (s *streams) checkIntents(c *cobra.Command) error {
	wanted, err := c.Flags().GetStringSlice("for")
	if err != nil {
		return nil // no such flag
	}
	for _, id := range wanted {
		if !slices.Contains(intentIDs(), strings.ToLower(strings.TrimSpace(id))) {
			return badInput(fmt.Errorf("%s: %q: must be of %s", s.origin["for"], id, strings.Join(intentIDs(), ", ")))
		}
	}
	return nil
}

// blame says which setting a wrong value is of, unless it is a flag's.
func (s *streams) blame(flag string, err error) error {
	from := s.origin[flag]
	if err == nil || from == "" || strings.HasPrefix(from, "--") {
		return err
	}
	return &failure{codeOf(err), fmt.Errorf("%s: %w", from, err)}
}

// flagCause takes the flag out of an error about its value: no flag was given.
func flagCause(err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return invalid.Unwrap()
	}
	return err
}

// readConfig reads the configuration: the file that --config or the environment
// names, or the usual one if it exists.
func (s *streams) readConfig(c *cobra.Command) (*config.File, error) {
	name, must := configFile, false
	if v := s.env("XENCHECK_CONFIG"); v != "" {
		name, must = v, true
	}
	if f := c.Flags().Lookup("config"); f != nil && f.Changed {
		name, must = f.Value.String(), true
	}
	switch name {
	case noConfig, os.DevNull:
		return &config.File{Name: noConfig}, nil
	case "":
		return nil, errors.New(`--config: must name a file, or be "none"`)
	}
	if !must {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return &config.File{}, nil
		}
	}
	text, err := s.read(name, config.MaxSize)
	if err != nil {
		return nil, err
	}
	return config.Parse(name, text)
}

// newConfig returns the command that shows what holds here.
func newConfig(s *streams) *cobra.Command {
	o := &configOptions{}
	c := &cobra.Command{
		Use:   "config [flags]",
		Short: "Show the settings that hold here, and where each is from",
		Long: `Config shows what every other command goes by: flags count first, then the
environment, then ` + configFile + `, then what is built in. It shows the
waivers of the configuration as well, and which of them have expired or name a
row that no release has.

With a configuration that is wrong it names the place and ends with 2, as every
command that judges does.`,
		Example: `  xencheck config
  xencheck config --config ./config.toml
  XENCHECK_FAIL_ON=conditional xencheck config`,
		Args: usageArgs(cobra.NoArgs),
	}
	c.Flags().StringVar(&o.xen, "xen", auto, "`RELEASE` to judge by")
	o.judge.register(c)
	o.gate.registerSettings(c)
	c.Flags().StringVar(&o.root, "root", "", "`DIR` or archive of a captured host")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := o.judge.check(c); err != nil {
			return err
		}
		if err := o.gate.check(c, s); err != nil {
			return err
		}
		return runConfig(s, c, o)
	}
	return c
}

// configOptions are the flags of config: everything that can be set.
type configOptions struct {
	xen, root string
	judge     judgeOptions
	gate      gateSettings
}

// runConfig writes one line for each setting and one for each waiver.
func runConfig(s *streams, c *cobra.Command, o *configOptions) error {
	file, err := s.readConfig(c)
	if err != nil {
		return badInput(err)
	}
	j := newJudge(s, o.judge)
	statements, err := s.everyRelease()
	if err != nil {
		return err
	}
	if o.xen != auto {
		st, err := j.open(o.xen)
		if err != nil {
			return s.blame("xen", err)
		}
		statements = append(statements, st)
	}
	return s.deliver("", func(w io.Writer) error {
		name := file.Name
		if name == "" {
			name = "none (there is no " + configFile + ")"
		}
		if _, err := fmt.Fprintf(w, "configuration: %s\n\n", name); err != nil {
			return err
		}
		rows := [][3]string{}
		for _, set := range settings() {
			f := c.Flags().Lookup(set.flag)
			value, from := strings.Trim(f.Value.String(), "[]"), s.origin[set.flag]
			if from == "" {
				from = "built in"
			}
			if value == "" {
				value = map[string]string{"for": rules.Base, "at": "today", "root": "this machine"}[set.flag]
			}
			if value == "" {
				value = "-"
			}
			rows = append(rows, [3]string{set.flag, value, from})
		}
		if err := table(w, rows); err != nil {
			return err
		}
		for _, v := range s.strayEnv() {
			if _, err := fmt.Fprintf(w, "%s: in the environment, but no setting has this name\n", v); err != nil {
				return err
			}
		}
		if len(file.Waivers) == 0 {
			_, err := fmt.Fprintln(w, "\nno waivers")
			return err
		}
		rows = rows[:0]
		for _, u := range rules.WaiverUses(rules.Options{At: j.at, Waivers: file.Waivers}, nil, nil, nil) {
			state := "until " + u.Expires
			if u.State == rules.WaiverExpired {
				state = "EXPIRED on " + u.Expires
			}
			id := "row " + u.Row
			if u.Rule != "" {
				id = "rule " + u.Rule
			} else if !slices.ContainsFunc(statements, func(st *support.Statement) bool { _, ok := st.Row(u.Row); return ok }) {
				state = "NO RELEASE HAS THIS ROW, " + state
			}
			rows = append(rows, [3]string{id, state + ", " + u.Owner + ": " + u.Reason, u.Source})
		}
		if _, err := fmt.Fprintln(w, "\nwaivers"); err != nil {
			return err
		}
		return table(w, rows)
	})
}

// table writes rows whose columns stand below each other.
func table(w io.Writer, rows [][3]string) error {
	var width [2]int
	for _, r := range rows {
		for i := range width {
			width[i] = max(width[i], min(len(r[i]), 40))
		}
	}
	for _, r := range rows {
		if _, err := fmt.Fprintf(w, "%-*s  %-*s  %s\n", width[0], r[0], width[1], r[1], r[2]); err != nil {
			return err
		}
	}
	return nil
}

// strayEnv lists names of the environment that look like settings and are none.
func (s *streams) strayEnv() []string {
	var stray []string
	for _, name := range s.environ() {
		known := slices.Contains(otherEnv(), name) ||
			slices.ContainsFunc(settings(), func(set setting) bool { return set.env == name })
		if strings.HasPrefix(name, "XENCHECK_") && !known {
			stray = append(stray, name)
		}
	}
	slices.Sort(stray)
	return stray
}
