package probe

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/kernelimage"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// kernelInterface, with the path of a kernel behind it, is what the head of
// that file tells. An archive keeps the answer, and no kernel.
const kernelInterface = "kernel image "

const (
	maxKernel  = 1 << 30
	maxKernels = 256 // different ones that are looked at
)

// lookAtKernels tells of what kind the kernels are that domains boot directly.
// Their paths are dom0's: elsewhere they would lead to other files.
func (s *session) lookAtKernels(ds []facts.Domain) {
	if s.isPaper() || s.live && !s.isDom0() || s.host.Machine.Container.IsKnown() {
		return
	}
	for i := range ds {
		boot := &ds[i].Boot
		name, given := boot.Kernel.Get()
		if !given || name == "" || ds[i].Form == facts.BootTree || ds[i].ID.Given && ds[i].ID.Value == 0 {
			continue
		}
		boot.Image = s.kernelImage(name)
	}
}

// LookAtKernels does for domains what [Collect] does for those of a host: it
// tells of what kind the kernels are that they boot directly, by the files of
// the host that the options name. The host is what Collect found there; where
// it is none whose files the paths are of, nothing is done.
func LookAtKernels(ctx context.Context, o Options, h *facts.Host, ds []facts.Domain) error {
	s, err := newSession(ctx, o, nil)
	if err != nil {
		return err
	}
	defer s.close()
	s.host.Machine = h.Machine
	s.lookAtKernels(ds)
	return ctx.Err()
}

func (s *session) kernelImage(name string) facts.Observed[facts.KernelImage] {
	if !path.IsAbs(name) {
		// libxl looks for it in a directory that is set when it is built.
		return facts.Not[facts.KernelImage](&facts.Problem{Cause: facts.Incomplete, Source: name, Detail: "the path is not absolute"})
	}
	if strings.Contains(name, procfs.Removed) {
		return facts.Not[facts.KernelImage](&facts.Problem{Cause: facts.Incomplete, Source: name, Detail: "a part of the path is not told"})
	}
	ask := kernelInterface + path.Clean(name)
	if _, asked := s.seen[ask]; !asked && s.kernels >= maxKernels {
		return facts.Not[facts.KernelImage](&facts.Problem{Cause: facts.TooLarge, Source: name, Detail: "more different kernels than are looked at"})
	} else if !asked {
		s.kernels++
	}
	l := s.file(ask, smallFile)
	switch {
	case l.absent() && !l.partial:
		return facts.Missing[facts.KernelImage](l.source)
	case !l.known():
		return facts.Not[facts.KernelImage](l.why())
	}
	var k facts.KernelImage
	if err := json.Unmarshal(l.data, &k); err != nil {
		return facts.Not[facts.KernelImage](s.damaged(l, err))
	}
	return facts.Is(k, l.source)
}

// identifyKernel answers kernelInterface from a root that has the file.
func identifyKernel(r Root, name string) ([]byte, error) {
	type head struct {
		bytes []byte
		err   error
	}
	h, err := stream(r, name, maxKernel, func(f io.Reader) head {
		b := make([]byte, kernelimage.HeadSize)
		n, err := io.ReadFull(f, b)
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = nil // a short file
		}
		return head{b[:n], err}
	})
	if err == nil {
		err = h.err
	}
	if err != nil {
		return nil, err
	}
	k, err := kernelimage.Parse(h.bytes)
	if err != nil {
		return nil, &facts.Problem{Cause: facts.Malformed, Source: name, Detail: err.Error()}
	}
	return json.Marshal(facts.KernelImage{Format: string(k.Format), Bits: k.Bits, Gzipped: k.Gzipped})
}

// derived answers, for a captured tree, the interfaces whose answers are made
// of files that it may have.
func derived(r Root, name string, err error) ([]byte, error) {
	if !errors.Is(err, ErrNotRecorded) && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if name == processInterface {
		list, lerr := listProcesses(r)
		if lerr == nil || errors.As(lerr, new(*facts.Problem)) {
			return list, lerr
		}
	}
	if file, ok := strings.CutPrefix(name, kernelInterface); ok {
		return identifyKernel(r, file)
	}
	return nil, err
}
