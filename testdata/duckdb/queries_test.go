// Package duckdb runs the example queries of docs/fleet.md against a real
// database. It is a module of its own, since the database is written in C++
// and the tool has no need of it.
package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/marcboeker/go-duckdb"
)

// queries returns the SQL of the document, by the sentence that stands before.
func queries(t *testing.T) (titles, statements []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	before := ""
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		if lines[i] != "```sql" {
			if strings.TrimSpace(lines[i]) != "" {
				before = lines[i]
			}
			continue
		}
		var body []string
		for i++; i < len(lines) && lines[i] != "```"; i++ {
			body = append(body, lines[i])
		}
		titles, statements = append(titles, before), append(statements, strings.Join(body, "\n"))
	}
	return titles, statements
}

// command runs a program in a folder; some exit codes are answers.
func command(t *testing.T, dir string, args ...string) {
	t.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil && c.ProcessState.ExitCode() != 1 && c.ProcessState.ExitCode() != 3 {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// audited writes the tables of a small fleet: Arm boards on paper, good and
// bad, and one of them collected twice.
func audited(t *testing.T, dir string) {
	t.Helper()
	bin := filepath.Join(dir, "xencheck")
	build := exec.Command("go", "build", "-o", bin, "./cmd/xencheck")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building xencheck: %v\n%s", err, out)
	}
	if err := os.Mkdir(filepath.Join(dir, "facts"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, midr := range []string{"0x411fd070", "0x411fd072", "0x411fd073", "0x410fd083", "0x414fd0b1", "0x413fd0c1"} {
		for k := range 4 {
			id := fmt.Sprintf("board%d-%d", i, k)
			command(t, dir, bin, "collect", "--id", id, "--midr", midr, "--memory", fmt.Sprintf("%dGiB", 4<<k), "--cpus", fmt.Sprint(4+4*k), "-o", "facts/"+id+".json")
		}
	}
	recorded, err := filepath.Abs("../hosts/qemu-x86-vtd/machine.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	command(t, dir, bin, "collect", "--root", recorded, "--id", "recorded", "-o", "facts/recorded.json")
	if err := os.WriteFile(filepath.Join(dir, "facts", "broken.json"), []byte(`{"schema":`), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(bin, "fleet", "--xen", "4.17,4.22", "--parquet", "fleet.parquet", "facts")
	c.Dir = dir
	if out, err := c.CombinedOutput(); c.ProcessState.ExitCode() != 2 { // one record cannot be used
		t.Fatalf("fleet: %v\n%s", err, out)
	}
	// An audit of yesterday, to be compared with today's.
	c = exec.Command(bin, "fleet", "--xen", "4.17,4.22", "--where", "name!=board0-0", "--parquet", "before.parquet", "facts")
	c.Dir = dir
	if out, err := c.CombinedOutput(); c.ProcessState.ExitCode() != 2 {
		t.Fatalf("fleet of before: %v\n%s", err, out)
	}
}

// Every query runs on tables that xencheck wrote, and answers something.
func TestQueries(t *testing.T) {
	titles, statements := queries(t)
	if len(statements) != 10 {
		t.Fatalf("docs/fleet.md has %d queries, want 10", len(statements))
	}
	dir := t.TempDir()
	audited(t, dir)
	t.Chdir(dir)
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i, q := range statements {
		rows, err := db.QueryContext(context.Background(), q)
		if err != nil {
			t.Errorf("%s\n%s\n%v", titles[i], q, err)
			continue
		}
		names, err := rows.Columns()
		if err != nil {
			t.Error(err)
		}
		n := 0
		for rows.Next() {
			values := make([]any, len(names))
			for k := range values {
				values[k] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Error(err)
			}
			if n++; n <= 3 {
				var cells []string
				for k := range values {
					cells = append(cells, fmt.Sprintf("%s=%v", names[k], *values[k].(*any)))
				}
				t.Logf("%d: %s", i+1, strings.Join(cells, " "))
			}
		}
		if err := rows.Err(); err != nil {
			t.Error(err)
		}
		if n == 0 && !strings.Contains(titles[i], "(may be empty)") {
			t.Errorf("%s: answers nothing\n%s", titles[i], q)
		}
	}
	// The tables and the summary count the same.
	var good, bad int
	if err := db.QueryRow(`SELECT count(*) FILTER (grade <> 'not_security_supported'), count(*) FILTER (grade = 'not_security_supported') FROM 'fleet.parquet' WHERE release = '4.22' AND error = ''`).Scan(&good, &bad); err != nil {
		t.Fatal(err)
	}
	if good+bad != 25 || bad != 4 {
		t.Errorf("%d hosts of 25, %d of 4 with an early Cortex-A57", good+bad, bad)
	}
}
