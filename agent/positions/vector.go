package positions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"path/filepath"
	"sync"

	"github.com/penstock/penstock/inputs/tail"
)

// vector reads the checkpoints of a file source. They tell files by a checksum of their first
// lines, or by device and inode; no path is in them.
func vector(path string) ([]tail.Foreign, error) {
	if isDir(path) {
		path = filepath.Join(path, "checkpoints.json")
	}
	data, err := text(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Version     string `json:"version"`
		Checkpoints []struct {
			Fingerprint map[string]json.RawMessage `json:"fingerprint"`
			Position    int64                      `json:"position"`
		} `json:"checkpoints"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s: it is no checkpoints.json: %w", path, err)
	}
	if file.Version != "1" {
		return nil, fmt.Errorf("%s: version %q of it is not known", path, file.Version)
	}
	var all []tail.Foreign
	var errs []error
	for i, c := range file.Checkpoints {
		p := tail.Foreign{Off: c.Position, From: fmt.Sprintf("%s, checkpoint %d", path, i+1)}
		for kind, value := range c.Fingerprint {
			if kind == "dev_inode" {
				var id [2]uint64
				err = json.Unmarshal(value, &id)
				p.Dev, p.Ino = id[0], id[1]
				continue
			}
			var sum uint64
			if err = json.Unmarshal(value, &sum); err == nil {
				p.Holds = func(r io.ReaderAt, size int64) (bool, error) {
					return beginsLike(r, size, sum)
				}
			}
		}
		if err != nil || p.Ino == 0 && p.Holds == nil {
			errs = append(
				errs,
				fmt.Errorf("%s: its fingerprint is of no kind that is known", p.From),
			)
			err = nil
			continue
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}

// The most that its checksums read, unless max_line_bytes is set; and the most lines that are
// tried.
const (
	longest   = 100 << 10
	mostLines = 10
)

// beginsLike reports whether a checksum is that of a file's first lines: of one unless configured
// otherwise. Earlier releases filled the rest with zeros, used another polynomial, and took the
// first 256 bytes.
func beginsLike(r io.ReaderAt, size int64, sum uint64) (bool, error) {
	head := make([]byte, longest)
	n, err := r.ReadAt(head[:min(size, longest)], 0)
	if err != nil && err != io.EOF {
		return false, err
	}
	end := 0
	for range mostLines {
		i := bytes.IndexByte(head[end:n], '\n')
		if i < 0 && n < longest {
			break
		}
		if end += i + 1; i < 0 {
			end = longest
		}
		if ecma182(head[:end]) == sum {
			return true, nil
		}
		if end == longest {
			break
		}
	}
	if n >= 256 && (ecma182(head[:256]) == sum || crc64.Checksum(head[:256], xz) == sum) {
		return true, nil
	}
	if end = bytes.IndexByte(head[:n], '\n') + 1; end > 0 {
		clear(head[end:])
		return ecma182(head) == sum || crc64.Checksum(head, xz) == sum, nil
	}
	return false, nil
}

var xz = crc64.MakeTable(crc64.ECMA)

// ecma182 is CRC-64/ECMA-182, whose bits run the other way than those of hash/crc64.
func ecma182(p []byte) uint64 {
	var crc uint64
	table := ecma182Table()
	for _, b := range p {
		crc = crc<<8 ^ table[byte(crc>>56)^b]
	}
	return crc
}

var ecma182Table = sync.OnceValue(func() *[256]uint64 {
	var t [256]uint64
	for i := range t {
		crc := uint64(i) << 56
		for range 8 {
			if crc>>63 != 0 {
				crc = crc<<1 ^ 0x42f0e1eba9ea3693
			} else {
				crc <<= 1
			}
		}
		t[i] = crc
	}
	return &t
})
