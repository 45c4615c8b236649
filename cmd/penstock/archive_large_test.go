package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	kafkain "github.com/penstock/penstock/inputs/kafka"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/local"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/format"
	"github.com/penstock/penstock/spool/protocol"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// dying is a partition whose consumer dies at a commit: behind the one that stores an intent, or
// before the one that ends the cut.
type dying struct {
	*kafkain.Lease
	die    context.CancelFunc
	before bool
	begun  bool
}

func (d *dying) Commit(ctx context.Context, pos int64, note string) error {
	n, _, err := protocol.ParseNote(note)
	if err != nil {
		return err
	}
	if n.Intent == nil && d.begun {
		d.die()
		<-ctx.Done()
		return ctx.Err()
	}
	if err := d.Lease.Commit(ctx, pos, note); err != nil {
		return err
	}
	if n.Intent != nil {
		if d.begun = true; !d.before {
			d.die()
		}
	}
	return nil
}

// A batch that is too large lies within a cut whose consumer dies: the one that comes after makes
// the same cut, of the same records, and the batch is in the dead letter.
func TestArchiveAroundABatchThatInflates(t *testing.T) {
	for _, uploaded := range []bool{false, true} {
		t.Run(fmt.Sprintf("uploaded %v", uploaded), func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "app"))
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			produceAround(t, cluster.ListenAddrs()[0])
			dir := t.TempDir()
			var mu sync.Mutex
			letters := map[int64]int{}
			consume := func(wrap func(l *kafkain.Lease, die context.CancelFunc) record.Log, until func() bool) {
				lc := local.Default()
				lc.Directory = dir
				f := format.Default()
				f.Envelope, f.EnvelopeValue = true, "text"
				lc.Format, lc.Roll = &f, spool.RollConfig{
					Records: 700,
					Idle:    200 * time.Millisecond,
				}
				log := slog.New(slog.DiscardHandler)
				out, err := local.New(
					lc,
					outputs.Env{
						Agent:   "a",
						Log:     log,
						Metrics: prometheus.NewRegistry(),
						Dir:     t.TempDir(),
					},
				)
				if err != nil {
					t.Fatal(err)
				}
				defer out.Close()
				kc := kafkain.Default()
				kc.Brokers, kc.Group, kc.Topics = cluster.ListenAddrs(), "lake", []string{"app"}
				kc.MaxInflatedBatch = 1 << 20
				in, err := kafkain.New(
					kc,
					inputs.Env{
						Agent:   "a",
						Log:     log,
						Metrics: prometheus.NewRegistry(),
						Dir:     t.TempDir(),
						DeadLetter: func(_ context.Context, b *record.Batch, _ string) error {
							mu.Lock()
							defer mu.Unlock()
							letters[b.First]++
							return nil
						},
					},
				)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if until != nil {
					go func() {
						defer cancel()
						for !until() && ctx.Err() == nil {
							select {
							case <-time.After(20 * time.Millisecond):
							case <-ctx.Done():
							}
						}
					}()
				}
				if err := in.Run(ctx, func(ctx context.Context, l record.Log) error {
					return out.Drain(ctx, wrap(l.(*kafkain.Lease), cancel))
				}); err != nil {
					t.Fatal(err)
				}
			}
			consume(func(l *kafkain.Lease, die context.CancelFunc) record.Log {
				return &dying{Lease: l, die: die, before: uploaded}
			}, nil)
			first := objects(t, dir)
			if (len(first) > 0) != uploaded {
				t.Fatalf("%d objects after the first consumer", len(first))
			}
			consume(
				func(l *kafkain.Lease, _ context.CancelFunc) record.Log { return l },
				func() bool {
					got := archivedOffsets(t, dir)
					return len(got) >= 1000
				},
			)
			for name, text := range first {
				if second := objects(t, dir)[name]; second != text {
					t.Errorf("%s was made again with other bytes", name)
				}
			}
			got := archivedOffsets(t, dir)
			for at := range int64(1003) {
				want := 1
				if at >= 500 && at < 503 {
					want = 0
				}
				if got[at] != want {
					t.Errorf("offset %d is there %d times, want %d", at, got[at], want)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if letters[500] == 0 {
				t.Errorf("dead letters: %v", letters)
			}
			for at := range letters { // the client may have made two batches of the three records
				if at < 500 || at >= 503 {
					t.Errorf("dead letters: %v", letters)
				}
			}
			if out, _, err := runArchive("verify", "--deep", "--directory", dir); err != nil ||
				!strings.Contains(out, "1000 records: 0 problems") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// produceAround produces [0, 500) one by one, three records in a batch that is too large, and [503,
// 1003).
func produceAround(t *testing.T, broker string) {
	t.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(broker), kgo.DefaultProduceTopic("app"), kgo.ProducerBatchMaxBytes(64<<20),
		kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.ProducerLinger(time.Minute),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	at := time.UnixMilli(1767312000_000)
	for _, part := range []struct {
		n     int
		value string
	}{{500, `{"a":1}`}, {3, strings.Repeat("0", 2<<20)}, {500, `{"a":2}`}} {
		for range part.n {
			cl.Produce(
				t.Context(),
				&kgo.Record{Value: []byte(part.value), Timestamp: at},
				func(_ *kgo.Record, err error) {
					if err != nil {
						t.Error(err)
					}
				},
			)
		}
		if err := cl.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// objects returns the data objects of an archive by name.
func objects(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	names, err := filepath.Glob(filepath.Join(dir, "app/*/*/*.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		p, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(p)
	}
	return out
}

// archivedOffsets returns how often each offset is in an archive.
func archivedOffsets(t *testing.T, dir string) map[int64]int {
	t.Helper()
	out := map[int64]int{}
	all := objects(t, dir)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r := strings.NewReader(all[name])
		if err := format.Read(
			r,
			int64(len(all[name])),
			format.Kind(name),
			func(e *format.Entry) error {
				out[e.Offset]++
				return nil
			},
		); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
