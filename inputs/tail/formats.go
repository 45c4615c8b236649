package tail

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// compression of a file.
type compression uint8

const (
	none compression = iota
	gzipped
	zstandard
	bzipped
	xzipped
	lz4Framed
	foreign // neither text nor anything that can be read
)

// decoderMemory bounds what one decoder takes.
const decoderMemory = 256 << 20

// format is how a compressed file is known and read.
type format struct {
	kind  compression
	ext   string
	magic []byte
	is    func(head []byte) bool // besides magic; nil: magic is enough
	open  func(raw *bufio.Reader) (io.Reader, func(), error)
	// complete reports whether the file of that size ends as it should; nil: the decoder does.
	complete func(src io.ReaderAt, size int64) bool
}

var formats = []format{
	{
		kind:  gzipped,
		ext:   ".gz",
		magic: []byte{0x1F, 0x8B},
		open: func(raw *bufio.Reader) (io.Reader, func(), error) {
			zr, err := gzip.NewReader(raw)
			return zr, func() {}, err
		},
	},
	{
		kind:  zstandard,
		ext:   ".zst",
		magic: []byte{0x28, 0xB5, 0x2F, 0xFD},
		open: func(raw *bufio.Reader) (io.Reader, func(), error) {
			zr, err := zstd.NewReader(
				raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(decoderMemory),
			)
			if err != nil {
				return nil, nil, err
			}
			return zr, zr.Close, nil
		},
	},
	{
		kind:  bzipped,
		ext:   ".bz2",
		magic: []byte("BZh"),
		is:    isBzip2,
		open: func(raw *bufio.Reader) (io.Reader, func(), error) {
			return bzip2.NewReader(raw), func() {}, nil
		},
	},
	{
		kind:     xzipped,
		ext:      ".xz",
		magic:    []byte{0xFD, '7', 'z', 'X', 'Z', 0},
		open:     openXZ,
		complete: completeXZ,
	},
	{
		kind:  lz4Framed,
		ext:   ".lz4",
		magic: lz4Magic,
		open: func(raw *bufio.Reader) (io.Reader, func(), error) {
			zr := lz4.NewReader(raw)
			return &lz4Frames{raw: raw, zr: zr}, func() {}, zr.Apply(lz4.ConcurrencyOption(1))
		},
	},
}

var lz4Magic = []byte{0x04, 0x22, 0x4D, 0x18}

func formatOf(kind compression) *format {
	for i := range formats {
		if formats[i].kind == kind {
			return &formats[i]
		}
	}
	return nil
}

// foreignFormats are files that are neither text nor can be read, with what to do about them.
var foreignFormats = []struct {
	name, ext string
	at        int
	magic     string
	do        string
}{
	{"zip archive", ".zip", 0, "PK\x03\x04", ""},
	{"zip archive", ".zip", 0, "PK\x05\x06", ""},
	{"7z archive", ".7z", 0, "7z\xBC\xAF\x27\x1C", ""},
	{"rar archive", ".rar", 0, "Rar!\x1A\x07", ""},
	{"tar archive", ".tar", 257, "ustar\x00", ""},
	{"tar archive", ".tar", 257, "ustar  \x00", ""},
	{"compress file", ".Z", 0, "\x1F\x9D", ""},
	{"lzip file", ".lz", 0, "LZIP\x01", ""},
	{"lzma file", ".lzma", 0, "\x5D\x00\x00\x80\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", ""},
	{"snappy file", ".sz", 0, "\xFF\x06\x00\x00sNaPpY", ""},
	{"lzo file", ".lzo", 0, "\x89LZO\x00\r\n\x1A\n", ""},
	{
		"journal of systemd",
		".journal",
		0,
		"LPKSHHRH",
		"read it with input journald, and leave it out here with exclude",
	},
	{"SQLite database", ".sqlite", 0, "SQLite format 3\x00", "leave it out with exclude"},
	{"program", "", 0, "\x7FELF", "leave it out with exclude"},
}

const compressAs = "have it compressed as gzip, zstd, xz, bzip2 or lz4, or leave it out with exclude"

// compressionOf goes by a file's first bytes, and by its name only while there are too few.
func compressionOf(path string, head []byte) compression {
	for i := range formats {
		f := &formats[i]
		if bytes.HasPrefix(head, f.magic) && (f.is == nil || f.is(head)) ||
			len(head) < len(f.magic) && strings.HasSuffix(path, f.ext) {
			return f.kind
		}
	}
	if name, _ := foreignFormat(path, head); name != "" {
		return foreign
	}
	return none
}

// foreignFormat tells what a file is that cannot be read, and what to do about it; "" if that is
// not known of it.
func foreignFormat(path string, head []byte) (name, do string) {
	for _, s := range foreignFormats {
		if len(head) < s.at+len(s.magic) {
			if s.ext == "" || len(head) > 0 || !strings.HasSuffix(path, s.ext) {
				continue
			}
		} else if string(head[s.at:s.at+len(s.magic)]) != s.magic {
			continue
		}
		if s.do == "" {
			s.do = compressAs
		}
		return s.name, s.do
	}
	return "", ""
}

// isBzip2 tells bzip2 from text that begins with BZh: a block follows, or the end.
func isBzip2(head []byte) bool {
	const block, end = "1AY&SY", "\x17rE8P\x90"
	if len(head) < 4 || head[3] < '1' || head[3] > '9' {
		return false
	}
	rest := head[4:min(len(head), 4+len(block))]
	return strings.HasPrefix(block, string(rest)) || strings.HasPrefix(end, string(rest))
}

// openXZ reads xz, unless it asks for a dictionary larger than any of xz's presets.
func openXZ(raw *bufio.Reader) (io.Reader, func(), error) {
	if size := xzDictionary(raw); size > decoderMemory {
		return nil, nil, fmt.Errorf(
			"a dictionary of %d MiB is over the limit of %d MiB", size>>20, decoderMemory>>20,
		)
	}
	zr, err := xz.NewReader(raw)
	if err != nil {
		return nil, nil, err
	}
	return zr, func() {}, nil
}

// completeXZ reports whether a stream ends where the file does, or padding follows. The decoder
// takes every end for the end. https://tukaani.org/xz/xz-file-format.txt, 2.1.2 and 2.2
func completeXZ(src io.ReaderAt, size int64) bool {
	buf := make([]byte, min(size, 4096))
	n, _ := src.ReadAt(buf, size-int64(len(buf)))
	p := bytes.TrimRight(buf[:n], "\x00")
	if len(p) < 12 {
		return false
	}
	footer := p[len(p)-12:]
	return string(footer[10:]) == "YZ" &&
		crc32.ChecksumIEEE(footer[4:10]) == binary.LittleEndian.Uint32(footer)
}

// xzDictionary returns the size of the dictionary of the first block, 0 if that is not to be had.
// https://tukaani.org/xz/xz-file-format.txt, 3.1 and 5.3.1
func xzDictionary(raw *bufio.Reader) int64 {
	const streamHeader, lzma2 = 12, 0x21
	p, _ := raw.Peek(streamHeader + 32)
	if len(p) <= streamHeader+2 {
		return 0
	}
	p = p[streamHeader:]
	flags, at := p[1], 2
	for _, present := range []byte{0x40, 0x80} { // the sizes of the block, variable in length
		if flags&present != 0 {
			for at < len(p) && p[at]&0x80 != 0 {
				at++
			}
			at++
		}
	}
	if flags&3 != 0 || at+2 >= len(p) || p[at] != lzma2 || p[at+1] != 1 {
		return 0
	}
	bits := p[at+2] & 0x3F
	return int64(2|bits&1) << (bits/2 + 11)
}

// lz4Frames reads one frame after the other.
type lz4Frames struct {
	raw *bufio.Reader
	zr  *lz4.Reader
}

func (l *lz4Frames) Read(p []byte) (int, error) {
	for {
		n, err := l.zr.Read(p)
		if n > 0 && err == io.EOF {
			return n, nil
		}
		if err != io.EOF {
			return n, err
		}
		if _, err := l.raw.Peek(1); err != nil {
			return 0, err
		}
		l.zr.Reset(l.raw)
	}
}
