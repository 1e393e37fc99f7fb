// Package wire is the language between a test machine and the test: the steps
// that the machine's init is given, and the report that it sends back over the
// serial console, where a kernel and a hypervisor print in between.
package wire

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// StepsFile is where the init finds its steps: a JSON array of [Step].
const StepsFile = "/steps.json"

// Step is one program to run in the machine.
type Step struct {
	Name string   `json:"name"`
	Args []string `json:"args"` // the program's path first
	// Unprivileged runs it as uid and gid 65534, without capabilities.
	Unprivileged bool `json:"unprivileged,omitempty"`
	// Seconds is how long it may take; 0 means 60.
	Seconds int `json:"seconds,omitempty"`
	// Await names a file that has to appear afterwards, within the same time:
	// what a service makes when it is ready.
	Await string `json:"await,omitempty"`
	// Files are sent back after the step.
	Files []string `json:"files,omitempty"`
}

// Result is what came of a step.
type Result struct {
	Name    string            `json:"name"`
	Exit    int               `json:"exit"`            // exit code; -1 when it did not end by itself
	Error   string            `json:"error,omitempty"` // why it could not be run, or did not end
	Seconds float64           `json:"seconds"`
	Stdout  []byte            `json:"stdout"`
	Stderr  []byte            `json:"stderr"`
	Files   map[string][]byte `json:"files,omitempty"` // by path; those that could not be read are left out
}

// Report is all that a machine has to say.
type Report struct {
	Uptime  float64  `json:"uptime"` // seconds from the start of the kernel to the first step
	Notes   []string `json:"notes"`  // what the init did before, and what failed
	Results []Result `json:"results"`
}

// Find returns the result of a step.
func (r *Report) Find(name string) (Result, bool) {
	for _, s := range r.Results {
		if s.Name == name {
			return s, true
		}
	}
	return Result{}, false
}

const (
	// mark begins every line of a report; a line is
	//
	//	mark NUMBER/TOTAL CRC BASE64 mark
	//
	// with NUMBER from 0 and the CRC-32 (IEEE) of all that precedes it and of
	// the decoded bytes. The second mark shows that the line is whole.
	mark = "@xencheck@"
	// chunk is the payload of a line in bytes.
	chunk = 384
	// maxLines bounds what is believed of a log.
	maxLines = 64 << 10
	// maxReport is the size of the JSON up to which a report is unpacked.
	maxReport = 64 << 20
)

// ErrIncomplete means that a log does not hold all lines of a report, yet or
// at all.
var ErrIncomplete = errors.New("the report is not complete")

// Write sends a report. Each line is sent twice, in two passes: what the kernel
// or the hypervisor spoils by printing into a line, it hardly spoils both times.
func Write(w io.Writer, r *Report) error {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if err := json.NewEncoder(z).Encode(r); err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("pack the report: %w", err)
	}
	body := packed.Bytes()
	total := (len(body) + chunk - 1) / chunk
	for range 2 {
		for i := range total {
			part := body[i*chunk : min((i+1)*chunk, len(body))]
			head := fmt.Sprintf("%d/%d", i, total)
			if _, err := fmt.Fprintf(w, "%s %s %08x %s %s\n", mark, head, sum(head, part), base64.StdEncoding.EncodeToString(part), mark); err != nil {
				return fmt.Errorf("send the report: %w", err)
			}
		}
	}
	return nil
}

func sum(head string, part []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte(head)), crc32.IEEETable, part)
}

// Read finds the report in a console log, whatever else the log holds. It
// returns [ErrIncomplete] while lines are missing.
func Read(log []byte) (*Report, error) {
	var parts [][]byte
	missing := -1
	for line := range bytes.Lines(log) {
		number, total, part, ok := readLine(line)
		if !ok || (parts != nil && len(parts) != total) {
			continue
		}
		if parts == nil {
			parts, missing = make([][]byte, total), total
		}
		if parts[number] == nil {
			parts[number] = part
			missing--
		}
	}
	if missing != 0 {
		return nil, ErrIncomplete
	}
	z, err := gzip.NewReader(bytes.NewReader(bytes.Join(parts, nil)))
	if err != nil {
		return nil, fmt.Errorf("unpack the report: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxReport+1))
	if err != nil {
		return nil, fmt.Errorf("unpack the report: %w", err)
	}
	if len(text) > maxReport {
		return nil, fmt.Errorf("the report is larger than %d bytes", maxReport)
	}
	r := &Report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("decode the report: %w", err)
	}
	return r, nil
}

// readLine understands a line of a report. Text before the first mark and after
// the second belongs to somebody else.
func readLine(line []byte) (number, total int, part []byte, ok bool) {
	_, rest, found := bytes.Cut(line, []byte(mark+" "))
	if !found {
		return 0, 0, nil, false
	}
	rest, _, found = bytes.Cut(rest, []byte(" "+mark))
	words := bytes.Split(rest, []byte(" "))
	if !found || len(words) != 3 {
		return 0, 0, nil, false
	}
	first, second, _ := bytes.Cut(words[0], []byte("/"))
	number, err1 := strconv.Atoi(string(first))
	total, err2 := strconv.Atoi(string(second))
	want, err3 := strconv.ParseUint(string(words[1]), 16, 32)
	part, err4 := base64.StdEncoding.DecodeString(string(words[2]))
	if errors.Join(err1, err2, err3, err4) != nil || number < 0 || total > maxLines || number >= total {
		return 0, 0, nil, false
	}
	return number, total, part, sum(string(words[0]), part) == uint32(want)
}
