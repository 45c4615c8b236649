package demo

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	if b.Lost != 5 || b.Duplicated != 1 || b.Disordered != 1 || b.Seen != 5 || b.Written != 10 ||
		l.Strange() != 1 {
		t.Fatalf("%+v", b)
	}
}

// What the demo ends with: an error if a line is missing anywhere, out of order, or left in the
// overflow, or twice in the lake alone.
func TestReportTellsOfEveryLoss(t *testing.T) {
	const n = 5
	all := []int64{0, 1, 2, 3, 4}
	twice := append(slices.Clone(all), 4)
	for name, c := range map[string]struct {
		kafka, lake []int64
		left        bool
		ok          bool
		says        string
	}{
		"all is well":                {kafka: all, lake: all, ok: true},
		"sent twice, archived twice": {kafka: twice, lake: twice, ok: true},
		"lost before Kafka":          {kafka: all[:4], lake: all, says: "a: 4 to 4 lost"},
		"lost before the lake":       {kafka: all, lake: []int64{0, 2, 3, 4}, says: "a: 1 to 1 lost"},
		"out of order":               {kafka: []int64{0, 2, 1, 3, 4}, lake: all, says: "a: 1 came after 2"},
		"archived twice":             {kafka: all, lake: twice},
		"archived once of two":       {kafka: twice, lake: all},
		"left in the overflow":       {kafka: all, lake: all, left: true, says: "1 objects are left"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			dir := t.TempDir()
			app := &App{Source: "a", Path: filepath.Join(dir, "a.log")}
			if err := errors.Join(app.Write(n), app.Close()); err != nil {
				t.Fatal(err)
			}
			r := &run{
				opts:   Options{Out: &out},
				dir:    dir,
				apps:   []*App{app},
				ledger: NewLedger(),
				lake:   NewLedger(),
				meter:  newFlowMeter(""),
			}
			for _, seq := range c.kafka {
				r.ledger.See(AppendLine(nil, "a", seq, time.Now()))
			}
			for _, seq := range c.lake {
				r.lake.See(AppendLine(nil, "a", seq, time.Now()))
			}
			if c.left {
				if err := errors.Join(
					os.Mkdir(r.overflowDir(), 0o755),
					os.WriteFile(filepath.Join(r.overflowDir(), "1.ndjson.zst"), nil, 0o644),
				); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.report(); c.ok != (err == nil) || err != nil && !errors.Is(err, ErrLost) {
				t.Errorf("report: %v", err)
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("nothing says %q in\n%s", c.says, out.String())
			}
		})
	}
}

func TestAppRotates(t *testing.T) {
	dir := t.TempDir()
	a := &App{
		Source: "a",
		Path:   filepath.Join(dir, "app.log"),
		Kinds:  []Rotation{Rename, RenameGzip, CopyTruncate},
		Rand:   rand.New(rand.NewPCG(1, 1)),
	}
	for range 20 {
		if err := a.Write(10); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Rotate(); err != nil {
			t.Fatal(err)
		}
	}
	if files, _ := filepath.Glob(
		filepath.Join(dir, "app.log.*"),
	); len(files) != 20 ||
		a.Written() != 200 {
		t.Fatal(files)
	}
}
