# Five checks of each host, counted.
package fleet

summary := {
	"hosts": count(input),
	"x86": count([1 | some h in input; h.machine.arch.value == "x86-64"]),
	"memory": count([1 | some h in input; h.memory.physical.value.max <= 2199023255552]),
	"cpus": count([1 | some h in input; h.cpu.physical.value.max <= 128]),
	"release": count([1 | some h in input; h.xen.running.value.minor >= 17]),
	"iommu": count([1 | some h in input; h.iommu.units.state == "known"]),
}

line := sprintf("%d %d %d %d %d %d", [summary.hosts, summary.x86, summary.memory, summary.cpus, summary.release, summary.iommu])
