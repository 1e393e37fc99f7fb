package probe

// initEnviron is the environment of the first process, by which some container
// managers tell that they are there.
const initEnviron = "/proc/1/environ"

// Early holds what a process that is confined by Landlock may no longer read:
// what belongs to processes outside of its domain (landlock(7), on ptrace(2)).
type Early struct {
	environ []byte
	err     error
}

// ReadEarly reads it. The bytes are looked at later.
func ReadEarly() *Early {
	b, err := liveRoot{}.ReadFile(initEnviron, textFile)
	return &Early{b, err}
}
