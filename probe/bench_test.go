package probe

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// largeServer has 4096 CPUs with two kilobytes of flags each and 98,304 memory
// blocks of 128 MiB, which is 12 TiB.
func largeServer() machine {
	m := intelServer().with(machine{
		"/proc/cpuinfo":                    x86CPUs(4096, "GenuineIntel", 6, 143, "vmx ept "+strings.Repeat("avx512_feature ", 130)),
		"/proc/meminfo":                    "MemTotal: 12800000000 kB\n",
		sysCPU + "/present":                "0-4095\n",
		sysCPU + "/online":                 "0-4095\n",
		sysCPU + "/possible":               "0-4095\n",
		firmwareMap + "/1/end":             "0xc007fffffff\n",
		memoryBlocks + "/block_size_bytes": "8000000\n",
		cpuidInterface:                     gone,
	})
	for i := range 98304 {
		m[memoryBlocks+"/memory"+strconv.Itoa(i)+"/"] = ""
	}
	return m
}

// largeArmServer has 512 CPUs, each with its own midr_el1.
func largeArmServer() machine {
	var cores [][4]int
	m := juno().with(machine{sysCPU + "/present": "0-511\n", sysCPU + "/online": "0-511\n", blobFile: gone, treeDir + "/compatible": gone})
	for i := range 512 {
		cores = append(cores, [4]int{0x41, 0xd0c, 3, 1})
		m[fmt.Sprintf("%s/cpu%d/regs/identification/midr_el1", sysCPU, i)] = "0x00000000413fd0c1\n"
	}
	m["/proc/cpuinfo"] = armCPUs(cores...)
	return m
}

// onDisk plants a machine in a directory, as a captured tree.
func onDisk(b *testing.B, m machine) string {
	b.Helper()
	dir := b.TempDir()
	files := map[string]string{}
	for name, content := range m {
		if strings.HasSuffix(name, "/") {
			name += ".keep"
		}
		if !isInterface(name) {
			files[strings.TrimPrefix(name, "/")] = content
		}
	}
	plant(b, dir, files)
	return dir
}

func BenchmarkCollect(b *testing.B) {
	run := func(name string, o Options) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Collect(context.Background(), o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("this machine", Options{})
	run("small, in memory", Options{FS: intelServer().root(), FSLive: true})
	run("4096 CPUs and 98304 memory blocks, in memory", Options{FS: largeServer().root(), FSLive: true})
	run("512 Arm CPUs, in a tree", Options{Root: onDisk(b, largeArmServer())})
	if truths, _ := filepath.Glob(recordedHosts + "/linuxhw-acpi/*/root"); len(truths) > 0 {
		run("ACPI tables, in a tree", Options{Root: truths[0]})
	}
}

func BenchmarkWriteRaw(b *testing.B) {
	for b.Loop() {
		if _, err := WriteRaw(context.Background(), io.Discard, Options{FS: intelServer().root(), FSLive: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// The libraries cost this much of a collection on the running machine.
func BenchmarkLibraries(b *testing.B) {
	b.Run("cpuid", func(b *testing.B) {
		for b.Loop() {
			askCPUID()
		}
	})
	b.Run("ghw", func(b *testing.B) {
		for b.Loop() {
			askGHW()
		}
	})
}
