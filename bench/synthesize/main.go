// Synthesize writes a fleet that does not exist: facts of hosts with the CPUs,
// sizes, firmware and versions and command lines of Xen that real ones have,
// one JSON object a line, as xencheck collect writes them.
//
//	go run ./bench/synthesize [-n HOSTS] [-seed N] [-faults PERCENT] > fleet.ndjson
//
// The same seed gives the same bytes. Of the records, FAULTS in a hundred are
// wrong, a third each: cut short, of another schema, or with facts that could
// not be read and members that no version knows.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
)

func main() {
	n := flag.Int("n", 1000, "hosts")
	seed := flag.Uint64("seed", 1, "seed")
	faults := flag.Int("faults", 3, "records in a hundred that are wrong")
	flag.Parse()
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	err := write(w, *n, *seed, *faults)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "synthesize:", err)
		os.Exit(1)
	}
}

// batch is how many records one goroutine writes at a time.
const batch = 512

// write writes n records in order, made by all CPUs.
func write(w io.Writer, n int, seed uint64, faults int) error {
	type job struct {
		from int
		out  chan []byte
	}
	workers := runtime.GOMAXPROCS(0)
	jobs := make(chan job, workers)
	order := make(chan job, 2*workers)
	for range workers {
		go func() {
			for j := range jobs {
				b := make([]byte, 0, batch<<13)
				for i := j.from; i < min(j.from+batch, n); i++ {
					b = Record(b, seed, uint64(i), faults)
				}
				j.out <- b
			}
		}()
	}
	go func() {
		for from := 0; from < n; from += batch {
			j := job{from, make(chan []byte, 1)}
			order <- j
			jobs <- j
		}
		close(jobs)
		close(order)
	}()
	var err error
	for j := range order {
		if b := <-j.out; err == nil {
			_, err = w.Write(b)
		}
	}
	return err
}

// Record adds a record and the end of its line to b.
func Record(b []byte, seed, i uint64, faults int) []byte {
	r := rand.New(rand.NewPCG(seed, i))
	w := &record{b: b, r: r, schema: 1}
	fault := -1
	if r.IntN(100) < faults {
		fault = r.IntN(3)
	}
	switch fault {
	case 1:
		w.schema = 2 + r.IntN(3)
	case 2:
		w.blind = true
	}
	start := len(b)
	w.host(i)
	if fault == 0 {
		w.b = w.b[:start+1+r.IntN(len(w.b)-start-2)]
	}
	return append(w.b, '\n')
}
