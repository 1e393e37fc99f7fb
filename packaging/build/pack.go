package main

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

const (
	summary     = "Tell whether a host is supported by the Xen hypervisor"
	description = "tell whether a host is supported by the Xen hypervisor" + `
xencheck looks at a host (CPU, memory, IOMMU, firmware, interrupt controller)
and judges it row by row by the support statement of a release of the Xen
hypervisor: whether it is supported, and whether it is security supported.
.
It judges this host before a hypervisor is installed on it, and again every
week. It only reads, needs no network, and runs no other program.`
	homepage = "https://github.com/xencheck/xencheck"
)

// pack writes one package and returns its name.
func (s *stage) pack(kind string, t target, binary, out string) (string, error) {
	info := &nfpm.Info{
		Name: "xencheck", Arch: t.goarch, Platform: "linux", Version: s.release.version, VersionSchema: "none", Release: "1",
		Section: "admin", Priority: "optional", Maintainer: maintainer, Description: description, Homepage: homepage,
		License: "Apache-2.0", MTime: s.release.time, DisableGlobbing: true,
	}
	dir := filepath.Join(s.root, "packaging", "files")
	switch kind {
	case "deb":
		info.Release = "0upstream1" // below a distribution's own
		info.Deb.Arch = t.deb
		info.Deb.Compression = "xz"
		info.Depends = []string{"debconf (>= 0.5) | debconf-2.0"}
		info.Scripts = nfpm.Scripts{
			PostInstall: filepath.Join(dir, "deb", "postinst"),
			PreRemove:   filepath.Join(dir, "deb", "prerm"),
			PostRemove:  filepath.Join(dir, "deb", "postrm"),
		}
		info.Deb.Scripts.Config = filepath.Join(dir, "deb", "config")
		info.Deb.Scripts.Templates = filepath.Join(dir, "deb", "templates")
	case "rpm":
		info.RPM.Arch = t.rpm
		info.RPM.BuildHost = "localhost"
		info.RPM.Summary = summary
		info.RPM.Group = "System/Base"
		info.RPM.Compression = "xz"
		info.Depends = []string{"/bin/sh"} // of the scriptlets
		// Older ones take our line for a mistake, and dnf 5 then does nothing at all.
		info.Conflicts = []string{"libdnf5-plugin-actions < 5.2.11"}
		info.RPM.Signature.KeyFile = s.sign
		info.RPM.Signature.KeyPassphrase = os.Getenv("XENCHECK_SIGN_PASSPHRASE")
		info.Changelog = filepath.Join(s.work, rpmChangelog)
		info.Scripts = nfpm.Scripts{
			PostInstall: filepath.Join(dir, "rpm", "post"),
			PreRemove:   filepath.Join(dir, "rpm", "preun"),
			PostRemove:  filepath.Join(dir, "rpm", "postun"),
		}
	case "apk":
		info.APK.Arch = t.apk
		info.Version, info.Release = s.release.apk, "0"
		info.Description = summary // it has one line
	}
	for _, f := range append(s.files, file{source: binary, path: "/usr/bin/xencheck", mode: 0o755}) {
		if !f.in(kind) {
			continue
		}
		c := &files.Content{Source: f.source, Destination: f.path, FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: f.mode, MTime: s.release.time}}
		doc := strings.HasPrefix(f.path, "/usr/share/doc/") || strings.HasPrefix(f.path, "/usr/share/man/")
		switch {
		case f.ghost:
			c.Type = files.TypeRPMGhost
		case doc && kind == "rpm":
			c.Type = files.TypeRPMDoc
		case f.config:
			c.Type = files.TypeConfigNoReplace
		case f.license && kind == "rpm":
			c.Type = files.TypeRPMLicense
		}
		info.Contents = append(info.Contents, c)
	}
	if kind == "rpm" {
		// An rpm leaves directories behind that it does not name.
		for _, dir := range s.directories(kind) {
			info.Contents = append(info.Contents, &files.Content{Destination: dir, Type: files.TypeDir,
				FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: 0o755, MTime: s.release.time}})
		}
	}
	info = nfpm.WithDefaults(info)
	if err := nfpm.PrepareForPackager(info, kind); err != nil {
		return "", err
	}
	packager, err := nfpm.Get(kind)
	if err != nil {
		return "", err
	}
	name := packager.ConventionalFileName(info)
	f, err := os.Create(filepath.Join(out, name))
	if err != nil {
		return "", err
	}
	if err := packager.Package(info, f); err != nil {
		f.Close()
		return "", err
	}
	return name, f.Close()
}

// directories lists those of a package that not every system has.
func (s *stage) directories(kind string) []string {
	common := []string{"/", "/etc", "/usr/bin", "/usr/lib", "/usr/lib/systemd/system", "/usr/share", "/usr/share/doc", "/usr/share/licenses", "/usr/share/man/man1", "/var/lib"}
	var dirs []string
	for _, f := range s.files {
		if !f.in(kind) {
			continue
		}
		for dir := path.Dir(f.path); !slices.Contains(common, dir); dir = path.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// tarball writes the static binary with everything around it, below one
// directory, for systems without a package manager.
func (s *stage) tarball(t target, binary, out string) (string, error) {
	base := "xencheck-" + s.release.version + "-linux-" + t.goarch
	name := base + ".tar.gz"
	f, err := os.Create(filepath.Join(out, name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	zip := gzip.NewWriter(f)
	w := tar.NewWriter(zip)
	all := append(slices.Clone(s.files), file{source: binary, path: "/xencheck", mode: 0o755})
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.path, b.path) })
	for _, f := range all {
		if !f.in("tar") {
			continue
		}
		data, err := os.ReadFile(f.source)
		if err != nil {
			return "", err
		}
		// Without /usr it can be unpacked anywhere.
		name := base + strings.TrimPrefix(f.path, "/usr")
		if err := w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: name, Mode: int64(f.mode), Size: int64(len(data)), ModTime: s.release.time, Format: tar.FormatUSTAR,
		}); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if _, err := w.Write(data); err != nil {
			return "", err
		}
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return name, zip.Close()
}
