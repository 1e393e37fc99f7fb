package xlcfg

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
)

func TestDisk(t *testing.T) {
	type d = facts.DomainDisk
	bad := func(why string) d { return d{DomainDevice: facts.DomainDevice{Bad: why}} }
	for _, c := range []struct {
		in   string
		want d
	}{
		{"/dev/vg/guest,raw,xvda,rw", d{Target: "/dev/vg/guest", Format: "raw", VDev: "xvda"}},
		{"/dev/vg/guest,,hda", d{Target: "/dev/vg/guest", Format: "raw", VDev: "hda"}},
		{"format=raw, vdev=hda, access=ro, target=/img,with,commas", d{Target: "/img,with,commas", Format: "raw", VDev: "hda", ReadOnly: true}},
		{"/img.qcow2,qcow2,hda,r", d{Target: "/img.qcow2", Format: "qcow2", VDev: "hda", ReadOnly: true}},
		{"/cd.iso,,hdc,cdrom", d{Target: "/cd.iso", Format: "raw", VDev: "hdc", CDROM: true, ReadOnly: true}},
		{",,hdc,,cdrom", d{Format: "empty", VDev: "hdc", CDROM: true, ReadOnly: true}},
		{",hdc:cdrom,r", d{Format: "empty", VDev: "hdc", CDROM: true, ReadOnly: true}},
		{"backendtype=qdisk,format=vhd,vdev=xvdb,target=/x", d{Target: "/x", Format: "vhd", VDev: "xvdb", BackendType: "qdisk"}},
		{"vdev=xvda,backend=storage,script=block-iscsi,target=iqn.2001-05.com:disk", d{DomainDevice: facts.DomainDevice{Backend: "storage"},
			Target: "iqn.2001-05.com:disk", Format: "raw", VDev: "xvda", Script: "block-iscsi"}},
		{"specification=virtio,vdev=vda,target=/x", d{Target: "/x", Format: "raw", VDev: "vda", Specification: "virtio"}},
		{"vdev=xvda,colo,colo-host=h,colo-port=9,colo-export=qdisk1,active-disk=/a,hidden-disk=/h,target=/x", d{Target: "/x", Format: "raw", VDev: "xvda", COLO: true}},
		{"untrusted,direct-io-safe,no-discard,/x,raw,xvda", d{Target: "/x", Format: "raw", VDev: "xvda", Untrusted: true, DirectIO: true}},

		{"phy:/dev/vg/x,hda,w", d{Target: "/dev/vg/x", Format: "raw", VDev: "hda", Prefix: "phy:"}},
		{"file:/a.iso,hdc:cdrom,r", d{Target: "/a.iso", Format: "raw", VDev: "hdc", Prefix: "file:", CDROM: true, ReadOnly: true}},
		{"tap:aio:/a.img,xvda,w", d{Target: "/a.img", Format: "raw", VDev: "xvda", Prefix: "tap:aio:"}},
		{"tap:qcow2:/a,xvda,w", d{Target: "/a", Format: "qcow2", VDev: "xvda", Prefix: "tap:qcow2:"}},
		{"nbd:server:10809,xvda,w", d{Target: "server:10809", Format: "raw", VDev: "xvda", Prefix: "nbd:", Script: "block-nbd"}},
		{"rbd:pool/img:id=a:key=S3CR3T,raw,xvda", bad(`unknown parameter "rbd:pool/img:id"`)},
		{"vdev=xvda,target=rbd:pool/img:key=S3CR3T", d{Target: "rbd:pool/img:key=(removed)", Format: "raw", VDev: "xvda"}},

		{"", bad("no vdev")},
		{"/x,raw", d{DomainDevice: facts.DomainDevice{Bad: "no vdev"}, Target: "/x", Format: "raw"}},
		{"vdev=xvda", d{DomainDevice: facts.DomainDevice{Bad: "no target"}, VDev: "xvda"}},
		{"/x,xvda", d{DomainDevice: facts.DomainDevice{Bad: `unknown format "xvda"`}, Target: "/x"}},
		{"/x,raw,xvda,w,more", d{DomainDevice: facts.DomainDevice{Bad: "too many parameters without a key"}, Target: "/x", Format: "raw", VDev: "xvda"}},
		{"vdev=xvda,vdev=xvdb,target=/x", d{DomainDevice: facts.DomainDevice{Bad: "vdev given twice"}, VDev: "xvda"}},
		{"http://host/x,raw,xvda", bad(`unknown prefix "http"`)},
		{"format=vmdk,vdev=xvda,target=/x", bad(`unknown format "vmdk"`)},
	} {
		if d := cmp.Diff(c.want, disk(c.in)); d != "" {
			t.Errorf("%q: %s", c.in, d)
		}
	}
}
