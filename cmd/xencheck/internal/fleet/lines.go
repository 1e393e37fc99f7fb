package fleet

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

var (
	errBlank = errors.New("a blank line: expected facts or a report of xencheck in JSON")
	errMany  = errors.New("more than one JSON object in the line")
)

// lines feeds the lines of a stream, each as one record: whatever a line holds,
// it is one record or one error. Before it waits for more it says so, so that
// whoever writes a line and waits for its answer gets it.
func (in *input) lines(name string, r io.Reader) error {
	b := bufio.NewReaderSize(r, firstBuffer)
	at := Place{File: name, Line: 1}
	for {
		if ready, _ := b.Peek(b.Buffered()); bytes.IndexByte(ready, '\n') < 0 {
			if err := in.flush(true); err != nil {
				return err
			}
		}
		line, n, err := readLine(b, in.large.await)
		if n > 0 {
			if at.Offset == 0 {
				line = bytes.TrimPrefix(line, []byte(byteOrderMark))
			}
			it := item{place: at}
			it.data, it.err = soleObject(line)
			it.own = len(it.data) > largeRecord // longer than what b holds
			if err := in.add(it); err != nil {
				return err
			}
			at.Line++
			at.Offset += n
		}
		switch {
		case err == io.EOF:
			return in.ctx.Err()
		case err != nil:
			return in.add(item{place: at, err: cause(err)})
		}
	}
}

// readLine reads a line and returns as much of it as a record may have, and how
// long it is with its end. The line is good until the next call; one that is
// longer than what b holds stays good. Before much is held, await is called.
func readLine(b *bufio.Reader, await func(n int)) (line []byte, n int64, err error) {
	line, err = b.ReadSlice('\n')
	n = int64(len(line))
	if err != bufio.ErrBufferFull {
		return line, n, err
	}
	line = bytes.Clone(line)
	for err == bufio.ErrBufferFull {
		var more []byte
		more, err = b.ReadSlice('\n')
		n += int64(len(more))
		if len(line) > MaxRecord {
			continue
		}
		if n := len(line) + len(more); n > cap(line) {
			room := min(2*n, MaxRecord+2*firstBuffer)
			await(room)
			line = append(make([]byte, 0, room), line...)
		}
		line = append(line, more...)
	}
	return line, n, err
}

// soleObject returns the one object of a line.
func soleObject(line []byte) ([]byte, error) {
	line = bytes.Trim(line, blanks)
	var s scanner
	switch n, done, err := s.scan(line); {
	case len(line) == 0:
		return nil, errBlank
	case len(line) > MaxRecord:
		return nil, errTooLarge
	case err != nil:
		return nil, err
	case !done:
		return nil, errCut
	case n < len(line):
		return nil, errMany
	}
	return line, nil
}
