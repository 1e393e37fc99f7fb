package probe

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xencheck/xencheck/probe/facts"
)

const webConfig = `# a guest
name = "web"
type = "hvm"
uuid = "` + hostUUID + `"
memory = 2048
vif = [ 'mac=00:16:3e:01:02:03,bridge=xenbr0' ]
vncpasswd = "` + hostSerial + `"
`

// names lists the domains of a host with their files.
func names(h *facts.Host) []string {
	var out []string
	for _, d := range h.Domains.Value {
		out = append(out, d.Name.Value+" "+filepath.Base(d.Source))
	}
	return out
}

// Configurations that were given, that are kept in Xen's directories, and those
// of running domains; an archive gives them again, without what they hide.
func TestConfiguredDomains(t *testing.T) {
	dir := t.TempDir()
	given := filepath.Join(dir, "given.cfg")
	if err := os.WriteFile(given, []byte(strings.ReplaceAll(webConfig, `"web"`, `"given"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "list.json")
	if err := os.WriteFile(list, []byte(`[{"domid":4,"config":{"c_info":{"type":"pv","name":"listed"}}},{"domid":5,"config":{"c_info":{"type":"pvh","name":"second"}}}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	m := answering(t).with(machine{
		xenEtc + "/web.cfg": webConfig, xenEtc + "/auto/web.cfg": webConfig, xenEtc + "/auto/10-db": strings.ReplaceAll(webConfig, `"web"`, `"db"`),
		xenEtc + "/xl.conf~": "name=\"no\"\n", xenEtc + "/broken.cfg": "name = \"broken\"\nmemory = [\n", xenEtc + "/cpupool": "name=\"pool\"\n",
	})
	for name, test := range map[string]struct {
		options Options
		want    []string
	}{
		"running alone":     {Options{}, []string{"web userdata-d.1.uuid.libxl-json"}},
		"with directories":  {Options{DomainDirs: true}, []string{"web userdata-d.1.uuid.libxl-json", "broken broken.cfg", "web web.cfg", "db 10-db"}},
		"with given ones":   {Options{Domains: []string{given, list}}, []string{"given given.cfg", "listed list.json", "second list.json", "web userdata-d.1.uuid.libxl-json"}},
		"the other machine": {Options{Anonymous: true}, []string{"web userdata-d.1.uuid.libxl-json"}},
	} {
		t.Run(name, func(t *testing.T) {
			b, h := raw(t, m.root(), test.options)
			if diff := cmp.Diff(test.want, names(h)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			members, _ := unpack(bytes.NewReader(b))
			for member, content := range members {
				for _, secret := range []string{hostUUID, hostSerial, "00:16:3e:01"} {
					if bytes.Contains(content, []byte(secret)) || strings.Contains(member, secret) {
						t.Errorf("%s holds %q", member, secret)
					}
				}
			}
			again := replayed(t, save(t, b))
			want := names(h)
			if test.options.DomainDirs {
				again = must(t, Options{Root: save(t, b), DomainDirs: true, Now: noon})
			}
			for i := range want {
				want[i], _, _ = strings.Cut(want[i], " ") // given files have another name there
			}
			var got []string
			for _, n := range names(again) {
				n, _, _ = strings.Cut(n, " ")
				got = append(got, n)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("replay (-want +got):\n%s", diff)
			}
		})
	}

	// On a host without Xen, domains can be given all the same.
	_, h := raw(t, intelServer().root(), Options{Domains: []string{given}})
	if diff := cmp.Diff([]string{"given given.cfg"}, names(h)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if h := collectLive(t, intelServer().root()); h.Domains.State != facts.Unread || h.Running.State != facts.Unread || h.Userspace != nil {
		t.Errorf("a bare host has domains: %+v, %+v", h.Domains, h.Running)
	}
}

func must(t *testing.T, o Options) *facts.Host {
	t.Helper()
	h, err := Collect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestPublicName(t *testing.T) {
	for name, want := range map[string]string{
		libxlData + "/userdata-d.7." + hostUUID + ".libxl-json": libxlData + "/userdata-d.7.uuid.libxl-json",
		libxlData + "/xenstored":                                libxlData + "/xenstored",
		"/etc/passwd":                                           "/etc/passwd",
		callVersion:                                             callVersion,
	} {
		if got := publicName(name); got != want || publicName(got) != got {
			t.Errorf("%s becomes %s, want %s", name, got, want)
		}
	}
}

// The form in which an archive keeps configurations gives the same ones.
func FuzzRedactedDomains(f *testing.F) {
	f.Add([]byte(webConfig))
	f.Add([]byte(`{"c_info":{"type":"pv","name":"x"}}`))
	f.Add([]byte(`[{"domid":4,"config":{"c_info":{"name":"a"}}},`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		first, _ := parseDomains(b)
		kept := redactDomains(b)
		again, _ := parseDomains(kept)
		if len(first) != len(again) {
			t.Fatalf("%d domains become %d", len(first), len(again))
		}
		if !bytes.Equal(redactDomains(kept), kept) {
			t.Fatalf("keeping twice differs from once: %s, %s", kept, redactDomains(kept))
		}
	})
}
