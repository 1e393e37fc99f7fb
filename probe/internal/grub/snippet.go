package grub

import "strings"

// Snippet is an entry of the Boot Loader Specification (Type #1), as GRUB's
// command blscfg of Fedora and its kin reads it. It always boots a Linux: the
// specification knows no hypervisor.
type Snippet struct {
	ID      string // name of the file without .conf, which default= may name
	Title   string
	Linux   string // the kernel
	Options string // its command line, as written
}

// ParseSnippet reads a file of the directory loader/entries: a key and its value
// in each line. Keys may come more than once; of the title the first counts,
// options add up.
func ParseSnippet(name string, text []byte) (Snippet, error) {
	s := Snippet{ID: strings.TrimSuffix(name, ".conf")}
	if len(text) > maxText {
		return s, ErrTooLarge
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		i := strings.IndexAny(line, " \t")
		if i < 0 || line[0] == '#' {
			continue
		}
		value := strings.TrimSpace(line[i:])
		switch line[:i] {
		case "title":
			if s.Title == "" {
				s.Title = value
			}
		case "linux":
			if s.Linux == "" {
				s.Linux = value
			}
		case "options":
			s.Options = strings.TrimSpace(s.Options + " " + value)
		}
	}
	return s, nil
}
