package machines

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Agree compares two looks at one machine and says where they contradict each
// other. The second may know less: what is unknown there contradicts nothing,
// and a range there may be wider. Paths in except are left out, with all below.
func Agree(first, second any, except ...string) []string {
	var out []string
	agree("", first, second, except, &out)
	return out
}

func agree(path string, first, second any, except []string, out *[]string) {
	if slices.Contains(except, path) {
		return
	}
	below := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	a, before := opened(first, "")
	b, after := opened(second, "")
	certain := func(state string) bool { return state == "known" || state == "absent" }
	if before != "" || after != "" {
		if !certain(before) || !certain(after) {
			return
		}
		if before != after {
			*out = append(*out, fmt.Sprintf("%s is %s, then %s", path, Show(a, before), Show(b, after)))
			return
		}
	}
	low, high, ok := interval(a)
	wideLow, wideHigh, ok2 := interval(b)
	if ok && ok2 {
		if wideLow > low || wideHigh < high {
			*out = append(*out, fmt.Sprintf("%s is %s, then %s", path, Show(a, "known"), Show(b, "known")))
		}
		return
	}
	x, isMap := a.(map[string]any)
	y, isMap2 := b.(map[string]any)
	if isMap && isMap2 {
		for _, name := range sorted(x) {
			if other, has := y[name]; has && name != "source" {
				agree(below(name), x[name], other, except, out)
			}
		}
		return
	}
	list, isList := a.([]any)
	list2, isList2 := b.([]any)
	if isList && isList2 && len(list) == len(list2) {
		for i := range list {
			agree(below(strconv.Itoa(i)), list[i], list2[i], except, out)
		}
		return
	}
	name := path[strings.LastIndex(path, ".")+1:]
	if (name == "cpus" || name == "count") && Show(b, "known") == "0" {
		return
	}
	if s, t := Show(a, "known"), Show(b, "known"); s != t {
		*out = append(*out, fmt.Sprintf("%s is %s, then %s", path, s, t))
	}
}
