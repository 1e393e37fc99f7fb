// Command decode decodes a file of NDJSON with one of Go's fast decoders of
// JSON, on all cores, and does nothing else: what judging is compared with.
//
//	decode sonic|goccy|simdjson FILE
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	"github.com/bytedance/sonic"
	gojson "github.com/goccy/go-json"
	"github.com/minio/simdjson-go"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: decode sonic|goccy|simdjson FILE")
		os.Exit(2)
	}
	n, err := run(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "decode:", err)
		os.Exit(1)
	}
	fmt.Println(n)
}

// decoder returns a function that decodes one line; it keeps its room.
func decoder(name string) (func([]byte) error, error) {
	switch name {
	case "sonic":
		return func(b []byte) error { var v any; return sonic.ConfigFastest.Unmarshal(b, &v) }, nil
	case "goccy":
		return func(b []byte) error { var v any; return gojson.UnmarshalNoEscape(b, &v) }, nil
	case "simdjson":
		if !simdjson.SupportedCPU() {
			return nil, errors.New("simdjson-go does not run on this CPU")
		}
		var room *simdjson.ParsedJson
		return func(b []byte) (err error) {
			room, err = simdjson.Parse(b, room, simdjson.WithCopyStrings(false))
			return err
		}, nil
	}
	return nil, fmt.Errorf("no decoder %q", name)
}

func run(name, file string) (int, error) {
	if _, err := decoder(name); err != nil {
		return 0, err
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	chunks := make(chan []byte, 4)
	free := make(chan []byte, 16)
	counts := make(chan int, runtime.GOMAXPROCS(0))
	failed := make(chan error, runtime.GOMAXPROCS(0))
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			decode, _ := decoder(name)
			n := 0
			for c := range chunks {
				for line := range bytes.Lines(c) {
					if err := decode(line); err != nil {
						failed <- err
						return
					}
					n++
				}
				select {
				case free <- c[:0]:
				default:
				}
			}
			counts <- n
		})
	}
	go func() {
		defer close(chunks)
		r := bufio.NewReaderSize(f, 1<<20)
		for {
			var c []byte
			select {
			case c = <-free:
			default:
			}
			for len(c) < 256<<10 {
				line, err := r.ReadSlice('\n')
				c = append(c, line...)
				if err == io.EOF {
					chunks <- c
					return
				}
				if err != nil {
					failed <- err
					return
				}
			}
			chunks <- c
		}
	}()
	workers.Wait()
	close(counts)
	select {
	case err := <-failed:
		return 0, err
	default:
	}
	total := 0
	for n := range counts {
		total += n
	}
	return total, nil
}
