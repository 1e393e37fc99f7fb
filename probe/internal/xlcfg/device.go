package xlcfg

import (
	"slices"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/discreet"
)

// device is a specification of KEY=VALUE parameters between commas while it is
// taken apart: each parameter that is asked for is taken out, and what remains
// in the end is unknown.
type device struct {
	params []param
	bad    string
}

type param struct {
	key, value string
	given      bool // an equals sign was there
}

func newDevice(spec string) *device {
	d := &device{}
	for word := range strings.SplitSeq(spec, ",") {
		word = strings.Trim(word, " \t\n")
		if word == "" {
			continue
		}
		key, value, given := strings.Cut(word, "=")
		d.params = append(d.params, param{strings.TrimRight(key, " \t"), strings.TrimLeft(value, " \t"), given})
	}
	return d
}

// take removes a parameter and returns its last value.
func (d *device) take(key string) (string, bool) {
	value, found := "", false
	d.params = slices.DeleteFunc(d.params, func(p param) bool {
		if p.key != key || !p.given {
			return false
		}
		value, found = p.value, true
		return true
	})
	return value, found
}

// text takes a parameter as text, without what identifies or opens anything.
func (d *device) text(key string) string {
	v, _ := d.take(key)
	return discreet.Text(v)
}

// flag takes a parameter as a C program reads numbers: 0 and no number are no.
func (d *device) flag(key string, otherwise bool) bool {
	if v, ok := d.take(key); ok {
		return leadingNumber(v) != 0
	}
	return otherwise
}

func (d *device) number(key string) int {
	v, _ := d.take(key)
	return leadingNumber(v)
}

// choice takes one of the known words; another makes the device bad.
func (d *device) choice(key string, known ...string) string {
	v, ok := d.take(key)
	if ok && !slices.Contains(known, v) {
		d.wrong("unknown " + key + " " + quote(v))
		return ""
	}
	return v
}

func (d *device) drop(keys ...string) {
	for _, k := range keys {
		d.take(k)
	}
}

func (d *device) wrong(why string) {
	if d.bad == "" {
		d.bad = why
	}
}

// rest ends the reading: what was not taken is unknown.
func (d *device) rest() facts.DomainDevice {
	out := facts.DomainDevice{Backend: d.text("backend"), Bad: d.bad}
	for _, p := range d.params {
		out.Unknown = append(out.Unknown, discreet.Text(p.key))
	}
	return out
}

// strict is rest for the devices whose unknown parameters xl refuses.
func (d *device) strict() facts.DomainDevice {
	out := d.rest()
	if out.Bad == "" && len(out.Unknown) > 0 {
		out.Bad = "unknown parameter " + quote(out.Unknown[0])
	}
	return out
}

// leadingNumber is C's atoi, at most ±2^31.
func leadingNumber(s string) int {
	s = strings.TrimLeft(s, " \t")
	n := 0
	if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		n = 1
	}
	n += span(s[n:], digit)
	v, _ := strconv.ParseInt(s[:n], 10, 32)
	return int(v)
}

// The specifications, each as its manual page has it.

func nic(spec string) facts.DomainNIC {
	d := newDevice(spec)
	n := facts.DomainNIC{
		Type: d.choice("type", "vif", "ioemu"), Model: d.text("model"), Bridge: d.text("bridge"),
		Script: d.text("script"), Gateway: d.text("gatewaydev"),
	}
	if old := d.text("netdev"); n.Gateway == "" {
		n.Gateway = old
	}
	if v, ok := d.take("trusted"); ok {
		n.Untrusted = leadingNumber(v) == 0
	}
	d.params = slices.DeleteFunc(d.params, func(p param) bool {
		colo := p.key == "forwarddev" || strings.HasPrefix(p.key, "colo_")
		if p.key == "trusted" || p.key == "untrusted" {
			n.Untrusted = p.key == "untrusted"
			return true
		}
		n.COLO = n.COLO || colo
		return colo
	})
	d.drop("mac", "ip", "vifname", "rate", "accel", "devid", "mtu", "vlan", "hwaddr")
	n.DomainDevice = d.rest()
	return n
}

// pci reads a PCI device (xl-pci-configuration(5)): an address first, or as
// bdf=, or the name pci-assignable-add gave it.
func pci(spec string, permissive bool) facts.DomainPCI {
	d := newDevice(spec)
	var out facts.DomainPCI
	out.Name = d.text("name")
	address, named := d.take("bdf")
	if !named && len(d.params) > 0 && !d.params[0].given {
		address = d.params[0].key
		d.params = d.params[1:]
	}
	if out.Name == "" || address != "" {
		a, ok := pciAddress(address)
		if !ok {
			d.wrong("no PCI address: " + quote(address))
		}
		out.Address = a
	}
	out.Permissive = d.flag("permissive", permissive)
	out.RDMPolicy = d.choice("rdm_policy", "strict", "relaxed")
	d.drop("vslot", "seize", "msitranslate", "power_mgmt")
	out.DomainDevice = d.rest()
	return out
}

// pciAddress brings [DDDD:]BB:DD.F[@SLOT] into one form.
func pciAddress(s string) (string, bool) {
	s, _, _ = strings.Cut(s, "@")
	place, function, ok := strings.Cut(s, ".")
	parts := strings.Split(place, ":")
	if len(parts) == 2 {
		parts = append([]string{"0"}, parts...)
	}
	if !ok || len(parts) != 3 {
		return "", false
	}
	for i, bits := range [...]int{16, 8, 5} {
		v, err := strconv.ParseUint(parts[i], 16, bits)
		if err != nil {
			return "", false
		}
		width := 2
		if i == 0 {
			width = 4
		}
		parts[i] = strconv.FormatUint(v+1<<(4*width), 16)[1:]
	}
	if f, err := strconv.ParseUint(function, 16, 3); err == nil {
		function = strconv.FormatUint(f, 16)
	} else if function != "*" {
		return "", false
	}
	return strings.Join(parts, ":") + "." + function, true
}

func vfb(spec string) facts.DomainDevice {
	d := newDevice(spec)
	d.drop("vnc", "vnclisten", "vncpasswd", "vncdisplay", "vncunused", "keymap", "sdl", "opengl", "display", "xauthority")
	return d.rest()
}

func vkb(spec string) facts.DomainVKB {
	d := newDevice(spec)
	v := facts.DomainVKB{BackendType: d.choice("backend-type", "qemu", "linux")}
	if v.BackendType == "" {
		d.wrong("no backend-type")
	}
	d.drop("unique-id", "feature-disable-keyboard", "feature-disable-pointer", "feature-abs-pointer", "feature-raw-pointer",
		"feature-multi-touch", "multi-touch-width", "multi-touch-height", "multi-touch-num-contacts", "width", "height")
	v.DomainDevice = d.strict()
	return v
}

func vdispl(spec string) facts.DomainVDispl {
	d := newDevice(spec)
	v := facts.DomainVDispl{BackendAlloc: d.flag("be-alloc", false)}
	if c, _ := d.take("connectors"); c == "" {
		d.wrong("no connectors")
	}
	v.DomainDevice = d.strict()
	return v
}

// vsnd reads a sound card: a list of items, of which the one that begins with
// card names the backend.
func vsnd(v Value) facts.DomainDevice {
	var out facts.DomainDevice
	for _, item := range v.Items {
		head, params, _ := strings.Cut(item.Text, ",")
		switch kind := strings.ToLower(strings.TrimSpace(head)); {
		case item.List:
			out.Bad = "a list where text is expected"
		case kind == "card":
			d := newDevice(params)
			d.drop("short-name", "long-name", "sample-rates", "sample-formats", "channels-min", "channels-max", "buffer-size")
			out = d.strict()
		case kind != "pcm" && kind != "stream":
			out.Bad = "unknown item " + quote(head)
		}
	}
	return out
}

func usbctrl(spec string) facts.DomainUSBCtrl {
	d := newDevice(spec)
	c := facts.DomainUSBCtrl{
		Type:    d.choice("type", "auto", "pv", "qusb", "devicemodel"),
		Version: d.number("version"), Ports: d.number("ports"),
	}
	c.DomainDevice = d.strict()
	return c
}

func usbdev(spec string) facts.DomainUSBDev {
	d := newDevice(spec)
	u := facts.DomainUSBDev{Type: d.choice("type", "hostdev"), Controller: d.number("controller")}
	d.drop("hostbus", "hostaddr", "port")
	u.DomainDevice = d.strict()
	return u
}

func p9(spec string) facts.DomainP9 {
	d := newDevice(spec)
	p := facts.DomainP9{
		Type: d.choice("type", "qemu", "xen_9pfsd"),
		Tag:  d.text("tag"), Path: d.text("path"), SecurityModel: d.text("security_model"),
	}
	d.drop("max_space", "max_files", "max_open_files", "auto_delete")
	if p.Path == "" || p.Tag == "" {
		d.wrong("no tag or no path")
	}
	p.DomainDevice = d.strict()
	return p
}

func vtpm(spec string) facts.DomainDevice {
	d := newDevice(spec)
	d.drop("uuid")
	out := d.strict()
	if out.Bad == "" && out.Backend == "" {
		out.Bad = "no backend"
	}
	return out
}

func pvcalls(spec string) facts.DomainDevice { return newDevice(spec).strict() }

func channel(spec string) facts.DomainChannel {
	d := newDevice(spec)
	c := facts.DomainChannel{Connection: d.choice("connection", "pty", "socket"), Name: d.text("name"), Path: d.text("path")}
	switch {
	case c.Connection == "":
		d.wrong("no connection")
	case c.Connection == "socket" && c.Path == "":
		d.wrong("no path for the socket")
	}
	c.DomainDevice = d.rest()
	return c
}

// virtio reads a virtio device, whose type contains a comma: type=virtio,device22.
func virtio(spec string) facts.DomainVirtio {
	d := newDevice(spec)
	v := facts.DomainVirtio{Type: d.text("type"), Transport: d.choice("transport", "mmio", "pci"), GrantUsage: d.text("grant_usage")}
	switch v.GrantUsage {
	case "1", "True", "true":
		v.GrantUsage = "yes"
	case "0", "False", "false":
		v.GrantUsage = "no"
	}
	d.params = slices.DeleteFunc(d.params, func(p param) bool {
		class := !p.given && strings.HasPrefix(p.key, "device")
		if class {
			v.Type += "," + p.key
		}
		return class
	})
	v.DomainDevice = d.strict()
	return v
}
