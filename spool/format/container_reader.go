package format

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/hamba/avro/v2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/penstock/penstock/spool/format/decode"
)

const (
	maxBlock = 256 << 20 // as a line, see MaxLine
	// maxEmpty bounds the records of a block that take no bytes: a count of 2^60 takes nine.
	maxEmpty = 1 << 20
)

// readContainer calls do with each record of an Avro object container file, as JSON.
func readContainer(r io.Reader, do func(json []byte) error) error {
	br := bufio.NewReaderSize(r, 64<<10)
	var magic [4]byte
	if _, err := io.ReadFull(br, magic[:]); err != nil || string(magic[:]) != "Obj\x01" {
		return errors.New("avro: not a container file")
	}
	meta, err := readMeta(br)
	if err != nil {
		return fmt.Errorf("avro: header: %w", err)
	}
	schema, err := avro.ParseBytesWithCache(meta["avro.schema"], "", &avro.SchemaCache{})
	if err != nil {
		return fmt.Errorf("avro: schema: %w", err)
	}
	var sync, end [16]byte
	if _, err := io.ReadFull(br, sync[:]); err != nil {
		return fmt.Errorf("avro: header: %w", err)
	}
	var out []byte
	for {
		count, err := binary.ReadVarint(br)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("avro: block: %w", err)
		}
		packed, err := readBytes(br)
		if err == nil {
			_, err = io.ReadFull(br, end[:])
		}
		if err == nil && end != sync {
			err = errors.New("no sync marker at its end")
		}
		var records []byte
		if err == nil {
			records, err = unpackBlock(packed, string(meta["avro.codec"]))
		}
		if err != nil {
			return fmt.Errorf("avro: block: %w", err)
		}
		empty := 0
		for range count {
			before := len(records)
			if out, records, err = decode.AppendAvro(out[:0], records, schema); err != nil {
				return err
			}
			if len(records) == before {
				if empty++; empty > maxEmpty {
					return fmt.Errorf(
						"avro: block of %d records, more than %d of them without any bytes", count,
						maxEmpty,
					)
				}
			}
			if err := do(out); err != nil {
				return err
			}
		}
		if len(records) > 0 || count < 0 {
			return fmt.Errorf("avro: block of %d records: %d bytes left over", count, len(records))
		}
	}
}

func readMeta(br *bufio.Reader) (map[string][]byte, error) {
	meta := map[string][]byte{}
	for {
		n, err := binary.ReadVarint(br)
		if err != nil || n == 0 {
			return meta, err
		}
		if n < 0 {
			n = -n
			if _, err := binary.ReadVarint(br); err != nil {
				return nil, err
			}
		}
		if n < 0 || n > 10_000 {
			return nil, fmt.Errorf("%d entries", n)
		}
		for range n {
			key, err := readBytes(br)
			if err != nil {
				return nil, err
			}
			if meta[string(key)], err = readBytes(br); err != nil {
				return nil, err
			}
		}
	}
}

// readBytes reads a length and so many bytes, growing as they come: a lying length does not make us
// allocate it.
func readBytes(br *bufio.Reader) ([]byte, error) {
	n, err := binary.ReadVarint(br)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > maxBlock {
		return nil, fmt.Errorf("%d bytes", n)
	}
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, br, n); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return buf.Bytes(), nil
}

func unpackBlock(p []byte, codec string) ([]byte, error) {
	limited := func(r io.Reader) ([]byte, error) {
		out, err := io.ReadAll(io.LimitReader(r, maxBlock+1))
		if err == nil && len(out) > maxBlock {
			err = fmt.Errorf("over %d bytes", maxBlock)
		}
		return out, err
	}
	switch codec {
	case "", "null":
		return p, nil
	case "deflate":
		return limited(flate.NewReader(bytes.NewReader(p)))
	case "bzip2":
		return limited(bzip2.NewReader(bytes.NewReader(p)))
	case "zstandard":
		zr, err := zstd.NewReader(
			bytes.NewReader(p), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock),
		)
		if err != nil {
			return nil, err
		}
		defer zr.Close()
		return limited(zr)
	case "snappy":
		if len(p) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		body, sum := p[:len(p)-4], binary.BigEndian.Uint32(p[len(p)-4:])
		if n, err := snappy.DecodedLen(body); err != nil || n > maxBlock {
			return nil, fmt.Errorf("snappy block of %d bytes: %v", n, err)
		}
		out, err := snappy.Decode(nil, body)
		if err == nil && crc32.ChecksumIEEE(out) != sum {
			err = errors.New("checksum does not match")
		}
		return out, err
	}
	return nil, fmt.Errorf("unknown codec %q", codec)
}
