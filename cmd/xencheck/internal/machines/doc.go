// Package machines boots xencheck inside emulated machines and holds what it
// says there against what each machine was given.
//
// A machine is a file of testdata/machines: the command line of QEMU, and what
// must be seen in a machine with that command line. Kernels, hypervisors and
// firmware are Debian's; QEMU emulates in software, so that the machines boot
// wherever the tests run.
//
// Only tests use this package: unlike xencheck itself it runs other programs.
package machines
