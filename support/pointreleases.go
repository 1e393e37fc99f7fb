package support

import (
	_ "embed"
	"strings"
)

// pointReleasesText lists every release of Xen with the revision of SUPPORT.md
// that it shipped, from the tags RELEASE-* of Xen's repository.
//
//go:embed pointreleases.tsv
var pointReleasesText string

// PointReleaseInfo tells which statement a release of Xen shipped.
type PointReleaseInfo struct {
	Version      string `json:"version"`       // 4.18.5
	Date         string `json:"date"`          // of the tagged commit, YYYY-MM-DD
	Revision     string `json:"revision"`      // commit of the statement it shipped, abbreviated
	RevisionDate string `json:"revision_date"` // YYYY-MM-DD
}

// PointRelease returns which revision of the statement a release of Xen
// shipped, and whether the release is known. A suffix after MAJOR.MINOR.PATCH,
// as distributions add, is ignored.
func PointRelease(version string) (PointReleaseInfo, bool) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 3 {
		return PointReleaseInfo{}, false
	}
	end := 0
	for end < len(parts[2]) && isDigit(parts[2][end]) {
		end++
	}
	version = parts[0] + "." + parts[1] + "." + parts[2][:end]
	for line := range strings.Lines(pointReleasesText) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) == 4 && f[0] == version {
			return PointReleaseInfo{Version: f[0], Date: f[1], Revision: f[2], RevisionDate: f[3]}, true
		}
	}
	return PointReleaseInfo{}, false
}
