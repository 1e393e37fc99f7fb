package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/tables"
	"github.com/xencheck/xencheck/rules"
)

// mixedFleet writes what fleets hand in: the machines of testdata/hosts, most of
// them more than once, of any age and out of order, without names, without
// times, and damaged.
func mixedFleet(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(hostsDir, "*", "expected.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no machines in %s: %v", hostsDir, err)
	}
	r := rand.New(rand.NewPCG(5, 5))
	var lines []string
	for i, file := range files {
		h := collectHost(t, hostOf(t, filepath.Dir(file)))
		for range 1 + r.IntN(5) {
			c := *h
			c.Name = fmt.Sprintf("host%d", r.IntN(len(files))) // also of another machine, as of one that was replaced
			at := time.Date(2026, 1, 1+r.IntN(4), 0, 0, r.IntN(2), r.IntN(2)*5e8, time.UTC)
			c.CollectedAt = &at
			switch r.IntN(12) {
			case 0:
				c.Name = ""
			case 1:
				c.CollectedAt = nil
			case 2:
				at = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
			case 3:
				at = time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)
			case 4:
				c.Name = "</script>\x1b[1m," + strconv.Itoa(i%3)
			}
			b, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(b))
		}
		switch i % 20 {
		case 7:
			lines = append(lines, lines[len(lines)-1][:500])
		case 11:
			lines = append(lines, `{"schema":9,"machine":{}}`, "noise")
		}
	}
	r.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
	name := filepath.Join(t.TempDir(), "fleet.ndjson")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// fleetRecord is a record as the table has it: a row for each release.
type fleetRecord struct {
	rows  []map[string]string
	error string
}

// The table has every record; what the summary, the page, the database's tables
// and the stream say can be counted from it, by other means, and is the same.
func TestFleetAddsUp(t *testing.T) {
	input, dir := mixedFleet(t), t.TempDir()
	asked := []string{"4.12", "4.22", "auto"}
	for _, filter := range [][]string{nil, {"--where", "arch~arm"}, {"--only", "outside,not-security-supported"}} {
		t.Run(strings.Join(filter, " "), func(t *testing.T) {
			fleet := func(format string, args ...string) string {
				t.Helper()
				s, out, errs := fake(map[string]string{"LANG": "C.UTF-8"})
				if code := run(slices.Concat([]string{"fleet", "--at", "2026-11-21", "--xen", strings.Join(asked, ","), "--format", format}, filter, args, []string{input}), s); code != report.ExitUsage {
					t.Fatalf("exit code %d: %s", code, errs)
				}
				return out.String()
			}
			html, hosts := filepath.Join(dir, "fleet.html"), filepath.Join(dir, "fleet.parquet")
			var sum report.Fleet
			if err := json.Unmarshal([]byte(fleet("json", "--html", html, "--parquet", hosts)), &sum); err != nil {
				t.Fatal(err)
			}
			records := tableOf(t, fleet("csv"))
			counted := newestOf(t, input, records)

			verdicts, lowered := map[string]int{}, map[string]int{}
			for _, r := range counted {
				for i, row := range r.rows {
					verdicts[fmt.Sprint(asked[i], " ", row["release"], " ", row["revision"], " ", row["verdict"])]++
					names := strings.Split(row["rows"], "; ")
					slices.Sort(names)
					for _, name := range slices.Compact(names) {
						if name != "" {
							lowered[asked[i]+" "+name]++
						}
					}
				}
			}
			same := func(what string, want, got any) {
				t.Helper()
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s (-counted +said):\n%s", what, d)
				}
			}
			same("hosts", len(counted), sum.Hosts)
			same("records", sum.Records, sum.Hosts+sum.LeftOut+sum.Older+sum.Bad)
			said, lowers := map[string]int{}, map[string]int{}
			for _, v := range sum.Verdicts {
				for g, n := range v.Grades {
					st := sum.Statements[v.Statement]
					said[fmt.Sprint(asked[v.Asked], " ", st.Release, " ", st.Revision, " ", g)] = n
				}
			}
			same("verdicts", verdicts, said)
			for _, h := range slices.Concat(sum.Hurts, sum.Unknown) {
				name := h.Key
				if name == "" {
					name = h.Title
				}
				if h.Domains {
					name = "domains: " + name
				}
				for i, n := range h.ByAsked {
					if n > 0 {
						lowers[asked[i]+" "+name] += n
					}
				}
			}
			same("rows", lowered, lowers)
			kinds, groups := map[string]int{}, map[string]int{}
			for _, r := range counted {
				kinds[r.rows[0]["hardware"]]++
			}
			for _, g := range sum.Hardware {
				groups[g.Name] = g.Hosts
			}
			same("hardware", kinds, groups)
			xens, horizons := map[string]int{}, map[string]int{}
			for _, r := range counted {
				xens[r.rows[0]["xen"]]++
			}
			for _, h := range sum.Horizons {
				horizons[h.Release] += h.Hosts
			}
			same("Xen", xens, horizons)

			same("page", pageVerdicts(verdicts), countPage(t, html))
			rows, err := parquet.ReadFile[tables.Host](hosts)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, r := range records {
				for _, row := range r.rows {
					if d := cmp.Diff([]string{row["release"], row["revision"], row["verdict"], row["exit_code"], row["error"]},
						[]string{rows[n].Release, rows[n].Revision, rows[n].Grade, exitCell(rows[n]), rows[n].Error}); d != "" {
						t.Fatalf("row %d of the database's table: %s", n, d)
					}
					n++
				}
			}
			same("rows of the database's table", n, len(rows))
			findings, err := parquet.ReadFile[tables.Finding](filepath.Join(dir, "fleet.findings.parquet"))
			if err != nil {
				t.Fatal(err)
			}
			inTable, inFindings := 0, 0
			for _, r := range records {
				for _, row := range r.rows {
					for _, name := range strings.Split(row["rows"], "; ") {
						if name != "" && !strings.HasPrefix(name, "domains: ") {
							inTable++
						}
					}
				}
			}
			for _, f := range findings {
				if f.Lowers {
					inFindings++
				}
			}
			same("findings", inTable, inFindings)
			sameStream(t, records, fleet("ndjson"))
			sameText(t, &sum, fleet("summary", "--width", "500"))
		})
	}
}

// How many hosts each waiver concerns is what counting their reports comes to,
// whether the summary alone is asked for, or reports are made for the page too;
// what is waived is counted as if it were not.
func TestFleetWaiversAddUp(t *testing.T) {
	input, dir := mixedFleet(t), t.TempDir()
	config, html := filepath.Join(dir, "waivers.toml"), filepath.Join(dir, "fleet.html")
	var text strings.Builder
	for _, w := range []struct{ what, expires string }{
		{`rule = "host-memory"`, "2026-11-21"}, {`rule = "host-cpus"`, "2026-11-20"}, {`row = "arm-v8--cortex-a57-r0p0-r1p1"`, "2099-01-01"}, {`rule = "release"`, "2099-01-01"}, {`row = "no-such-row"`, "2099-01-01"},
	} {
		fmt.Fprintf(&text, "[[waiver]]\n%s\nreason = \"known\"\nowner = \"ops\"\nexpires = %q\n", w.what, w.expires)
	}
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := []string{"4.12", "4.22"}
	fleet := func(config, format string, args ...string) string {
		t.Helper()
		s, out, errs := fake(map[string]string{"LANG": "C.UTF-8", "XENCHECK_CONFIG": config})
		if !slices.Contains(args, "--xen") {
			args = append(args, "--xen", strings.Join(asked, ","))
		}
		if code := run(slices.Concat([]string{"fleet", "--at", "2026-11-21", "--format", format}, args, []string{input}), s); code != report.ExitUsage {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		return out.String()
	}
	summary := func(config string, args ...string) (f report.Fleet) {
		t.Helper()
		if err := json.Unmarshal([]byte(fleet(config, "json", args...)), &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	brief, full := summary(config), summary(config, "--html", html)
	if d := cmp.Diff(brief, full); d != "" {
		t.Errorf("with a page the summary is another (-without +with):\n%s", d)
	}
	nothing := filepath.Join(dir, "empty.toml")
	if err := os.WriteFile(nothing, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	plain := summary(nothing)
	if d := cmp.Diff(plain.Hurts, brief.Hurts); d != "" {
		t.Errorf("waiving changes what hurts (-without waivers +with):\n%s", d)
	}

	records := tableOf(t, fleet(config, "csv"))
	lines := make([][]string, len(asked))
	for k, release := range asked {
		lines[k] = strings.Split(fleet(config, "ndjson", "--xen", release), "\n")
	}
	counts := map[string]bool{}
	for _, r := range newestOf(t, input, records) {
		counts[r.rows[0]["line"]] = true
	}
	hosts, byAsked := make([]int, 5), make([][]int, 5)
	for i := range hosts {
		byAsked[i] = make([]int, len(asked))
		for n, r := range records {
			if !counts[r.rows[0]["line"]] {
				continue
			}
			any := 0
			for k := range asked {
				one, err := report.Decode([]byte(lines[k][n]))
				if err != nil {
					t.Fatal(err)
				}
				if one.Waivers[i].State == rules.WaiverUsed {
					any = 1
					byAsked[i][k]++
				}
			}
			hosts[i] += any
		}
	}
	onPage := countWaivers(t, html)
	for i, state := range []rules.WaiverState{rules.WaiverUsed, rules.WaiverExpired, rules.WaiverUsed, rules.WaiverUsed, rules.WaiverUnused} {
		w := brief.Waivers[i]
		if w.State != state || w.Hosts != hosts[i] || (w.Hosts > 0) != (state == rules.WaiverUsed) || onPage[i] != hosts[i] {
			t.Errorf("waiver %d: %s on %d hosts, and %d on the page; want %s on %d", i, w.State, w.Hosts, onPage[i], state, hosts[i])
		}
		if d := cmp.Diff(byAsked[i], w.ByAsked); d != "" {
			t.Errorf("waiver %d by release: %s", i, d)
		}
	}
}

// countWaivers counts the hosts of a page that each waiver concerns.
func countWaivers(t *testing.T, name string) []int {
	t.Helper()
	var d struct {
		Waivers  []struct{ Name string }
		Verdicts []struct{ X []int }
		Hosts    struct{ V [][]int }
	}
	pageData(t, name, &d)
	n := make([]int, len(d.Waivers))
	for host := range d.Hosts.V[0] {
		for k := range n {
			if slices.ContainsFunc(d.Hosts.V, func(column []int) bool { return slices.Contains(d.Verdicts[column[host]].X, k) }) {
				n[k]++
			}
		}
	}
	return n
}

// pageData reads what the script of a page reads.
func pageData(t *testing.T, name string, data any) {
	t.Helper()
	html, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(html), `id="data">`)
	body, _, _ := strings.Cut(rest, "</script>")
	if err := json.Unmarshal([]byte(body), data); err != nil {
		t.Fatal(err)
	}
}

// tableOf reads a table and puts the rows of a record together.
func tableOf(t *testing.T, text string) (records []fleetRecord) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, cells := range rows[1:] {
		row := map[string]string{}
		for i, c := range cells {
			row[rows[0][i]] = c
		}
		if at := row["line"]; at != last {
			records, last = append(records, fleetRecord{error: row["error"]}), at
		}
		r := &records[len(records)-1]
		r.rows = append(r.rows, row)
	}
	return records
}

// newestOf returns the records that count. Which records there are at all is
// read from the input: the table lacks those that a filter leaves out.
func newestOf(t *testing.T, input string, records []fleetRecord) (counted []fleetRecord) {
	t.Helper()
	byLine := map[string]fleetRecord{}
	for _, r := range records {
		byLine[r.rows[0]["line"]] = r
	}
	f, err := os.Open(input)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	type newest struct{ at, line int64 }
	hosts, lines := map[string]newest{}, bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for line := int64(1); lines.Scan(); line++ {
		var h struct {
			Schema      int
			Name        string
			CollectedAt *time.Time `json:"collected_at"`
		}
		if json.Unmarshal(lines.Bytes(), &h) != nil || h.Schema != 1 {
			continue
		}
		at := int64(0)
		if h.CollectedAt != nil {
			at = max(h.CollectedAt.Unix(), 0)
		}
		if h.Name == "" {
			h.Name = "\x00" + strconv.FormatInt(line, 10)
		}
		if old, ok := hosts[h.Name]; !ok || at >= old.at {
			hosts[h.Name] = newest{at, line}
		}
	}
	for _, n := range hosts {
		if r, ok := byLine[strconv.FormatInt(n.line, 10)]; ok {
			counted = append(counted, r)
		}
	}
	return counted
}

// pageVerdicts leaves out what the page does not count by: the statement.
func pageVerdicts(verdicts map[string]int) map[string]int {
	n := map[string]int{}
	for k, v := range verdicts {
		f := strings.Fields(k)
		n[f[0]+" "+f[3]] += v
	}
	return n
}

// countPage counts verdicts in the data of a page.
func countPage(t *testing.T, name string) map[string]int {
	t.Helper()
	var d struct {
		Grades   []struct{ ID string }
		Releases []struct{ Name string }
		Verdicts []struct{ G int }
		Hosts    struct{ V [][]int }
	}
	pageData(t, name, &d)
	n := map[string]int{}
	for r, column := range d.Hosts.V {
		for _, v := range column {
			n[d.Releases[r].Name+" "+d.Grades[d.Verdicts[v].G].ID]++
		}
	}
	return n
}

func exitCell(h tables.Host) string {
	if h.Error != "" {
		return ""
	}
	return strconv.Itoa(int(h.ExitCode))
}

// sameStream holds the stream to the table.
func sameStream(t *testing.T, records []fleetRecord, text string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != len(records) {
		t.Fatalf("%d lines of %d records", len(lines), len(records))
	}
	for i, r := range records {
		var line struct {
			Kind, Error string
			Line        int
			Releases    []struct {
				Statement struct{ Release string }
				Overall   struct{ Grade string }
			}
		}
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
			t.Fatal(err)
		}
		if r.error != "" {
			if line.Kind != report.KindError || line.Error != r.error || strconv.Itoa(line.Line) != r.rows[0]["line"] {
				t.Errorf("line %d is %s, want %s", i+1, lines[i], r.error)
			}
			continue
		}
		for k, row := range r.rows {
			if got := line.Releases[k]; got.Statement.Release != row["release"] || got.Overall.Grade != row["verdict"] {
				t.Errorf("line %d: %+v, the table has %s by %s", i+1, got, row["verdict"], row["release"])
			}
		}
	}
}

// sameText holds the numbers of the text to those of the summary.
func sameText(t *testing.T, f *report.Fleet, text string) {
	t.Helper()
	if want := fmt.Sprintf("%d hosts, judged as of 2026-11-21.\n%d records were read: %d were set aside for newer ones of their hosts, %d could not be used.\n", f.Hosts, f.Records, f.Older, f.Bad); !strings.HasPrefix(text, want) {
		t.Errorf("the text begins %.200q, want %q", text, want)
	}
	_, table, _ := strings.Cut(text, "Hosts by verdict")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")[2:]
	if len(rows) != len(f.Verdicts) {
		t.Fatalf("%d rows of %d verdicts in %s", len(rows), len(f.Verdicts), table)
	}
	number := regexp.MustCompile(`(?: +)(\d+)\b`)
	for i, v := range f.Verdicts {
		cells := number.FindAllStringSubmatch(rows[i][strings.Index(rows[i], f.Statements[v.Statement].Release)+4:], -1)
		total, sum := 0, 0
		for k, c := range cells {
			n, _ := strconv.Atoi(c[1])
			if k == 0 {
				total = n
			} else {
				sum += n
			}
		}
		if total != v.Hosts || sum != v.Hosts {
			t.Errorf("%q: %d hosts that are %d, want %d", rows[i], total, sum, v.Hosts)
		}
	}
	for _, st := range f.Statements {
		if want := fmt.Sprintf("  %s: revision %s of %s, ", st.Release, st.Revision, st.Date); !strings.Contains(text, want) {
			t.Errorf("the text does not say %q", want)
		}
	}
}
