package libxljson

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
)

// running is an HVM domain as libxl 4.17 writes it, with a field or a device
// of every sort that is read.
const running = `[
{"domid": 0, "config": {"c_info": {"type": "pv", "name": "Domain-0"}, "b_info": {"type.pv": {}}}},
{"domid": 7, "config": {
"c_info": {"type": "hvm", "hap": "False", "name": "guest", "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "pool_name": "Pool-1", "driver_domain": "True", "passthrough": "share_pt"},
"b_info": {"max_vcpus": 4, "avail_vcpus": [0, 1], "max_memkb": 2097152, "target_memkb": 1048576, "video_memkb": 18446744073709551615,
"vcpu_hard_affinity": [[0, 1], []], "device_model_version": "qemu_xen", "device_model_stubdomain": "True",
"extra_hvm": ["-device", "vmxnet3,mac=00:16:3e:01:02:03"], "sched_params": {}, "ioports": [{"first": 1016, "number": 8}],
"irqs": [32], "iomem": [{"start": 1043712, "number": 1}, {"start": 16, "number": 2, "gfn": 32}], "acpi": "<default>", "bootloader": "pygrub", "nested_hvm": "True",
"dm_restrict": "True", "tee": "optee",
"type.hvm": {"bios": "ovmf", "hdtype": "ahci", "vga": {"kind": "std"}, "vnc": {"passwd": "hunter2"}, "spice": {"enable": "True"},
 "gfx_passthru": "True", "gfx_passthru_kind": "igd", "serial": "pty", "boot": "cn", "usb": "True", "usbversion": 2,
 "usbdevice_list": ["tablet"], "soundhw": "hda", "rdm": {"strategy": "host", "policy": "relaxed"}, "mca_caps": 1},
"arch_arm": {"gic_version": "v3", "vuart": "sbsa_uart"}, "altp2m": "external", "vmtrace_buf_kb": 64, "vpmu": "True", "b_new": 1},
"disks": [{"pdev_path": "/x", "vdev": "xvda", "backend": "qdisk", "format": "qcow2", "readwrite": 1, "specification": "xen"},
 {"vdev": "hdc", "format": "empty", "removable": 1, "is_cdrom": 1}],
"nics": [{"model": "e1000", "mac": "00:16:3e:00:00:01", "script": "vif-openvswitch", "nictype": "vif_ioemu"}],
"pcidevs": [{"dev": 31, "bus": 3, "permissive": true, "rdm_policy": "relaxed"}, {"vfunc_mask": 4294967295, "bus": 4}],
"dtdevs": [{"path": "/soc/uart"}], "vfbs": [{"vnc": {"enable": "True"}}], "vkbs": [{"backend_type": "linux"}],
"vtpms": [{"backend_domname": "tpm"}], "p9s": [{"tag": "t", "path": "/srv"}], "pvcallsifs": [{"backend_domid": 3}],
"vdispls": [{"be_alloc": true}], "vsnds": [{"params": {}}], "channels": [{"connection.socket": {"path": "/p"}}, {"connection.pty": {}}],
"usbctrls": [{"type": "devicemodel", "version": 2}], "usbdevs": [{"type.hostdev": {"hostbus": 1}}],
"virtios": [{"type": "virtio,device22", "transport": "MMIO", "grant_usage": "False"}],
"on_soft_reset": "soft_reset"}}
]
`

func TestParse(t *testing.T) {
	got, err := Parse([]byte(running))
	if err != nil {
		t.Fatal(err)
	}
	dev := func(line int) facts.DomainDevice { return facts.DomainDevice{Line: line} }
	backend := func(line int, name string) facts.DomainDevice { return facts.DomainDevice{Line: line, Backend: name} }
	want := []facts.Domain{
		{Form: facts.LibxlJSON, Line: 2, ID: facts.Set(0, 2), Name: facts.Set("Domain-0", 2), Type: facts.Set(facts.PV, 2)},
		{
			Form: facts.LibxlJSON, Line: 3, ID: facts.Set(7, 3), Name: facts.Set("guest", 4), Type: facts.Set(facts.HVM, 4),
			HAP: facts.Set(false, 4), DriverDomain: facts.Set(true, 4), Passthrough: facts.Set("share_pt", 4),
			TEE: facts.Set("optee", 9), VUART: facts.Set("sbsa_uart", 13), GICVersion: facts.Set("v3", 13), OnSoftReset: facts.Set("soft-reset", 23),
			Boot: facts.DomainBoot{Bootloader: facts.Set("pygrub", 8), BIOS: facts.Set("ovmf", 10), Order: facts.Set("cn", 11)},
			CPU: facts.DomainCPU{VCPUs: facts.Set[uint64](2, 5), MaxVCPUs: facts.Set[uint64](4, 5), Affinity: facts.Set([]string{"0,1", ""}, 6),
				Pool: facts.Set("Pool-1", 4), NestedHVM: facts.Set(true, 8), Altp2m: facts.Set("external", 13), VPMU: facts.Set(true, 13),
				MCACaps: facts.Set([]string{"lmce"}, 12), VMTrace: facts.Set[uint64](64<<10, 13)},
			Memory: facts.DomainMemory{Start: facts.Set[uint64](1<<30, 5), Max: facts.Set[uint64](2<<30, 5)},
			Model: facts.DomainModel{Version: facts.Set("qemu-xen", 6), Stubdomain: facts.Set(true, 6), Restrict: facts.Set(true, 9),
				ArgsHVM: facts.Set([]string{"-device", "vmxnet3,mac=(removed)"}, 7), VGA: facts.Set("stdvga", 10), GfxPassthru: facts.Set("igd", 11),
				SoundHW: facts.Set("hda", 12), Serial: facts.Set([]string{"pty"}, 11), HDType: facts.Set("ahci", 10), USB: facts.Set(true, 11),
				USBVersion: facts.Set[uint64](2, 11), USBDevices: facts.Set([]string{"tablet"}, 12), Spice: facts.Set(true, 10)},
			Devices: facts.DomainDevices{
				Disks: facts.Set([]facts.DomainDisk{
					{DomainDevice: dev(14), Target: "/x", VDev: "xvda", BackendType: "qdisk", Format: "qcow2", Specification: "xen"},
					{DomainDevice: dev(15), VDev: "hdc", Format: "empty", CDROM: true, ReadOnly: true}}, 14),
				NICs: facts.Set([]facts.DomainNIC{{DomainDevice: dev(16), Type: "ioemu", Model: "e1000", Script: "vif-openvswitch"}}, 16),
				PCI: facts.Set([]facts.DomainPCI{{DomainDevice: dev(17), Address: "0000:03:1f.0", Permissive: true, RDMPolicy: "relaxed"},
					{DomainDevice: dev(17), Address: "0000:04:00.*"}}, 17),
				DTDevs: facts.Set([]string{"/soc/uart"}, 18), VFBs: facts.Set([]facts.DomainDevice{dev(18)}, 18),
				VKBs:     facts.Set([]facts.DomainVKB{{DomainDevice: dev(18), BackendType: "linux"}}, 18),
				VTPMs:    facts.Set([]facts.DomainDevice{backend(19, "tpm")}, 19),
				P9s:      facts.Set([]facts.DomainP9{{DomainDevice: dev(19), Tag: "t", Path: "/srv"}}, 19),
				PVCalls:  facts.Set([]facts.DomainDevice{backend(19, "3")}, 19),
				VDispls:  facts.Set([]facts.DomainVDispl{{DomainDevice: dev(20), BackendAlloc: true}}, 20),
				VSnds:    facts.Set([]facts.DomainDevice{dev(20)}, 20),
				Channels: facts.Set([]facts.DomainChannel{{DomainDevice: dev(20), Connection: "socket", Path: "/p"}, {DomainDevice: dev(20), Connection: "pty"}}, 20),
				USBCtrls: facts.Set([]facts.DomainUSBCtrl{{DomainDevice: dev(21), Type: "devicemodel", Version: 2}}, 21),
				USBDevs:  facts.Set([]facts.DomainUSBDev{{DomainDevice: dev(21), Type: "hostdev"}}, 21),
				Virtios:  facts.Set([]facts.DomainVirtio{{DomainDevice: dev(22), Type: "virtio,device22", Transport: "mmio", GrantUsage: "no"}}, 22),
				IOMem:    facts.Set([]string{"fed00,1", "10,2@20"}, 8), IOPorts: facts.Set([]string{"3f8-3ff"}, 7), IRQs: facts.Set([]string{"32"}, 8),
				RDM: facts.Set("strategy=host,policy=relaxed", 12),
			},
			Unknown: []facts.DomainKey{{Name: "b_info.b_new", Line: 13}},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	out, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "6ba7b810", "00:16:3e"} {
		if strings.Contains(string(out), secret) {
			t.Errorf("%q is in %s", secret, out)
		}
	}
}

func TestForms(t *testing.T) {
	for _, c := range []struct {
		name, in, want, err string // want: names of the domains
	}{
		{"a configuration alone", `{"c_info":{"name":"a"},"b_info":{}}`, "a", ""},
		{"a record with a zero byte behind it", "{\"c_info\":{\"name\":\"a\"}}\n\x00", "a", ""},
		{"one domain", `{"domid":null,"config":{"c_info":{"name":"a"}}}`, "a", ""},
		{"none", `[]`, "", ""},
		{"something else in the list", `[1,{"config":{"c_info":{"name":"b"}}}]`, "?b", ""},
		{"truncated", `[{"config":{"c_info":{"name":"a"}}},{"config":{"c_in`, "a", "line 1: unexpected EOF"},
		{"truncated at once", `{"c_info":`, "", "line 1: unexpected EOF"},
		{"empty", ``, "", "line 1: unexpected EOF"},
		{"not JSON", "Name  ID\nDomain-0", "", "line 1: invalid character 'N' looking for beginning of value"},
		{"something else", `{"a":1}`, "", "line 1: neither a domain nor a configuration"},
		{"more behind it", `{"c_info":{"name":"a"}} {}`, "a", "line 1: text behind the configuration"},
		{"deep", strings.Repeat("[", 100), "", "line 1: nested too deeply"},
		{"many values", `{"c_info":[` + strings.Repeat("1,", maxNodes) + `1]}`, "", "line 1: more than 100000 values"},
		{"no domains at all", `[` + strings.Repeat("1,", 99) + `1]`, "????????????????", "line 1: neither a domain nor a configuration"},
		{"too large", strings.Repeat(" ", MaxSize+1), "", "larger than 33554432 bytes"},
	} {
		domains, err := Parse([]byte(c.in))
		got := ""
		for _, d := range domains {
			got += d.Name.Or("?")
		}
		if why := errorText(err); got != c.want || why != c.err {
			t.Errorf("%s: got %q and %q, want %q and %q", c.name, got, why, c.want, c.err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestBad gives fields the wrong kind of value: bad, and nothing else lost.
func TestBad(t *testing.T) {
	in := `{"c_info":{"name":5,"type":"xen","hap":"maybe"},
"b_info":{"max_memkb":"lots","max_vcpus":1.5,"avail_vcpus":3,"extra":{},"kernel":"/k","type.hvm":{"usb":[]}},
"disks":{"a":1},"nics":[7],"pcidevs":[{"bus":256}]}`
	d, err := Parse([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	want := facts.Domain{
		Form: facts.LibxlJSON, Line: 1,
		Name: facts.BadSetting[string]("not a string", 1), Type: facts.BadSetting[facts.DomainType]("not a domain type", 1), HAP: facts.BadSetting[bool]("not a boolean", 1),
		Memory: facts.DomainMemory{Max: facts.BadSetting[uint64]("not a number", 2)},
		CPU:    facts.DomainCPU{MaxVCPUs: facts.BadSetting[uint64]("not a whole number", 2), VCPUs: facts.BadSetting[uint64]("not a list", 2)},
		Model:  facts.DomainModel{Args: facts.BadSetting[[]string]("not a list", 2), USB: facts.BadSetting[bool]("not a boolean", 2)},
		Boot:   facts.DomainBoot{Kernel: facts.Set("/k", 2)},
		Devices: facts.DomainDevices{
			Disks: facts.BadSetting[[]facts.DomainDisk]("not a list", 3),
			NICs:  facts.Set([]facts.DomainNIC{{DomainDevice: facts.DomainDevice{Line: 3, Bad: "not an object"}}}, 3),
			PCI:   facts.Set([]facts.DomainPCI{{DomainDevice: facts.DomainDevice{Line: 3, Bad: "no PCI address: bus is too large"}}}, 3),
		},
		Problems: []facts.DomainProblem{
			{Line: 1, Message: "name: not a string"}, {Line: 1, Message: "type: not a domain type"}, {Line: 1, Message: "hap: not a boolean"},
			{Line: 2, Message: "max_vcpus: not a whole number"}, {Line: 2, Message: "avail_vcpus: not a list"},
			{Line: 2, Message: "max_memkb: not a number"}, {Line: 2, Message: "extra: not a list"}, {Line: 2, Message: "usb: not a boolean"},
			{Line: 3, Message: "disks: not a list"}, {Line: 3, Message: "nics: not an object"}, {Line: 3, Message: "pcidevs: no PCI address: bus is too large"},
		},
	}
	if diff := cmp.Diff([]facts.Domain{want}, d); diff != "" {
		t.Error(diff)
	}
}

// TestOlder reads the fields that older releases keep in other places.
func TestOlder(t *testing.T) {
	d, err := Parse([]byte(`{"c_info":{"name":"a"},"b_info":{"type.pv":{"kernel":"/vmlinuz","bootloader":"pygrub","bootloader_args":["-q"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := facts.Domain{Form: facts.LibxlJSON, Line: 1, Name: facts.Set("a", 1), Type: facts.Set(facts.PV, 1), Boot: facts.DomainBoot{
		Kernel: facts.Set("/vmlinuz", 1), Bootloader: facts.Set("pygrub", 1), BootloaderArgs: facts.Set([]string{"-q"}, 1)}}
	if diff := cmp.Diff([]facts.Domain{want}, d); diff != "" {
		t.Error(diff)
	}
}

// Any bytes give domains or an error; what was read survives JSON, stands on a
// line of the source, and does not depend on the layout.
func FuzzParse(f *testing.F) {
	f.Add([]byte(running))
	f.Add([]byte(`{"c_info":{"name":"a","hap":"True"},"b_info":{"type.pvh":{"pvshim":"True"}}}`))
	f.Add([]byte(`[{"domid":1,"config":{"c_info":{},"nics":[{"colo_host":"x","trusted":"False"}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		domains, err := Parse(b)
		lines := strings.Count(string(b), "\n") + 1
		for _, d := range domains {
			if d.Line < 1 || d.Line > lines || d.Name.Line > lines || d.Devices.Disks.Line > lines {
				t.Fatalf("line %d of %d", d.Line, lines)
			}
		}
		out, jsonErr := json.Marshal(domains)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		var back []facts.Domain
		if jsonErr := json.Unmarshal(out, &back); jsonErr != nil {
			t.Fatalf("%s: %v", out, jsonErr)
		}
		if again, _ := json.Marshal(back); string(again) != string(out) {
			t.Fatalf("%s became %s", out, again)
		}
		if err != nil {
			return
		}
		flat := strings.ReplaceAll(string(b), "\n", " ")
		same, err := Parse([]byte(flat))
		if err != nil || len(same) != len(domains) {
			t.Fatalf("on one line: %d domains, %v", len(same), err)
		}
	})
}
