package xlcfg

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
)

const guest = `# a Windows guest
name = "win"
uuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
type = "hvm"
memory = 0x1000
maxmem = "8192"
vcpus = 2 ; maxvcpus = 4
hap = 0
vif = [ 'mac=00:16:3e:01:02:03, bridge=xenbr0, model=e1000',
        'type=vif,script=vif-openvswitch,backend=net,forwarddev=eth1,speed=9' ]
disk = [ 'phy:/dev/vg/win,hda,w' ]
disk += [ 'file:/cd.iso,hdc:cdrom,r' ]
pci_permissive = 1
pci = [ '01:00.0', '0000:03:1f.6@10,permissive=0,seize=1' , '02:00.*' ]
usb = 1
usbdevice = ['tablet', 'host:1.6']
vnc = 1
vncpasswd = 'hunter2'
stdvga = 1
soundhw = "hda"
serial = 'pty'
device_model_args = [ "-device", "vmxnet3,mac=00:16:3e:01:02:04" ]
altp2m = 2
frobnicate = 7
`

func TestDomain(t *testing.T) {
	const mib = 1 << 20
	want := facts.Domain{
		Form: facts.XLConfig,
		Name: facts.Set("win", 2), Type: facts.Set(facts.HVM, 4), HAP: facts.Set(false, 8),
		CPU:    facts.DomainCPU{VCPUs: facts.Set[uint64](2, 7), MaxVCPUs: facts.Set[uint64](4, 7), Altp2m: facts.Set("external", 23)},
		Memory: facts.DomainMemory{Start: facts.Set[uint64](4096*mib, 5), Max: facts.Set[uint64](8192*mib, 6)},
		Model: facts.DomainModel{
			Args: facts.Set([]string{"-device", "vmxnet3,mac=(removed)"}, 22), StdVGA: facts.Set(true, 19), SoundHW: facts.Set("hda", 20),
			Serial: facts.Set([]string{"pty"}, 21), USB: facts.Set(true, 15), USBDevices: facts.Set([]string{"tablet", "host:1.6"}, 16),
			VNC: facts.Set(true, 17)},
		Devices: facts.DomainDevices{
			Disks: facts.Set([]facts.DomainDisk{
				{DomainDevice: facts.DomainDevice{Line: 11}, Target: "/dev/vg/win", VDev: "hda", Format: "raw", Prefix: "phy:"},
				{DomainDevice: facts.DomainDevice{Line: 12}, Target: "/cd.iso", VDev: "hdc", Format: "raw", Prefix: "file:", CDROM: true, ReadOnly: true},
			}, 12),
			NICs: facts.Set([]facts.DomainNIC{
				{DomainDevice: facts.DomainDevice{Line: 9}, Bridge: "xenbr0", Model: "e1000"},
				{DomainDevice: facts.DomainDevice{Line: 10, Backend: "net", Unknown: []string{"speed"}}, Type: "vif", Script: "vif-openvswitch", COLO: true},
			}, 9),
			PCI: facts.Set([]facts.DomainPCI{
				{DomainDevice: facts.DomainDevice{Line: 14}, Address: "0000:01:00.0", Permissive: true},
				{DomainDevice: facts.DomainDevice{Line: 14}, Address: "0000:03:1f.6"},
				{DomainDevice: facts.DomainDevice{Line: 14}, Address: "0000:02:00.*", Permissive: true},
			}, 14),
			PCIPermissive: facts.Set(true, 13),
		},
		Unknown: []facts.DomainKey{{Name: "frobnicate", Line: 24}},
		Deprecated: []facts.DomainKey{
			{Name: "stdvga", Line: 19, Use: "vga"},
			{Name: "disk phy:", Line: 11, Use: "format=, script= or nothing in its place"},
			{Name: "disk file:", Line: 12, Use: "format=, script= or nothing in its place"}},
	}
	got := Domain(Parse([]byte(guest)))
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
	var back facts.Domain
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, back); d != "" {
		t.Errorf("through JSON: %s", d)
	}
}

// TestSettings reads one setting a case: what it is worth, given or bad.
func TestSettings(t *testing.T) {
	type d = facts.Domain
	for _, c := range []struct {
		in   string
		want any
		got  func(d) any
	}{
		{`name='x'`, facts.Setting[facts.DomainType]{}, func(d d) any { return d.Type }},
		{`type='pv'`, facts.Set(facts.PV, 1), func(d d) any { return d.Type }},
		{`type='p'`, facts.Set(facts.PV, 1), func(d d) any { return d.Type }},
		{`type='pvh'`, facts.Set(facts.PVH, 1), func(d d) any { return d.Type }},
		{`type='HVM'`, facts.BadSetting[facts.DomainType](`"HVM" is no domain type`, 1), func(d d) any { return d.Type }},
		{`type=hvm`, facts.BadSetting[facts.DomainType](`expected a value, found "hvm" without quotes`, 1), func(d d) any { return d.Type }},
		{`builder='hvm'`, facts.Set(facts.HVM, 1), func(d d) any { return d.Type }},
		{`builder='generic'`, facts.Set(facts.PV, 1), func(d d) any { return d.Type }},
		{"type='hvm'\nbuilder='hvm'", facts.Set(facts.HVM, 1), func(d d) any { return d.Type }},
		{"builder='hvm'\ntype='pv'", facts.BadSetting[facts.DomainType]("type and builder contradict each other", 1), func(d d) any { return d.Type }},
		{"type='pv'\nbuilder='linux'", facts.BadSetting[facts.DomainType](`"linux" is no domain builder`, 2), func(d d) any { return d.Type }},
		{`hap='yes'`, facts.BadSetting[bool](`"yes" is no number`, 1), func(d d) any { return d.HAP }},
		{`hap=[1]`, facts.BadSetting[bool]("a list where a single value is expected", 1), func(d d) any { return d.HAP }},
		{"vcpus=1\nvcpus+=1", facts.BadSetting[uint64]("+= on a number", 2), func(d d) any { return d.CPU.VCPUs }},
		{`vcpus='-1'`, facts.BadSetting[uint64]("less than nothing", 1), func(d d) any { return d.CPU.VCPUs }},
		{`memory=010`, facts.Set[uint64](8<<20, 1), func(d d) any { return d.Memory.Start }},
		{`memory='9223372036854775807'`, facts.BadSetting[uint64]("larger than any memory", 1), func(d d) any { return d.Memory.Start }},
		{`memory=8388609`, facts.Set[uint64](8<<40+1<<20, 1), func(d d) any { return d.Memory.Start }},
		{`vmtrace_buf_kb=64`, facts.Set[uint64](64<<10, 1), func(d d) any { return d.CPU.VMTrace }},
		{`altp2m='limited'`, facts.Set("limited", 1), func(d d) any { return d.CPU.Altp2m }},
		{`altp2m=4`, facts.BadSetting[string](`"4" is no altp2m mode`, 1), func(d d) any { return d.CPU.Altp2m }},
		{`gfx_passthru=0`, facts.Set("off", 1), func(d d) any { return d.Model.GfxPassthru }},
		{`gfx_passthru=1`, facts.Set("default", 1), func(d d) any { return d.Model.GfxPassthru }},
		{`gfx_passthru='igd'`, facts.Set("igd", 1), func(d d) any { return d.Model.GfxPassthru }},
		{`sve='hw'`, facts.Set("hw", 1), func(d d) any { return d.CPU.SVE }},
		{`sve=256`, facts.Set("256", 1), func(d d) any { return d.CPU.SVE }},
		{`sve=100`, facts.BadSetting[string](`"100" is no vector length`, 1), func(d d) any { return d.CPU.SVE }},
		{`arm_sci='type=scmi_smc'`, facts.Set("scmi_smc", 1), func(d d) any { return d.ArmSCI }},
		{`llc_colors=['0-3',7]`, facts.Set("0-3,7", 1), func(d d) any { return d.Memory.LLCColors }},
		{`tee='optee'`, facts.Set("optee", 1), func(d d) any { return d.TEE }},
		{`vga='vmware'`, facts.BadSetting[string](`"vmware" is none of stdvga, cirrus, none, qxl`, 1), func(d d) any { return d.Model.VGA }},
		{"type='hvm'\nkernel='/usr/lib/xen/boot/hvmloader'", facts.Setting[string]{}, func(d d) any { return d.Boot.Kernel }},
		{`vnuma=[['pnode=0'],['pnode=1']]`, facts.Set(2, 1), func(d d) any { return d.CPU.VNUMANodes }},
		{`cpus='0-3,^1'`, facts.Set([]string{"0-3,^1"}, 1), func(d d) any { return d.CPU.Affinity }},
		{`cpus=['0',1]`, facts.Set([]string{"0", "1"}, 1), func(d d) any { return d.CPU.Affinity }},
		{`bootloader_restrict=1`, []facts.DomainKey{{Name: "bootloader_restrict", Line: 1, Since: "4.18"}}, func(d d) any { return d.Limited }},
		{`dtdev=['/soc/uart@0']`, facts.Set([]string{"/soc/uart@0"}, 1), func(d d) any { return d.Devices.DTDevs }},
		{`disk='x'`, facts.BadSetting[[]facts.DomainDisk]("a single value where a list is expected", 1), func(d d) any { return d.Devices.Disks }},
	} {
		dom := Domain(Parse([]byte(c.in)))
		if d := cmp.Diff(c.want, c.got(dom)); d != "" {
			t.Errorf("%s: %s", c.in, d)
		}
		out, _ := json.Marshal(c.want)
		if bad := strings.Contains(string(out), `"bad"`); bad != (len(dom.Problems) == 1) {
			t.Errorf("%s: problems are %v", c.in, dom.Problems)
		}
	}
}

func TestDevices(t *testing.T) {
	for _, c := range []struct {
		in, want string // the devices in JSON
	}{
		{`vfb=['vnc=1,vncpasswd=x,vnclisten=0.0.0.0']`, `{"vfbs":{"value":[{"line":1}],"line":1}}`},
		{`vkb=['backend-type=linux,unique-id=T1']`, `{"vkbs":{"value":[{"line":1,"backend_type":"linux"}],"line":1}}`},
		{`vdispl=['backend=disp,be-alloc=1,connectors=1:1920x1080;2:800x600']`, `{"vdispls":{"value":[{"line":1,"backend":"disp","be_alloc":true}],"line":1}}`},
		{`vsnd=[['card, backend=snd, short-name=Main','pcm, name=a','stream, type=p']]`, `{"vsnds":{"value":[{"line":1,"backend":"snd"}],"line":1}}`},
		{`usbctrl=['type=devicemodel,version=2,ports=4']`, `{"usbctrls":{"value":[{"line":1,"type":"devicemodel","version":2,"ports":4}],"line":1}}`},
		{`usbdev=['type=hostdev,hostbus=1,hostaddr=3,controller=1']`, `{"usbdevs":{"value":[{"line":1,"type":"hostdev","controller":1}],"line":1}}`},
		{`p9=['tag=share,path=/srv,security_model=none,type=xen_9pfsd']`, `{"p9s":{"value":[{"line":1,"type":"xen_9pfsd","tag":"share","path":"/srv","security_model":"none"}],"line":1}}`},
		{`vtpm=['backend=tpm,uuid=6ba7b810-9dad-11d1-80b4-00c04fd430c8']`, `{"vtpms":{"value":[{"line":1,"backend":"tpm"}],"line":1}}`},
		{`pvcalls=['backend=2']`, `{"pvcalls":{"value":[{"line":1,"backend":"2"}],"line":1}}`},
		{`channel=['connection=socket,name=org.x,path=/run/x']`, `{"channels":{"value":[{"line":1,"name":"org.x","connection":"socket","path":"/run/x"}],"line":1}}`},
		{`virtio=['type=virtio,device22,transport=mmio,grant_usage=1']`, `{"virtios":{"value":[{"line":1,"type":"virtio,device22","transport":"mmio","grant_usage":"yes"}],"line":1}}`},
		{`pci=['name=nic0,rdm_policy=relaxed','bdf=4:0.1']`, `{"pci":{"value":[{"line":1,"name":"nic0","rdm_policy":"relaxed"},{"line":1,"address":"0000:04:00.1"}],"line":1}}`},
		{`usbctrl=['type=ehci']`, `{"usbctrls":{"value":[{"line":1,"bad":"unknown type \"ehci\""}],"line":1}}`},
		{`vtpm=['uuid=x']`, `{"vtpms":{"value":[{"line":1,"bad":"no backend"}],"line":1}}`},
		{`pci=['nonsense']`, `{"pci":{"value":[{"line":1,"bad":"no PCI address: \"nonsense\""}],"line":1}}`},
		{`vif=[['a']]`, `{"nics":{"value":[{"line":1,"bad":"a list where text is expected"}],"line":1}}`},
		{`vif=['']`, `{"nics":{"value":[{"line":1}],"line":1}}`},
		{`disk=[]`, `{"disks":{"value":[],"line":1}}`},
	} {
		b, err := json.Marshal(Domain(Parse([]byte(c.in))).Devices)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, string(b)); d != "" {
			t.Errorf("%s: %s", c.in, d)
		}
	}
}

func TestKeysAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range keys() {
		if seen[k.name] {
			t.Errorf("%s is listed twice", k.name)
		}
		seen[k.name] = true
	}
}

// TestExamples reads the examples that come with Xen where they are installed.
func TestExamples(t *testing.T) {
	files, _ := filepath.Glob("/etc/xen/xlexample.*")
	if dir := os.Getenv("XENCHECK_XL_EXAMPLES"); dir != "" {
		files, _ = filepath.Glob(filepath.Join(dir, "*"))
	}
	if len(files) == 0 {
		t.Skip("no /etc/xen/xlexample.*; XENCHECK_XL_EXAMPLES can name another directory")
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := Domain(Parse(b))
		if len(d.Problems) > 0 || len(d.Unknown) > 0 || !d.Name.Given {
			t.Errorf("%s: %v, unknown %v, name %q", name, d.Problems, d.Unknown, d.Name.Value)
		}
	}
}

// Any file has a meaning, which survives JSON, with every line inside the file.
func FuzzDomain(f *testing.F) {
	seed(f)
	f.Add([]byte(guest))
	f.Add([]byte("disk=['\xa6']"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := Domain(Parse(b))
		out, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back facts.Domain
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(out) {
			t.Fatalf("%s became %s: %v", out, again, err)
		}
		lines := strings.Count(string(b), "\n") + 1
		for _, p := range d.Problems {
			if p.Line < 1 || p.Line > lines {
				t.Fatalf("line %d of %d", p.Line, lines)
			}
		}
	})
}
