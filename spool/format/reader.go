package format

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/penstock/penstock/buffer/record"
)

// Entry is one record of a file. Formats that do not say where it came from set only its Value.
type Entry struct {
	record.Record
	Topic     string
	Partition int32
	Tag       string
	Origin    string // if that is told
	Located   bool   // Offset, Time and Topic or Tag are known
	Reason    string // of a dead letter
}

// Kind tells the format of an object by its name: raw, ndjson, delimited, avro or parquet, "" if
// the name does not tell.
func Kind(name string) string {
	name = path.Base(name)
	for {
		ext := path.Ext(name)
		switch ext {
		case ".gz", ".zst", ".sz", ".snappy", ".lz4", ".bz2":
			name = strings.TrimSuffix(name, ext)
			continue
		case ".ndjson", ".json", ".jsonl":
			return "ndjson"
		case ".csv", ".tsv":
			return "delimited"
		case ".avro":
			return "avro"
		case ".parquet":
			return "parquet"
		case ".log", ".txt", ".raw":
			return "raw"
		}
		return ""
	}
}

// MaxLine bounds a line that Read takes, in bytes.
const MaxLine = 256 << 20

// Read calls do with each record of a file, in order; do must not keep the Entry's slices. kind is
// one of Kind's; when it is "", the first bytes tell Parquet and Avro, and anything else is lines.
// Lines are decompressed by what they begin with. Values of Avro and Parquet come as JSON. A row of
// a delimited file is a value as it stands, its header included; a quoted column may hold line
// breaks.
func Read(r io.ReaderAt, size int64, kind string, do func(*Entry) error) error {
	var head [4]byte
	n, err := r.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	if kind == "" {
		switch {
		case string(head[:n]) == "PAR1":
			kind = "parquet"
		case string(head[:n]) == "Obj\x01":
			kind = "avro"
		}
	}
	switch kind {
	case "parquet":
		return readParquet(r, size, do)
	case "avro":
		return readAvro(io.NewSectionReader(r, 0, size), do)
	}
	return ReadLines(io.NewSectionReader(r, 0, size), kind, do)
}

// ReadLines is Read for the formats of lines, which need no random access.
func ReadLines(r io.Reader, kind string, do func(*Entry) error) error {
	zr, _, err := Decompress(r)
	if err != nil {
		return err
	}
	defer zr.Close()
	br := bufio.NewReaderSize(zr, 256<<10)
	var line []byte
	for {
		line = line[:0]
		for quotes := 0; ; {
			part, err := br.ReadSlice('\n')
			line = append(line, part...)
			quotes += bytes.Count(part, []byte{'"'})
			if err == bufio.ErrBufferFull || err == nil && kind == "delimited" && quotes%2 == 1 {
				if len(line) > MaxLine {
					return fmt.Errorf("line of over %d bytes", MaxLine)
				}
				continue
			}
			if err == io.EOF && len(line) == 0 {
				return nil
			}
			if err != nil && err != io.EOF {
				return err
			}
			break
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		e := Entry{Record: record.Record{Value: line}}
		if (kind == "ndjson" || kind == "") && bytes.HasPrefix(line, []byte("{")) {
			if err := e.open(line); err != nil {
				return err
			}
		}
		if err := do(&e); err != nil {
			return err
		}
	}
}

// envelope is a line as appendEnvelope writes it. The members that tell it from a value of the
// user's are topic or tag, offset and time.
type envelope struct {
	Topic     *string         `json:"topic"`
	TopicB    []byte          `json:"topic_base64"`
	Partition int32           `json:"partition"`
	Tag       *string         `json:"tag"`
	TagB      []byte          `json:"tag_base64"`
	Origin    *string         `json:"origin"`
	OriginB   []byte          `json:"origin_base64"`
	Offset    *int64          `json:"offset"`
	Time      *time.Time      `json:"time"`
	Key       *string         `json:"key"`
	KeyB      *[]byte         `json:"key_base64"`
	Headers   envelopeKVs     `json:"headers"`
	Value     json.RawMessage `json:"value"`
	ValueText *string         `json:"value_text"`
	ValueB    *[]byte         `json:"value_base64"`
	Reason    string          `json:"reason"`
}

// envelopeKVs are read with a bound: an empty one takes three bytes of a line, and a hundred of
// memory.
type envelopeKVs []envelopeKV

const maxHeaders = 10_000

// UnmarshalJSON implements json.Unmarshaler.
func (h *envelopeKVs) UnmarshalJSON(p []byte) error {
	if n := bytes.Count(p, []byte{'{'}); n > maxHeaders+len(p)/40 {
		return fmt.Errorf("%d headers in %d bytes", n, len(p))
	}
	return json.Unmarshal(p, (*[]envelopeKV)(h))
}

type envelopeKV struct {
	Key    string  `json:"key"`
	KeyB   []byte  `json:"key_base64"`
	Value  *string `json:"value"`
	ValueB *[]byte `json:"value_base64"`
}

// open fills e from the line if that is an envelope.
func (e *Entry) open(line []byte) error {
	if !bytes.HasPrefix(line, []byte(`{"topic`)) && !bytes.HasPrefix(line, []byte(`{"tag`)) ||
		!bytes.Contains(line, []byte(`,"offset":`)) {
		return nil
	}
	var v envelope
	if err := json.Unmarshal(line, &v); err != nil || v.Offset == nil || v.Time == nil ||
		v.Topic == nil && v.TopicB == nil && v.Tag == nil && v.TagB == nil {
		return nil // a value of the user's that looks like one
	}
	e.Located, e.Reason = true, v.Reason
	e.Topic, e.Tag, e.Partition = or(v.Topic, v.TopicB), or(v.Tag, v.TagB), v.Partition
	e.Offset, e.Origin = *v.Offset, or(v.Origin, v.OriginB)
	e.Time, _ = record.Nanos(*v.Time)
	e.Key, e.Value = bytesOr(v.Key, v.KeyB), v.Value
	if v.Value == nil {
		e.Value = bytesOr(v.ValueText, v.ValueB)
	}
	for _, h := range v.Headers {
		e.Headers = append(
			e.Headers, record.Header{Key: or(&h.Key, h.KeyB), Value: bytesOr(h.Value, h.ValueB)},
		)
	}
	return nil
}

func or(s *string, b []byte) string {
	if b != nil || s == nil {
		return string(b)
	}
	return *s
}

func bytesOr(s *string, b *[]byte) []byte {
	switch {
	case s != nil:
		return []byte(*s)
	case b != nil:
		return append([]byte{}, *b...)
	}
	return nil
}

func readAvro(r io.Reader, do func(*Entry) error) error {
	return readContainer(r, func(json []byte) error {
		e := Entry{Record: record.Record{Value: json}}
		e.locate(json)
		return do(&e)
	})
}

// locate takes what the metadata columns say.
func (e *Entry) locate(text []byte) {
	if !bytes.Contains(text, []byte(`"_offset":`)) {
		return
	}
	var v struct {
		Topic     string     `json:"_topic"`
		Partition int32      `json:"_partition"`
		Offset    *int64     `json:"_offset"`
		Time      *time.Time `json:"_time"`
		Key       *string    `json:"_key"`
	}
	if err := json.Unmarshal(text, &v); err != nil || v.Offset == nil || v.Time == nil {
		return
	}
	e.Located = true
	e.Topic, e.Partition, e.Offset = v.Topic, v.Partition, *v.Offset
	e.Time, _ = record.Nanos(*v.Time)
	if v.Key != nil {
		if key, err := base64.StdEncoding.DecodeString(*v.Key); err == nil {
			e.Key = key
		}
	}
}

func readParquet(r io.ReaderAt, size int64, do func(*Entry) error) (err error) {
	defer func() {
		// The library panics on some damaged files.
		if p := recover(); p != nil {
			err = fmt.Errorf("parquet: damaged: %v", p)
		}
	}()
	f, err := parquet.OpenFile(r, size)
	if err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	p := &parquetText{root: f.Schema()}
	for _, g := range f.RowGroups() {
		if err := p.group(g, do); err != nil {
			return err
		}
	}
	return nil
}

func (p *parquetText) group(g parquet.RowGroup, do func(*Entry) error) error {
	rows := g.Rows()
	defer rows.Close()
	buf := make([]parquet.Row, 64)
	for {
		n, err := rows.ReadRows(buf)
		for _, row := range buf[:n] {
			if err := p.row(row); err != nil {
				return err
			}
			e := Entry{Record: record.Record{Value: p.dst}}
			e.locate(p.dst)
			if err := do(&e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && n == 0 {
			err = io.ErrNoProgress
		}
		if err != nil {
			return fmt.Errorf("parquet: %w", err)
		}
	}
}
