package mutant

import (
	"reflect"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
)

// observed is one fact by its place in a host.
type observed struct {
	path   string
	value  reflect.Value
	source string
	state  facts.State
}

// observedIn lists every fact of a host by its place: machine.arch, cpu.x86.vmx.
func observedIn(h *facts.Host) []observed { return walk(reflect.ValueOf(h).Elem(), "", nil) }

func walk(v reflect.Value, path string, into []observed) []observed {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return walk(v.Elem(), path, into)
		}
	case reflect.Struct:
		if strings.HasPrefix(v.Type().Name(), "Observed[") {
			return append(into, observed{path, v, v.FieldByName("Source").String(), facts.State(v.FieldByName("State").String())})
		}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			into = walk(v.Field(i), strings.TrimPrefix(path+"."+name, "."), into)
		}
	}
	return into
}
