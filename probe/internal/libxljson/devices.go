package libxljson

import (
	"fmt"
	"math"
	"strconv"

	"github.com/xencheck/xencheck/probe/facts"
)

func devices(config, build *node) facts.DomainDevices {
	return facts.DomainDevices{
		Disks:    list(config.get("disks"), disk),
		NICs:     list(config.get("nics"), nic),
		PCI:      list(config.get("pcidevs"), pci),
		VFBs:     list(config.get("vfbs"), device),
		VKBs:     list(config.get("vkbs"), vkb),
		VSnds:    list(config.get("vsnds"), device),
		VDispls:  list(config.get("vdispls"), vdispl),
		USBCtrls: list(config.get("usbctrls"), usbctrl),
		USBDevs:  list(config.get("usbdevs"), usbdev),
		P9s:      list(config.get("p9s"), p9),
		VTPMs:    list(config.get("vtpms"), device),
		PVCalls:  list(config.get("pvcallsifs"), device),
		Channels: list(config.get("channels"), channel),
		Virtios:  list(config.get("virtios"), virtio),
		DTDevs:   list(config.get("dtdevs"), func(n *node) string { return text(n.get("path")).Value }),
		IOMem:    list(build.get("iomem"), iomem),
		IOPorts:  list(build.get("ioports"), ioports),
		IRQs:     texts(build.get("irqs")),
		RDM:      rdm(build.get("type.hvm", "rdm")),
	}
}

// device reads what all devices have in common. The backend's name wins over
// its number, as in libxl.
func device(n *node) facts.DomainDevice {
	d := facts.DomainDevice{Line: n.line, Backend: text(n.get("backend_domname")).Value}
	if id := number(n.get("backend_domid")); d.Backend == "" && id.Value != 0 {
		d.Backend = strconv.FormatUint(id.Value, 10)
	}
	if n.kind != '{' {
		d.Bad = n.wrong("not an object")
	}
	return d
}

// choice returns an enumeration's word, or nothing. A value of the wrong kind
// makes the device bad.
func choice(d *facts.DomainDevice, n *node, spelt map[string]string) string {
	s := word(n, spelt)
	if s.IsBad() && d.Bad == "" {
		d.Bad = s.Bad
	}
	return s.Value
}

func disk(n *node) facts.DomainDisk {
	d := facts.DomainDisk{DomainDevice: device(n)}
	d.Target = text(n.get("pdev_path")).Value
	d.VDev = text(n.get("vdev")).Value
	d.Format = choice(&d.DomainDevice, n.get("format"), nil)
	d.BackendType = choice(&d.DomainDevice, n.get("backend"), nil)
	d.Specification = choice(&d.DomainDevice, n.get("specification"), nil)
	d.Script = text(n.get("script")).Value
	d.ReadOnly = !yes(n.get("readwrite"))
	d.CDROM = yes(n.get("is_cdrom"))
	d.DirectIO = yes(n.get("direct_io_safe"))
	d.Untrusted = !flag(n.get("trusted")).Or(true)
	for _, key := range []string{"colo_host", "colo_port", "colo_export", "active_disk", "hidden_disk"} {
		d.COLO = d.COLO || !absent(n.get(key))
	}
	d.COLO = d.COLO || yes(n.get("colo_enable")) || yes(n.get("colo_restore_enable"))
	return d
}

func nic(n *node) facts.DomainNIC {
	d := facts.DomainNIC{DomainDevice: device(n)}
	d.Type = choice(&d.DomainDevice, n.get("nictype"), map[string]string{"vif_ioemu": "ioemu"})
	d.Model = text(n.get("model")).Value
	d.Bridge = text(n.get("bridge")).Value
	d.Script = text(n.get("script")).Value
	d.Gateway = text(n.get("gatewaydev")).Value
	d.Untrusted = !flag(n.get("trusted")).Or(true)
	for key, value := range n.object {
		if len(key) > 4 && key[:4] == "colo" && !absent(value) {
			d.COLO = true
		}
	}
	return d
}

func pci(n *node) facts.DomainPCI {
	d := facts.DomainPCI{DomainDevice: device(n)}
	place := func(name string, limit int) int {
		v := count(n.get(name))
		if v > limit && d.Bad == "" {
			d.Bad = n.wrong("no PCI address: " + name + " is too large")
		}
		return v
	}
	function := strconv.Itoa(place("func", 7))
	if number(n.get("vfunc_mask")).Value == math.MaxUint32 {
		function = "*" // LIBXL_PCI_FUNC_ALL
	}
	address := fmt.Sprintf("%04x:%02x:%02x.%s", place("domain", 0xffff), place("bus", 0xff), place("dev", 0x1f), function)
	if d.Name = text(n.get("name")).Value; d.Name == "" && d.Bad == "" {
		d.Address = address
	}
	d.Permissive = yes(n.get("permissive"))
	d.RDMPolicy = choice(&d.DomainDevice, n.get("rdm_policy"), nil)
	return d
}

func vkb(n *node) facts.DomainVKB {
	d := facts.DomainVKB{DomainDevice: device(n)}
	d.BackendType = choice(&d.DomainDevice, n.get("backend_type"), nil)
	return d
}

func vdispl(n *node) facts.DomainVDispl {
	return facts.DomainVDispl{DomainDevice: device(n), BackendAlloc: yes(n.get("be_alloc"))}
}

func usbctrl(n *node) facts.DomainUSBCtrl {
	d := facts.DomainUSBCtrl{DomainDevice: device(n), Version: count(n.get("version")), Ports: count(n.get("ports"))}
	d.Type = choice(&d.DomainDevice, n.get("type"), nil)
	return d
}

func usbdev(n *node) facts.DomainUSBDev {
	d := facts.DomainUSBDev{DomainDevice: device(n), Controller: count(n.get("ctrl"))}
	if n.get("type.hostdev") != nil {
		d.Type = "hostdev"
	}
	return d
}

func p9(n *node) facts.DomainP9 {
	d := facts.DomainP9{DomainDevice: device(n)}
	d.Type = choice(&d.DomainDevice, n.get("type"), nil)
	d.Tag = text(n.get("tag")).Value
	d.Path = text(n.get("path")).Value
	d.SecurityModel = text(n.get("security_model")).Value
	return d
}

func channel(n *node) facts.DomainChannel {
	d := facts.DomainChannel{DomainDevice: device(n), Name: text(n.get("name")).Value}
	switch socket := n.get("connection.socket"); {
	case socket != nil:
		d.Connection, d.Path = "socket", text(socket.get("path")).Value
	case n.get("connection.pty") != nil:
		d.Connection = "pty"
	}
	return d
}

func virtio(n *node) facts.DomainVirtio {
	d := facts.DomainVirtio{DomainDevice: device(n), Type: text(n.get("type")).Value}
	d.Transport = choice(&d.DomainDevice, n.get("transport"), nil)
	if g := flag(n.get("grant_usage")); g.Given {
		d.GrantUsage = "no"
		if g.Value {
			d.GrantUsage = "yes"
		}
	}
	return d
}

// The lists that xl.cfg(5) writes in hexadecimal.

func iomem(n *node) string {
	s := hex(n.get("start")) + "," + hex(n.get("number"))
	if number(n.get("gfn")).Given {
		s += "@" + hex(n.get("gfn"))
	}
	return s
}

func ioports(n *node) string {
	s := hex(n.get("first"))
	if size := number(n.get("number")).Value; size > 1 {
		s += fmt.Sprintf("-%x", number(n.get("first")).Value+size-1)
	}
	return s
}

// rdm joins the strategy and the policy of reserved device memory.
func rdm(n *node) facts.Setting[string] {
	strategy, policy := word(n.get("strategy"), nil), word(n.get("policy"), nil)
	if !strategy.Given {
		return strategy
	}
	s := "strategy=" + strategy.Value
	if policy.Given {
		s += ",policy=" + policy.Value
	}
	return facts.Set(s, strategy.Line)
}
