package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kgo"
)

// limit measures the blocks that a consumer is made of and nothing else. These are franz-go's
// fetch, the scan for the field that decides where a record goes, and the compression of the same
// rows on all cores. What is in between (who owns a partition, whether a value is JSON, the digest
// of a cut, what is kept until when, paths, files, commits) is what penstock adds, and its start
// and the wait for roll.idle at the end.
func (h *harness) limit(compression string) func(context.Context) (usage, error) {
	return func(ctx context.Context) (usage, error) {
		if err := h.startLake(ordered); err != nil {
			return usage{}, err
		}
		return runSelf(ctx, "lake-limit", h.lake.addr, fmt.Sprint(h.records), compression)
	}
}

// limitChunk is how many bytes of rows are compressed at a time, as the archiver does it.
const limitChunk = 512 << 10

// lakeLimit is the workload "lake-limit": it fetches n records. Unless compression is "", each
// one's time field is found and the rows are compressed, to nothing.
func lakeLimit(addr string, n int64, compression string) error {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.ConsumeTopics(benchTopic),
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.FetchMaxBytes(2<<20), kgo.FetchMaxPartitionBytes(512<<10),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.WithPools(&limitPools{}),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	var pool sync.Pool
	var workers sync.WaitGroup
	chunks := make(chan []byte, 2*runtime.GOMAXPROCS(0))
	if compression != "" {
		for range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				compress := blockCompressor(compression)
				for rows := range chunks {
					compress(rows)
					pool.Put(&rows)
				}
			})
		}
	}
	var rows []byte
	var missing int64
	for seen := int64(0); seen < n; {
		fetches := cl.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			defer r.Recycle()
			seen++
			if compression == "" {
				return
			}
			if !gjson.GetBytes(r.Value, "ts").Exists() {
				missing++
			}
			if rows == nil {
				if p, _ := pool.Get().(*[]byte); p != nil {
					rows = (*p)[:0]
				} else {
					rows = make([]byte, 0, limitChunk+16<<10)
				}
			}
			rows = append(append(rows, r.Value...), '\n')
			if len(rows) >= limitChunk {
				chunks <- rows
				rows = nil
			}
		})
	}
	chunks <- rows
	close(chunks)
	workers.Wait()
	if missing > 0 {
		return fmt.Errorf("%d records without a time", missing)
	}
	return nil
}

// blockCompressor compresses chunks to nothing, at the levels that the archiver uses.
func blockCompressor(name string) func(rows []byte) {
	if name == "gzip" {
		var out bytes.Buffer
		w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed+1)
		if err != nil {
			panic(err) // a constant level
		}
		return func(rows []byte) {
			out.Reset()
			w.Reset(&out)
			_, _ = w.Write(rows)
			_ = w.Close()
		}
	}
	w, err := zstd.NewWriter(
		nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(1<<20),
	)
	if err != nil {
		panic(err) // constant options
	}
	var out []byte
	return func(rows []byte) { out = w.EncodeAll(rows, out[:0]) }
}

// limitPools lends the client its memory again.
type limitPools struct{ bytes, records sync.Pool }

func (p *limitPools) GetDecompressBytes(src []byte, _ kgo.CompressionCodecType) []byte {
	if b, _ := p.bytes.Get().(*[]byte); b != nil {
		return *b
	}
	return make([]byte, 0, 4*len(src))
}

func (p *limitPools) PutDecompressBytes(b []byte) {
	b = b[:0]
	p.bytes.Put(&b)
}

func (p *limitPools) GetRecords(n int) []kgo.Record {
	if r, _ := p.records.Get().(*[]kgo.Record); r != nil {
		return *r
	}
	return make([]kgo.Record, n)
}

func (p *limitPools) PutRecords(r []kgo.Record) { p.records.Put(&r) }
