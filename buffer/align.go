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
	for pad := int64(0); pad <= int64(mostPadding()); {
		over := (off + vlogEntrySize(size+pad)) % pageSize
		switch {
		case over == 0 && (pad == 0 || fills(pad)):
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
func mostPadding() int { return int(3*pageSize) + leastPadding }

// fills reports whether there is a change of n bytes that fills. Of 131 there is none: the length
// of its key takes a byte more from 128 on.
func fills(n int64) bool { return n >= leastPadding && paddingSize(paddingKey(n)) == n }

func paddingSize(key int64) int64 {
	return 2 + int64(len(binary.AppendUvarint(nil, uint64(key)))) + key
}

// paddingKey returns how long the key of a change is that takes n bytes, or the next fewer.
func paddingKey(n int64) int64 {
	key := n - leastPadding
	for key > 0 && paddingSize(key) > n {
		key--
	}
	return key
}

// appendPadding appends n bytes, of which fills is true: a key is forgotten that no input has.
func appendPadding(dst []byte, n int64) []byte {
	c := change{kind: changeForget, key: string(make([]byte, paddingKey(n)))}
	return c.append(dst)
}
