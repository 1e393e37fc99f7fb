package probe

// Open returns what a captured tree or an archive written by [WriteRaw] holds,
// for [Options.FS]. Whole is true when what it does not hold was not there
// either, as on the running machine, which [Options.FSLive] then says.
func Open(name string) (root Root, whole bool, err error) {
	root, err = openCaptured(name)
	if err != nil {
		return nil, false, err
	}
	if r, ok := root.(*replayRoot); ok {
		whole = r.live
	}
	return root, whole, nil
}
