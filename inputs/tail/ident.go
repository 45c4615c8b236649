package tail

import (
	"errors"
	"io"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"
)

// ident is what the kernel knows a file by, for as long as the file exists.
type ident struct{ dev, ino uint64 }

// fileInfo is what a stat tells. birth and mtime are nanoseconds since the Unix epoch; birth is 0
// where the filesystem does not know it.
type fileInfo struct {
	id    ident
	birth int64
	size  int64
	mtime int64
	ctime int64 // when it was last written to, renamed, linked or unlinked
	mode  uint32
	links uint32
	holes bool // it may have some
}

func (fi *fileInfo) regular() bool { return fi.mode&unix.S_IFMT == unix.S_IFREG }
func (fi *fileInfo) fifo() bool    { return fi.mode&unix.S_IFMT == unix.S_IFIFO }

// is reports whether fi is the file with that identity. An inode that was reused has another birth
// time.
func (fi *fileInfo) is(id ident, birth int64) bool {
	return fi.id == id && (fi.birth == birth || fi.birth == 0 || birth == 0)
}

const (
	headSize = 1024 // bytes at the beginning of a file that tell it from others
	tailSize = 256  // bytes before a position that tell whether it still fits the file
)

// fingerprint is a fingerprint of n bytes.
type fingerprint struct {
	N   int    `json:"n,omitempty"`
	Sum uint64 `json:"sum,omitempty"`
}

func fingerprintOf(b []byte) fingerprint {
	if len(b) == 0 {
		return fingerprint{}
	}
	return fingerprint{N: len(b), Sum: xxhash.Sum64(b)}
}

// headOf returns the fingerprint of a file's first bytes, of which b is a prefix.
func headOf(b []byte) fingerprint { return fingerprintOf(b[:min(len(b), headSize)]) }

// tailOf returns the fingerprint of the last bytes of b.
func tailOf(b []byte) fingerprint { return fingerprintOf(b[max(0, len(b)-tailSize):]) }

// fingerprints tells which content has been read up to off.
type fingerprints struct {
	off  int64
	head fingerprint // of the first bytes
	tail fingerprint // of the last bytes before off
}

// matches reports whether src holds, before p.off, the content that p was taken from. scratch has
// room for headSize bytes.
func (p *fingerprints) matches(src io.ReaderAt, scratch []byte) (bool, error) {
	for _, part := range []struct {
		fingerprint fingerprint
		at          int64
	}{{p.head, 0}, {p.tail, p.off - int64(p.tail.N)}} {
		if part.fingerprint.N == 0 {
			continue
		}
		if part.fingerprint.N > headSize || part.at < 0 {
			return false, nil
		}
		b := scratch[:part.fingerprint.N]
		if n, err := src.ReadAt(b, part.at); n < len(b) {
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			return false, err
		}
		if fingerprintOf(b) != part.fingerprint {
			return false, nil
		}
	}
	return true, nil
}
