//go:build packages

package main

import (
	"os/exec"
	"testing"
)

// Each example passes the validator of its format, where there is one here.
func TestExamples(t *testing.T) {
	for name, command := range map[string][]string{
		"preseed":   {"debconf-set-selections", "-c", "../examples/preseed.cfg"},
		"cloudinit": {"cloud-init", "schema", "--config-file", "../examples/cloud-config.yaml"},
		"kickstart": {"ksvalidator", "../examples/kickstart.cfg"},
		"ignition":  {"butane", "--strict", "../examples/xencheck.bu"},
		"hook":      {"shellcheck", "../files/apt/apt-hook", "../files/dnf/dnf5-gate"},
	} {
		t.Run(name, func(t *testing.T) {
			needs(t, command[0])
			if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%v: %v: %s", command, err, out)
			}
		})
	}
}
