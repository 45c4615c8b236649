package spool

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
)

// benchLog hands out prepared batches again and again, at rising positions.
type benchLog struct {
	part  int32
	recs  []record.Record
	pos   int64
	until int64
	c     int64
	note  string
}

func (l *benchLog) Name() string               { return fmt.Sprintf("bench/%d", l.part) }
func (l *benchLog) Partition() (string, int32) { return "bench", l.part }
func (l *benchLog) SeekTo(pos int64) error     { l.pos = pos; return nil }
func (l *benchLog) Committed() (int64, string) { return l.c, l.note }
func (l *benchLog) Commit(_ context.Context, pos int64, note string) error {
	l.c, l.note = pos, note
	return nil
}

func (l *benchLog) Next(context.Context) (*record.Batch, error) {
	if l.pos >= l.until {
		return nil, io.EOF
	}
	recs := make([]record.Record, min(2000, int(l.until-l.pos)))
	for i := range recs {
		recs[i] = l.recs[(int(l.pos)+i)%len(l.recs)]
		recs[i].Offset = l.pos + int64(i)
	}
	l.pos += int64(len(recs))
	return record.FromRecords("bench", "", recs), nil
}

// discard is a store that reads what it is given.
type discard struct{ *memStore }

func (discard) Put(_ context.Context, _ string, r io.ReaderAt, size int64, _ PutOptions) error {
	_, err := io.Copy(io.Discard, io.NewSectionReader(r, 0, size))
	return err
}

// benchValues are JSON lines of 200 bytes over some hours, each with one of users.
func benchValues(n, hours, firstUser, users int) []record.Record {
	recs := make([]record.Record, n)
	for i := range recs {
		at := day.Add(time.Duration(i) * time.Duration(hours) * time.Hour / time.Duration(n))
		recs[i] = record.Record{Time: at.UnixNano(), Value: fmt.Appendf(
			nil,
			`{"ts":"%s","level":"info","user":"u%06d","msg":"request served","path":"/api/v1/items/%05d","status":200,"ms":%d,"trace":"%016x%016x"}`,
			at.Format(
				"2006-01-02T15:04:05.000Z",
			),
			firstUser+i%users,
			i*7%100000,
			i%977,
			uint64(i)*0x9e3779b97f4a7c15,
			uint64(i)*0xff51afd7ed558ccd,
		)}
	}
	return recs
}

func BenchmarkArchive(b *testing.B) {
	for _, c := range []struct {
		compression string
		users       int
	}{{"zstd", 1}, {"gzip", 1}, {"none", 1}, {"zstd", 15000}} {
		b.Run(fmt.Sprintf("%s/paths=%d", c.compression, c.users), func(b *testing.B) {
			// As in a topic keyed by user: each partition has its share of them.
			const parts = 6
			recs := make([][]record.Record, parts)
			for p := range recs {
				recs[p] = benchValues(100_000, 1, p*c.users/parts, max(1, c.users/parts))
			}
			b.SetBytes(int64(len(recs[0][0].Value)))
			a := testArchiver(b, discard{newMemStore()}, func(cfg *Config) {
				cfg.Compression = c.compression
				cfg.Time.Field = "ts"
				cfg.Roll = RollConfig{Size: 128 << 20, Age: time.Hour}
				if c.users > 1 {
					cfg.Path = mustTemplate(`${topic}/user=${field.user}/hr=${strftime("%H")}`)
				}
			})
			before := costtest.CPU().Seconds()
			b.ResetTimer()
			var wg sync.WaitGroup
			for p := range int32(parts) {
				wg.Go(func() {
					if err := a.Drain(
						b.Context(),
						&benchLog{part: p, recs: recs[p], until: int64(max(1, b.N/parts))},
					); err != nil {
						b.Error(err)
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e3, "krec/s")
			b.ReportMetric((costtest.CPU().Seconds()-before)/float64(b.N)*1e6, "cpu-s/Mrec")
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapSys)/(1<<20), "heap-MB")
			b.ReportMetric(float64(a.objectsPut())/1, "objects")
		})
	}
}
