package demo

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestBrokerStopsAndStarts(t *testing.T) {
	b, err := StartBroker(1, []string{"t"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.DefaultProduceTopic("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range 2 {
		if err := cl.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := b.Stop(); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		if err := cl.Ping(short); err == nil {
			t.Fatal("a stopped broker answered")
		}
		cancel()
		if err := b.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.Ping(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestLedgerFindsLossDuplicatesAndDisorder(t *testing.T) {
	l := NewLedger()
	for _, seq := range []int64{0, 1, 3, 2, 2, 6} {
		l.See(AppendLine(nil, "a", seq, time.Now()))
	}
	l.See([]byte("rubbish"))
	b := l.Check(map[string]int64{"a": 8, "b": 2})
	if b.Lost != 5 || b.Duplicated != 1 || b.Disordered != 1 || b.Seen != 5 || b.Written != 10 || l.Strange() != 1 {
		t.Fatalf("%+v", b)
	}
}

func TestAppRotates(t *testing.T) {
	dir := t.TempDir()
	a := &App{Source: "a", Path: filepath.Join(dir, "app.log"), Kinds: []Rotation{Rename, RenameGzip, CopyTruncate}, Rand: rand.New(rand.NewPCG(1, 1))}
	for range 20 {
		if err := a.Write(10); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Rotate(); err != nil {
			t.Fatal(err)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "app.log.*")); len(files) != 20 || a.Written() != 200 {
		t.Fatal(files)
	}
}
