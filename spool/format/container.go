package format

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/snappy"
)

// container is an Avro object container file: a header and blocks.
// https://avro.apache.org/docs/1.12.0/specification/#object-container-files
type container struct {
	header []byte
	sync   [16]byte
	codec  string
	comp   *compressor
}

var avroCodecs = map[string]string{
	"none":   "null",
	"gzip":   "deflate",
	"zstd":   "zstandard",
	"snappy": "snappy",
	"bzip2":  "bzip2",
}

func newContainer(schema string, comp *compressor) *container {
	c := &container{codec: avroCodecs[comp.name], comp: comp}
	// The marker is random by custom, and the same for the same schema here.
	sum := sha256.Sum256([]byte("penstock avro sync\n" + c.codec + "\n" + schema))
	copy(c.sync[:], sum[:])
	h := []byte("Obj\x01\x04")
	for _, kv := range [][2]string{{"avro.codec", c.codec}, {"avro.schema", schema}} {
		h = appendBytes(appendBytes(h, []byte(kv[0])), []byte(kv[1]))
	}
	c.header = append(append(h, 0), c.sync[:]...)
	return c
}

func appendBytes(
	dst, b []byte,
) []byte {
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}

// appendBlock appends a block of count records.
func (c *container) appendBlock(dst, records []byte, count int) ([]byte, error) {
	var packed []byte
	switch c.codec {
	case "null":
		packed = records
	case "deflate":
		var buf bytes.Buffer
		w, err := flate.NewWriter(&buf, flate.BestSpeed+1)
		if err != nil {
			return dst, err
		}
		if _, err := w.Write(records); err != nil {
			return dst, err
		}
		if err := w.Close(); err != nil {
			return dst, err
		}
		packed = buf.Bytes()
	case "snappy":
		packed = snappy.Encode(nil, records)
		packed = binary.BigEndian.AppendUint32(packed, crc32.ChecksumIEEE(records))
	default:
		var err error
		if packed, err = c.comp.append(nil, records); err != nil {
			return dst, err
		}
	}
	dst = binary.AppendVarint(dst, int64(count))
	return append(appendBytes(dst, packed), c.sync[:]...), nil
}
