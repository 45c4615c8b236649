package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/spool/format"
)

// sealed is a log of one batch that ends.
type sealed struct {
	mu   sync.Mutex
	recs []record.Record
	read bool
	pos  int64
	note string
}

func (l *sealed) Name() string { return "app/out" }

func (l *sealed) Next(context.Context) (*record.Batch, error) {
	if l.read {
		return nil, io.EOF
	}
	l.read = true
	return record.FromRecords("app", "origin", l.recs), nil
}

func (l *sealed) SeekTo(int64) error { return nil }

func (l *sealed) Committed() (int64, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pos, l.note
}

func (l *sealed) Commit(_ context.Context, pos int64, note string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pos, l.note = pos, note
	return nil
}

func TestOutputArchives(t *testing.T) {
	for _, kind := range []string{"ndjson", "avro", "parquet"} {
		cfg := Default()
		cfg.Directory = t.TempDir()
		f := format.Default()
		f.Type = kind
		cfg.Format, cfg.Roll.Records = &f, 100
		o, err := New(cfg, outputtest.Env(t, "output.local.out"))
		if err != nil {
			t.Fatal(err)
		}
		log := &sealed{}
		for i := range 100 {
			log.recs = append(
				log.recs,
				record.Record{
					Offset: int64(i),
					Time:   1767323045e9,
					Value:  fmt.Appendf(nil, `{"n":%d}`, i),
				},
			)
		}
		if err := o.Drain(t.Context(), log); err != nil {
			t.Fatal(err)
		}
		if pos, _ := log.Committed(); pos != 100 {
			t.Errorf("%s: committed %d, want 100", kind, pos)
		}
		n := 0
		for object, err := range o.Store().List(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			body, _, err := o.Store().Get(t.Context(), object.Key)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(body)
			if err = errors.Join(err, body.Close()); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(object.Key, "dt=2026-01-02/hr=03/") ||
				format.Kind(object.Key) != kind {
				t.Errorf("object %s", object.Key)
			}
			err = format.Read(
				bytes.NewReader(data),
				int64(len(data)),
				kind,
				func(e *format.Entry) error {
					if want := fmt.Sprintf(`"n":%d`, n); !strings.Contains(string(e.Value), want) {
						t.Errorf("%s: record %d is %s", kind, n, e.Value)
					}
					n++
					return nil
				},
			)
			if err != nil {
				t.Fatal(err)
			}
		}
		if n != 100 {
			t.Errorf("%s: %d records, want 100", kind, n)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}
