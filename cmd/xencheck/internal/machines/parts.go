package machines

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// PartSet is some packages of one Debian suite and what is kept of them.
type PartSet struct {
	Name  string
	Suite string // bookworm, trixie
	Arch  string // as Debian spells it: amd64, arm64, armhf
	// Packages are downloaded. One with a Glob stands for that package among
	// its dependencies which the glob matches: linux-image-amd64 names no
	// kernel, it depends on one.
	Packages []Package
	Keep     []Keep
	text     string // as written, to tell when a stored set is out of date
}

// Package is a package to download.
type Package struct{ Name, Glob string }

// Keep is a file, or several, to take out of the packages.
type Keep struct {
	As     string // its name in the set; ends with a slash for several files
	Glob   string // where it is, as path.Match spells it
	Unpack bool   // it is compressed by gzip and is needed as it was before
}

// ReadParts reads the file that lists the sets.
func ReadParts(name string) (map[string]PartSet, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	sets, err := parseParts(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", filepath.Base(name), err)
	}
	return sets, nil
}

func parseParts(text string) (map[string]PartSet, error) {
	sets := map[string]PartSet{}
	var s PartSet
	for _, l := range readLines(text) {
		words := strings.Fields(l.rest)
		wrong := fmt.Errorf("%d: %q makes no sense", l.number, l.word+" "+l.rest)
		if l.word != "set" && s.Name == "" {
			return nil, fmt.Errorf("%d: there is no set yet", l.number)
		}
		switch {
		case l.word == "set" && len(words) == 3:
			if _, twice := sets[words[0]]; twice {
				return nil, fmt.Errorf("%d: there are two sets %q", l.number, words[0])
			}
			s = PartSet{Name: words[0], Suite: words[1], Arch: words[2]}
		case l.word == "package" && len(words) > 0:
			for _, w := range words {
				s.Packages = append(s.Packages, Package{Name: w})
			}
		case l.word == "dependency" && len(words) == 2:
			s.Packages = append(s.Packages, Package{Name: words[0], Glob: words[1]})
		case (l.word == "keep" || l.word == "unpack") && len(words) == 2:
			if _, err := path.Match(words[1], ""); err != nil {
				return nil, wrong
			}
			s.Keep = append(s.Keep, Keep{As: words[0], Glob: words[1], Unpack: l.word == "unpack"})
		default:
			return nil, wrong
		}
		s.text += l.word + " " + l.rest + "\n"
		sets[s.Name] = s
	}
	return sets, nil
}
