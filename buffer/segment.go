package buffer

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/penstock/penstock/buffer/record"
)

// segment is one link of the chain. Fields without a note belong to Buffer.mu.
type segment struct {
	first, end int64
	records    int64 // less than end-first where positions jump
	disk       int64
	// wall clock of the first group with records, milliseconds; 0 without one
	appended int64
	live     *head         // open for writing, or being closed; nil once closed
	closed   chan struct{} // closed when live is done with; nil for a segment found at the start
	dir      string
	lostTo   int64 // positions below were reported as damaged

	removed atomic.Bool // no longer in the chain
	damaged atomic.Bool // to be moved aside rather than removed

	mu   sync.Mutex // guards what follows
	file *os.File   // open while refs > 0
	refs int
	idx  index
}

// sealName is the file that a closed segment carries so that nobody has to read it to know its
// range.
const sealName = "SEAL"

type seal struct {
	Version  int   `json:"version"`
	First    int64 `json:"first"`
	End      int64 `json:"end"`
	Records  int64 `json:"records"`
	Appended int64 `json:"appended_ms"`
	Size     int64 `json:"size"` // of the value log
}

func segmentDirName(first int64) string { return fmt.Sprintf("%020d", first) }

func headDirName(n int) string { return fmt.Sprintf("head-%08d", n) }

func (s *segment) writeSeal(d disk, dir string) error {
	if err := d.try(stepSeal, dir); err != nil {
		return err
	}
	fi, err := os.Stat(filepath.Join(dir, vlogName))
	if err != nil {
		return err
	}
	p, err := json.Marshal(seal{1, s.first, s.end, s.records, s.appended, fi.Size()})
	if err != nil {
		return err
	}
	return writeFile(dir, sealName, fmt.Appendf(p, "\n%08x\n", crc32.Checksum(p, castagnoli)))
}

func readSeal(dir string) (sl seal, err error) {
	p, err := os.ReadFile(filepath.Join(dir, sealName))
	if err != nil {
		return sl, err
	}
	if len(p) < 10 {
		return sl, fmt.Errorf("%w: seal", ErrCorrupt)
	}
	text := p[:len(p)-10]
	if string(p[len(text):]) != fmt.Sprintf("\n%08x\n", crc32.Checksum(text, castagnoli)) {
		return sl, fmt.Errorf("%w: seal", ErrCorrupt)
	}
	if err := json.Unmarshal(text, &sl); err != nil {
		return sl, fmt.Errorf("%w: seal: %w", ErrCorrupt, err)
	}
	if sl.Version != 1 || sl.First < 0 || sl.End < sl.First {
		return sl, fmt.Errorf("%w: seal: %+v", ErrCorrupt, sl)
	}
	return sl, nil
}

// acquire opens the segment's file for a reader; release goes with it. dir is the segment's as of
// now.
func (s *segment) acquire(d disk, dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := d.openToRead(filepath.Join(dir, vlogName))
		if err != nil {
			return err
		}
		s.file = f
	}
	s.refs++
	return nil
}

func (s *segment) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refs--; s.refs == 0 {
		_ = s.file.Close() // read only
		s.file = nil
		s.idx = index{}
	}
}

// read returns the batches of the first group that ends after pos, of those before position end.
// Without an error, no batches mean that there is no such group; h is its header. An error wraps
// ErrCorrupt and comes with what is good of the group; next is where to read on. The caller has
// acquired the segment.
func (s *segment) read(
	pos, end int64,
) (batches []*record.Batch, h groupHeader, next int64, err error) {
	s.mu.Lock()
	gaps := s.idx.gaps
	e, ok := s.idx.find(pos)
	if !ok {
		s.idx.extend(s.file, min(pos+1, end), end)
		e, ok = s.idx.find(pos)
	}
	if s.idx.gaps > gaps {
		err = fmt.Errorf("%w: no group where one should be", ErrCorrupt)
	}
	f := s.file
	s.mu.Unlock()
	if !ok || e.first >= end {
		if err == nil && pos < end {
			err = fmt.Errorf("%w: the value log ends before position %d", ErrCorrupt, end)
		}
		return nil, h, end, err
	}
	p, rerr := e.readAt(f)
	if rerr != nil {
		return nil, h, e.end(), errors.Join(err, rerr)
	}
	readAhead(f, e.off+e.size(), min(e.size(), 1<<20))
	h, batches, _, derr := decodeGroup(p)
	if derr == nil && h != e.groupHeader {
		return nil, e.groupHeader, e.end(), fmt.Errorf("%w: group header changed", ErrCorrupt)
	}
	return batches, e.groupHeader, e.end(), errors.Join(err, derr)
}
