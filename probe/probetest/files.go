package probetest

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Recording is the name of the file that holds a recorded machine.
const Recording = "machine.tar.gz"

// maxRecording bounds what one recording unpacks to, in bytes.
const maxRecording = 64 << 20

// Files returns the files whose paths match, of every machine below a
// directory, described or recorded. The keys are "machine: path".
func Files(dir string, match func(path string) bool) (map[string][]byte, error) {
	found := map[string][]byte{}
	described, err := All(dir)
	if err != nil {
		return nil, err
	}
	for _, m := range described {
		for name, b := range m.files {
			if match(name) {
				found[m.Name+": "+name] = b
			}
		}
	}
	recorded, err := filepath.Glob(filepath.Join(dir, "*", Recording))
	if err != nil {
		return nil, err
	}
	for _, file := range recorded {
		members, err := unpack(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for name, b := range members {
			if path, ok := strings.CutPrefix(name, "root"); ok && match(path) {
				found[filepath.Base(filepath.Dir(file))+": "+path] = b
			}
		}
	}
	return found, nil
}

// unpack reads the members of an archive.
func unpack(file string) (map[string][]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	members := map[string][]byte{}
	tr := tar.NewReader(io.LimitReader(zr, maxRecording))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		if err != nil {
			return nil, err
		}
		if members[h.Name], err = io.ReadAll(tr); err != nil {
			return nil, err
		}
	}
}
