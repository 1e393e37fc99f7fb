package rules

import "github.com/xencheck/xencheck/support"

// needs names what would have to be read to answer a row.
type needs int

const (
	fromHardware needs = iota + 1 // the machine itself
	fromXen                       // how Xen was built and booted
	fromDomain                    // how guests are configured
	fromDom0                      // what runs in dom0
	fromNothing                   // nothing that can be read on a host tells
)

// words completes "needs …".
func (n needs) words() string {
	switch n {
	case fromHardware:
		return "the hardware"
	case fromXen:
		return "needs the Xen command line or build configuration"
	case fromDomain:
		return "needs the configuration of the guests"
	case fromDom0:
		return "needs a look at what runs in dom0"
	}
	return "not visible from a host"
}

// observation is how the rows of one heading are observed.
type observation struct {
	needs needs
	how   string           // the places that tell, most telling first
	other map[string]needs // by qualifier as written, where a row differs from its heading
}

// observations lists, by the anchor of its heading, how each row of every
// release from 4.10 on can be observed. Headings that only some releases have
// are here as well. A heading that is missing is reported as not evaluated.
var observations = map[string]observation{
	// Kconfig, Host Architecture
	"kconfig":                          {fromXen, "Xen Kconfig CONFIG_EXPERT, CONFIG_DEBUG, CONFIG_UNSUPPORTED", nil},
	"x86-64":                           {fromHardware, "CPU flag lm; for Xeon Phi vendor, family and model", nil},
	"arm-v7-virtualization-extensions": {fromHardware, "MIDR part; kernel log \"started in HYP mode\"; virtualization registers of the GIC", nil},
	"arm-v8":                           {fromHardware, "MIDR of every CPU; kernel log \"started at EL2\"; architecture of the Xen image", nil},
	// Host hardware support
	"acpi-cpu-hotplug":                      {fromHardware, "ACPI MADT processor entries that are not enabled", nil},
	"physical-cpu-hotplug":                  {fromHardware, "ACPI MADT processor entries that are not enabled", nil},
	"physical-memory":                       {fromHardware, "SMBIOS memory devices; firmware memory map; memory blocks; device tree memory nodes", nil},
	"physical-memory-hotplug":               {fromHardware, "ACPI SRAT ranges marked hot-pluggable", nil},
	"physical-cpus":                         {fromHardware, "/sys/devices/system/cpu/present; ACPI MADT; device tree cpu nodes", nil},
	"host-acpi-via-domain-0":                {fromHardware, "ACPI tables and device tree; Xen command line acpi=, dom0=", nil},
	"host-efi-boot":                         {fromHardware, "/sys/firmware/efi", nil},
	"host-efi-secure-boot":                  {fromHardware, "EFI variable SecureBoot", nil},
	"x86intel-platform-qos-technologies":    {fromHardware, "CPU flags cqm, rdt_a, cat_l3, cdp_l3, mba; Xen command line psr=", nil},
	"iommu":                                 {fromHardware, "ACPI DMAR, IVRS, IORT; device tree iommu nodes; Xen command line iommu=", nil},
	"armgicv3":                              {fromHardware, "ACPI MADT; device tree interrupt controller; /proc/interrupts", nil},
	"armgicv3-its":                          {fromHardware, "ACPI MADT; device tree; Xen Kconfig CONFIG_HAS_ITS; xl dmesg", nil},
	"armpartial-emulation":                  {fromXen, "Xen command line partial-emulation", nil},
	"arm-scalable-vector-extension-svesve2": {fromHardware, "CPU feature sve; Xen Kconfig CONFIG_ARM64_SVE; dom0=sve=, sve= of a guest", nil},
	// Guest Type, Guest Limits
	"x86pv":        {fromHardware, "no hardware needed; type= of a guest, width of its kernel", nil},
	"x86hvm":       {fromHardware, "CPU flags vmx, svm; type= of a guest", nil},
	"x86pvh":       {fromHardware, "CPU flags vmx, svm; an IOMMU for dom0; type= of a guest, dom0=pvh", nil},
	"x86pvh-guest": {fromHardware, "CPU flags vmx, svm; type= of a guest", nil},
	"arm":          {fromHardware, "the machine's architecture", nil},
	"arm-guest":    {fromHardware, "the machine's architecture", nil},
	"memory":       {fromDomain, "memory= and maxmem= of a guest", nil},
	// Hypervisor file system, Toolstack, Xenstore, boot loaders
	"build-info":                           {fromXen, "hypfs /buildinfo; Xen Kconfig CONFIG_HYPFS", nil},
	"hypervisor-config":                    {fromXen, "hypfs /buildinfo/config; Xen Kconfig CONFIG_HYPFS_CONFIG", nil},
	"runtime-parameters":                   {fromXen, "hypfs /params; Xen Kconfig CONFIG_HYPFS", nil},
	"toolstack":                            {fromDom0, "ELF class of xl against the hypervisor's", nil},
	"xl":                                   {fromDom0, "/usr/sbin/xl; domain records in /var/lib/xen", nil},
	"direct-boot-kernel-image-format":      {fromDomain, "format of the file that kernel= names", nil},
	"dom0-init-support-for-xl":             {fromDom0, "init system of dom0", nil},
	"json-output-support-for-xl":           {fromNothing, "one invocation of xl at a time", nil},
	"open-vswitch-integration-for-xl":      {fromDom0, "script= of a vif; vif.default.script in xl.conf", nil},
	"virtual-cpu-hotplug":                  {fromDomain, "vcpus= below maxvcpus=", nil},
	"qemu-backend-hotplugging-for-xl":      {fromNothing, "an event that leaves no trace", nil},
	"xenlight-go-package":                  {fromDom0, "build information of running Go programs", nil},
	"linux-device-model-stubdomains":       {fromDomain, "device_model_stubdomain_override= of a guest", nil},
	"c-xenstored-daemon":                   {fromDom0, "program of the running xenstored", nil},
	"c-xenstore-stubdom-pv":                {fromDom0, "xenstore /tool/xenstored/domid; XENSTORETYPE", map[string]needs{"Liveupdate": fromNothing}},
	"c-xenstore-stubdom-pvh":               {fromDom0, "xenstore /tool/xenstored/domid; XENSTORETYPE", map[string]needs{"Liveupdate": fromNothing}},
	"ocaml-xenstored-daemon":               {fromDom0, "program of the running xenstored; backend= of a guest's devices", map[string]needs{"Liveupdate": fromNothing}},
	"liveupdate-of-c-xenstored-daemon":     {fromDom0, "command line of the running xenstored", nil},
	"liveupdate-of-ocaml-xenstored-daemon": {fromDom0, "command line of the running xenstored", nil},
	"pygrub":                               {fromDom0, "bootloader= and bootloader_restrict= of a guest; xl.conf", nil},
	"libvirt-driver-for-xl":                {fromDom0, "libvirtd or virtxend running; /etc/libvirt/libxl", nil},
	// Debugging
	"host-serial-console":                                {fromXen, "Xen command line console=, com1=, dtuart=; device tree stdout-path", nil},
	"hypervisor-debug-keys":                              {fromNothing, "an event that leaves no trace", nil},
	"hypervisor-synchronous-console-output-sync_console": {fromXen, "Xen command line sync_console; xl dmesg", nil},
	"gdbsx":                    {fromDom0, "gdbsx running; Xen Kconfig CONFIG_GDBSX", nil},
	"soft-reset-for-pv-guests": {fromNothing, "the guest decides", nil},
	"xentrace":                 {fromDom0, "xentrace running; Xen command line tbuf_size=", nil},
	"gcov":                     {fromXen, "Xen Kconfig CONFIG_COVERAGE", nil},
	"processor-trace-support":  {fromDomain, "vmtrace_buf_kb= of a guest", nil},
	// Memory management
	"dynamic-memory-control":    {fromDomain, "memory= below maxmem=", nil},
	"shadow-paging":             {fromDomain, "hap= of a guest and on the Xen command line; CPU flags ept, npt", nil},
	"populate-on-demand-memory": {fromDomain, "memory= below maxmem= of an HVM guest", nil},
	"static-allocation":         {fromDomain, "xen,static-mem in the boot device tree", nil},
	"static-heap":               {fromXen, "xen,static-heap in /chosen of the boot device tree", nil},
	"memory-sharing":            {fromDomain, "shared pages of a guest; Xen Kconfig CONFIG_MEM_SHARING", nil},
	"static-memory-sharing":     {fromDomain, "xen,domain-shared-memory-v1 in the boot device tree", nil},
	"memory-paging":             {fromDom0, "xenpaging running; Xen Kconfig CONFIG_MEM_PAGING", nil},
	"alternative-p2m":           {fromDomain, "altp2m= of a guest and on the Xen command line", nil},
	"cache-coloring":            {fromXen, "Xen command line llc-coloring; Xen Kconfig CONFIG_LLC_COLORING", nil},
	"transcendent-memory":       {fromXen, "Xen command line tmem; Xen Kconfig CONFIG_TMEM", nil},
	// Resources and scalability
	"cpu-pools":               {fromDom0, "cpupools of the running Xen; pool= of a guest", nil},
	"core-scheduling":         {fromXen, "hypfs /cpupool; Xen command line sched-gran=; xl dmesg", nil},
	"credit-scheduler":        {fromXen, "Xen command line sched=; Xen Kconfig CONFIG_SCHED_DEFAULT", nil},
	"credit2-scheduler":       {fromXen, "Xen command line sched=; Xen Kconfig CONFIG_SCHED_DEFAULT", nil},
	"rtds-based-scheduler":    {fromXen, "Xen command line sched=; Xen Kconfig CONFIG_SCHED_DEFAULT", nil},
	"arinc653-scheduler":      {fromXen, "Xen command line sched=; Xen Kconfig CONFIG_SCHED_DEFAULT", nil},
	"null-scheduler":          {fromXen, "Xen command line sched=; Xen Kconfig CONFIG_SCHED_DEFAULT", map[string]needs{"x86/shim": fromDomain}},
	"numa-scheduler-affinity": {fromXen, "NUMA nodes of the host; Xen command line numa=", nil},
	"super-page-support":      {fromDomain, "hap= of a guest; CPU flags ept, npt", map[string]needs{"ARM": fromXen}},
	"x86pvhvm":                {fromDomain, "type=hvm with xen_platform_pci= of a guest", nil},
	// High availability
	"remus-fault-tolerance": {fromDom0, "xl remus running", nil},
	"colo-manager":          {fromDom0, "colo keys of a guest's disks; xl remus -c running", nil},
	"x86vmce":               {fromXen, "Xen command line mce=", nil},
	// Guest side drivers
	"blkfront":                  {fromNothing, "the operating system inside the guest", nil},
	"netfront":                  {fromNothing, "the operating system inside the guest", nil},
	"pv-framebuffer-frontend":   {fromNothing, "the operating system inside the guest", nil},
	"pv-display-frontend":       {fromDomain, "vdispl= of a guest", nil},
	"pv-console-frontend":       {fromNothing, "the operating system inside the guest", nil},
	"pv-keyboard-frontend":      {fromNothing, "the operating system inside the guest", nil},
	"pv-usb-frontend":           {fromDomain, "usbctrl= of a guest", nil},
	"pv-scsi-protocol-frontend": {fromNothing, "the operating system inside the guest", nil},
	"pv-tpm-frontend":           {fromDomain, "vtpm= of a guest", nil},
	"pv-9pfs-frontend":          {fromDomain, "p9= of a guest", nil},
	"pvcalls-frontend":          {fromDomain, "pvcalls= of a guest", nil},
	"pv-sound-frontend":         {fromDomain, "vsnd= of a guest", nil},
	// Host side devices
	"blkback":                        {fromDomain, "disk= of a guest; backends in xenstore", nil},
	"netback":                        {fromDom0, "vif= of a guest; backends in xenstore", nil},
	"pv-framebuffer-backend":         {fromDomain, "vfb= of a guest", nil},
	"pv-console-xenconsoled":         {fromDom0, "xenconsoled running", nil},
	"pv-keyboard-backend":            {fromDomain, "vkb= and vfb= of a guest", nil},
	"pv-usb-backend":                 {fromDomain, "usbctrl= of a guest", nil},
	"pv-scsi-protocol-backend":       {fromDom0, "module xen-scsiback; backends in xenstore", nil},
	"pv-tpm-backend":                 {fromDomain, "vtpm= of a guest", nil},
	"pv-9pfs-backend":                {fromDomain, "p9= of a guest", nil},
	"pvcalls-backend":                {fromDomain, "pvcalls= of a guest", nil},
	"online-resize-of-virtual-disks": {fromNothing, "an event that leaves no trace", nil},
	// Security
	"driver-domains":                    {fromDomain, "backend= of a guest's devices; driver_domain=", nil},
	"device-model-stub-domains":         {fromDomain, "device_model_stubdomain_override= of a guest", nil},
	"device-model-deprivileging":        {fromDomain, "dm_restrict= of a guest; arguments of its QEMU", nil},
	"kconfig-expert":                    {fromXen, "Xen Kconfig CONFIG_EXPERT (before 4.14 it leaves no trace)", nil},
	"live-patching":                     {fromDom0, "live patches loaded into the running Xen", nil},
	"virtual-machine-introspection":     {fromDom0, "introspection programs running; Xen Kconfig CONFIG_VM_EVENT", nil},
	"xsm-xen-security-module-framework": {fromXen, "Xen Kconfig CONFIG_XSM", nil},
	"flask-xsm-module":                  {fromXen, "the running Xen (getenforce); xl dmesg; Xen command line xsm=, flask=; Xen Kconfig CONFIG_XSM_FLASK", nil},
	"xsm-flask":                         {fromXen, "the running Xen (getenforce); xl dmesg; Xen command line xsm=, flask=; Xen Kconfig CONFIG_XSM_FLASK", nil},
	"flask-default-policy":              {fromXen, "Xen Kconfig CONFIG_XSM_FLASK_POLICY", nil},
	"silo-xsm-module":                   {fromXen, "xl dmesg; Xen command line xsm=; Xen Kconfig CONFIG_XSM_SILO", nil},
	// Virtual hardware, hypervisor
	"x86nested-pv":  {fromNothing, "a guest that boots Xen", nil},
	"x86nested-hvm": {fromDomain, "nestedhvm= of a guest", nil},
	"vpmu":          {fromXen, "pmu_mode in dom0; Xen command line vpmu=; xl dmesg", map[string]needs{"ARM": fromDomain}},
	"argo-inter-domain-message-delivery-by-hypercall":        {fromXen, "Xen command line argo=; Xen Kconfig CONFIG_ARGO", nil},
	"x86pci-device-passthrough":                              {fromHardware, "an IOMMU; pci= of a guest", nil},
	"x86multiple-ioreq-servers":                              {fromDom0, "emulators besides QEMU", nil},
	"armioreq-servers":                                       {fromDomain, "virtio= of a guest; Xen Kconfig CONFIG_IOREQ_SERVER", nil},
	"armnon-pci-device-passthrough":                          {fromHardware, "an SMMU; dtdev= of a guest", nil},
	"arm-16k-and-64k-page-granularity-in-guests":             {fromNothing, "page size of the kernel inside the guest", nil},
	"arm-firmware-framework-for-arm-a-profile-ff-a-mediator": {fromXen, "Xen Kconfig CONFIG_FFA; tee=", nil},
	"arm-guest-device-tree-support":                          {fromXen, "offered to every Arm guest", nil},
	"device-tree-overlays":                                   {fromXen, "Xen Kconfig CONFIG_OVERLAY_DTB", nil},
	"arm-guest-acpi-support":                                 {fromDomain, "acpi= of a guest", nil},
	"arm-op-tee-mediator":                                    {fromXen, "Xen Kconfig CONFIG_OPTEE; tee=; device tree /firmware/optee", nil},
	"arm-scmi-over-smc-calls-forwarding-to-el3-firmware":     {fromXen, "device tree arm,scmi-smc; Xen Kconfig CONFIG_SCMI_SMC", nil},
	"arm-guest-psci-support":                                 {fromXen, "offered to every Arm guest", map[string]needs{"SYSTEM_SUSPEND": fromNothing}},
	// Virtual hardware, QEMU
	"virtual-hardware-qemu":             {fromDomain, "devices of HVM guests", nil},
	"x86emulated-platform-devices-qemu": {fromDomain, "type=hvm", nil},
	"x86emulated-network-qemu":          {fromDomain, "model= of a vif (default rtl8139)", nil},
	"x86emulated-storage-qemu":          {fromDomain, "hdtype= and disk= of a guest", nil},
	"x86emulated-graphics-qemu":         {fromDomain, "vga= of a guest (default cirrus)", nil},
	"x86emulated-audio-qemu":            {fromDomain, "soundhw= of a guest", nil},
	"x86emulated-input-qemu":            {fromDomain, "usbdevice= of a guest", nil},
	"x86emulated-serial-card-qemu":      {fromDomain, "serial= of a guest", nil},
	"x86host-usb-passthrough-qemu":      {fromDomain, "usbdevice=host:…, usbdev= of a guest", nil},
	"qemu-xen-traditional":              {fromDomain, "device_model_version= of a guest", nil},
	// Virtual firmware, dom0less
	"x86hvm-ipxe":          {fromDomain, "boot= of a guest", nil},
	"x86hvm-bios":          {fromDomain, "bios= and firmware= of a guest", nil},
	"x86hvm-ovmf":          {fromDomain, "bios= and firmware= of a guest", nil},
	"dom0less":             {fromDomain, "xen,domain nodes in the boot device tree", nil},
	"static-event-channel": {fromDomain, "xen,evtchn-v1 nodes in the boot device tree", nil},
}

// needsOf says what would show whether a row is used; ok is false for one that
// nobody knows how to observe.
func needsOf(row *support.Row) (n needs, ok bool) {
	o, ok := observations[row.Heading]
	if special, other := o.other[row.Qualifier]; other {
		return special, true
	}
	return o.needs, ok
}

// Observed says in words how the rows under a heading are observed, and what
// would have to be read for it. Both are empty for a heading nobody knows.
func Observed(heading string) (how, need string) {
	o, ok := observations[heading]
	if !ok {
		return "", ""
	}
	return o.how, o.needs.words()
}
