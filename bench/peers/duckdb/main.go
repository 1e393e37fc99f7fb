// Command duckdb does five checks of each host in a file of NDJSON with DuckDB
// and prints the counts. It is a module of its own: DuckDB needs cgo, which
// xencheck does without.
package main

import (
	"database/sql"
	"fmt"
	"os"
	"strings"

	_ "github.com/marcboeker/go-duckdb"
)

// query reads only the columns that the checks need.
const query = `SELECT count(*),
	count(*) FILTER (machine.arch.value = 'x86-64'),
	count(*) FILTER (memory.physical.value.max <= 2199023255552),
	count(*) FILTER (cpu.physical.value.max <= 128),
	count(*) FILTER (xen.running.value.minor >= 17),
	count(*) FILTER (iommu.units.state = 'known')
FROM read_json(?, format='newline_delimited', columns={
	machine: 'STRUCT(arch STRUCT(value VARCHAR))',
	memory: 'STRUCT(physical STRUCT(value STRUCT(max UBIGINT)))',
	cpu: 'STRUCT(physical STRUCT(value STRUCT(max UBIGINT)))',
	xen: 'STRUCT(running STRUCT(value STRUCT(minor INTEGER)))',
	iommu: 'STRUCT(units STRUCT(state VARCHAR))'})`

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "duckdb:", err)
		os.Exit(1)
	}
}

func run(file string) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	var n [6]int
	if err := db.QueryRow(query, file).Scan(&n[0], &n[1], &n[2], &n[3], &n[4], &n[5]); err != nil {
		return err
	}
	fmt.Println(strings.Trim(fmt.Sprint(n), "[]"))
	return nil
}
