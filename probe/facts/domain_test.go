package facts

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingJSON(t *testing.T) {
	type part struct {
		A Setting[bool]     `json:"a,omitzero"`
		B Setting[[]string] `json:"b,omitzero"`
		C Setting[uint64]   `json:"c,omitzero"`
	}
	for _, c := range []struct {
		in   part
		want string
	}{
		{part{}, `{}`},
		{part{A: Set(false, 3)}, `{"a":{"value":false,"line":3}}`},
		{part{B: Set([]string{}, 1), C: BadSetting[uint64]("no number", 2)}, `{"b":{"value":[],"line":1},"c":{"value":null,"line":2,"bad":"no number"}}`},
		{part{B: Set([]string{"<&>"}, 1)}, `{"b":{"value":["\u003c\u0026\u003e"],"line":1}}`},
	} {
		b, err := json.Marshal(c.in)
		if err != nil || string(b) != c.want {
			t.Errorf("%+v: %s, %v, want %s", c.in, b, err, c.want)
			continue
		}
		var back part
		if err := json.Unmarshal(b, &back); err != nil {
			t.Errorf("%s: %v", b, err)
		}
		if d := cmp.Diff(c.in, back); d != "" {
			t.Errorf("%s: %s", b, d)
		}
	}
}

func TestDamagedSettings(t *testing.T) {
	for _, in := range []string{`{}`, `{"value":null,"line":3}`, `{"value":true,"bad":"x"}`, `7`, `{"value":"x"}`} {
		var s Setting[bool]
		if err := json.Unmarshal([]byte(in), &s); err == nil {
			t.Errorf("%s was taken for %+v", in, s)
		}
	}
}

func TestSettingAnswers(t *testing.T) {
	if v, ok := Set(7, 1).Get(); v != 7 || !ok {
		t.Error("a given value is not returned")
	}
	if BadSetting[int]("x", 1).Or(5) != 5 || (Setting[int]{}).Or(5) != 5 || Set(0, 1).Or(5) != 0 {
		t.Error("the default stands for what was not given, and for nothing else")
	}
	if !BadSetting[int]("x", 1).IsBad() || BadSetting[int]("x", 1).IsZero() || !(Setting[int]{}).IsZero() {
		t.Error("bad and not given are not told apart")
	}
}
