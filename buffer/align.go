package buffer

import (
	"encoding/binary"
	"os"
)

// A sync writes whole pages. Where little is written at a time, a page that is begun would be
// written again with the next group; so small groups are filled up to the end of their last page.
// What fills is a change that changes nothing, which every release can read.

// alignBelow is the size up to which a commit is worth that.
const alignBelow = 64 << 10

var pageSize = int64(os.Getpagesize())

// padding returns how many bytes make a group of size bytes, whose entry begins at off, end with a
// page.
func padding(off, size int64) int64 {
	if size > alignBelow {
		return 0
	}
	for pad := int64(0); pad <= 2*pageSize; {
		over := (off + vlogEntrySize(size+pad)) % pageSize
		switch {
		case over == 0 && (pad == 0 || pad >= leastPadding):
			return pad
		case over == 0:
			pad += pageSize
		default:
			pad += pageSize - over
		}
	}
	return 0 // its length takes a byte more with each try
}

// leastPadding is the size of the smallest change that fills.
const leastPadding = 3

// mostPadding is the size of the largest one.
func mostPadding() int { return int(2*pageSize) + leastPadding }

// appendPadding appends n bytes, at least leastPadding: a key is forgotten that no input has. Of
// one length, 131 bytes, it is one byte less.
func appendPadding(dst []byte, n int64) []byte {
	key := n - 3
	for key > 0 && 2+int64(len(binary.AppendUvarint(nil, uint64(key))))+key > n {
		key--
	}
	c := change{kind: changeForget, key: string(make([]byte, key))}
	return c.append(dst)
}
