package procfs

import (
	"slices"
	"strings"
)

// Param is one word of a kernel command line.
type Param struct {
	Key   string // as written: root, iommu.passthrough
	Value string // without quotes
	Given bool   // an equals sign was there
}

// ParseCommandLine splits /proc/cmdline, or Xen's command line, into its
// words. Double quotes keep blanks together, around a value or around the
// whole word (Documentation/admin-guide/kernel-parameters.rst).
func ParseCommandLine(line string) []Param {
	var params []Param
	for word := range words(line) {
		word = strings.ReplaceAll(word, `"`, "")
		key, value, given := strings.Cut(word, "=")
		params = append(params, Param{key, value, given})
	}
	return params
}

// words yields the words of a command line as written.
func words(line string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := -1, false
		for i := 0; i <= len(line); i++ {
			if i == len(line) || blank(line[i]) && !quoted {
				if start >= 0 && !yield(line[start:i]) {
					return
				}
				start = -1
				continue
			}
			if start < 0 {
				start = i
			}
			if line[i] == '"' {
				quoted = !quoted
			}
		}
	}
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0 }

// Removed is what Redact puts in the place of a value.
const Removed = "(removed)"

// Redact returns a command line without what identifies the machine or opens
// it: UUIDs, serial numbers, MAC addresses, keys, passwords, tokens. Words
// stay in place, one blank apart; a file system LABEL stays readable.
func Redact(line string) string {
	var out []string
	for word := range words(line) {
		out = append(out, redactWord(word))
	}
	return strings.Join(out, " ")
}

func redactWord(word string) string {
	key, value, given := strings.Cut(word, "=")
	if secretShape(key) || secretPath(key) {
		return Removed
	}
	bare := strings.Trim(value, `"`)
	if !given || bare == "" || bare == Removed {
		return word
	}
	// root=UUID=…, rd.luks.name=UUID=…: what kind of name it is may stay.
	kept := ""
	for _, kind := range [...]string{"PARTUUID=", "UUID="} {
		if strings.HasPrefix(strings.ToUpper(bare), kind) {
			kept = kind
			break
		}
	}
	switch {
	case secretKey(key):
		kept = ""
	case kept != "", secretShape(bare), secretPath(bare), namesSecret(bare):
	default:
		return word
	}
	end := ""
	if strings.Count(key, `"`)%2 == 1 {
		end = `"` // the quote before the key was closed behind the value
	}
	return key + "=" + kept + Removed + end
}

// namesSecret recognises a value that says itself that it holds an identifier,
// or an address with a user's password in it.
func namesSecret(value string) bool {
	return strings.Contains(strings.ToUpper(value), "UUID") || strings.Contains(value, "://") && strings.Contains(value, "@")
}

// secretKey tells by a parameter's name that its value is nobody's business.
// The exceptions are plain settings that contain such a word.
func secretKey(key string) bool {
	key = strings.Trim(strings.ToLower(strings.ReplaceAll(key, "-", "_")), `"`)
	for _, plain := range [...]string{"passthrough", "bypass", "keyboard", "keymap", "keytable", "machine_type", "macro"} {
		key = strings.ReplaceAll(key, plain, "")
	}
	for _, secret := range [...]string{"uuid", "serial", "mac", "key", "pass", "token", "secret", "machine_id", "cred", "bootif"} {
		if strings.Contains(key, secret) {
			return true
		}
	}
	return false
}

// secretPath recognises names of devices that udev makes of serial numbers.
func secretPath(value string) bool {
	return strings.Contains(value, "/by-uuid/") || strings.Contains(value, "/by-partuuid/") || strings.Contains(value, "/by-id/")
}

// secretShape recognises a UUID, a MAC address or a machine ID anywhere in a
// value, whatever the key.
func secretShape(value string) bool {
	// Where digits end: everything between two other characters is one run.
	runs := strings.FieldsFunc(value, func(r rune) bool { return !isHex(r) && r != '-' && r != ':' })
	for _, run := range runs {
		groups := strings.FieldsFunc(run, func(r rune) bool { return r == '-' || r == ':' })
		sizes := make([]int, len(groups))
		pairs := 0
		for i, g := range groups {
			sizes[i] = len(g)
			if pairs++; len(g) != 2 {
				pairs = 0
			}
			if pairs == 6 || len(g) == 32 {
				return true
			}
		}
		for i := range sizes {
			if i+5 <= len(sizes) && slices.Equal(sizes[i:i+5], []int{8, 4, 4, 4, 12}) {
				return true
			}
		}
	}
	return false
}

func isHex(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
}
