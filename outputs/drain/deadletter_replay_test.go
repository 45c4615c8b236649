package drain_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deadletter"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/outputs/replay"
)

// lettersOf are 30 dead letters of two reasons and three origins, a minute apart.
func lettersOf(t *testing.T, dir string) {
	t.Helper()
	var dead []outputs.DeadRecord
	for i := range 30 {
		l := deadRecord(fmt.Sprintf("v%02d", i))
		l.Reason = "no such topic"
		if i%3 == 0 {
			l.Reason = fmt.Sprintf("%d bytes are too many", 1000+i)
		}
		l.Origin = fmt.Sprintf("/log/%d", i/10)
		l.Time = time.Date(2026, 1, 2, 3, i, 0, 0, time.UTC)
		dead = append(dead, l)
	}
	d := deadletter.NewDir(dir)
	if err := errors.Join(d.Keep(t.Context(), dead), d.Close()); err != nil {
		t.Fatal(err)
	}
}

func leftOf(t *testing.T, dir string) (values []string) {
	t.Helper()
	o := replay.NewOverview(100)
	if err := o.AddDir(t.Context(), dir, &replay.Filter{}); err != nil {
		t.Fatal(err)
	}
	for _, r := range o.Reasons {
		for _, s := range r.Samples {
			values = append(values, s.Value)
		}
	}
	slices.Sort(values)
	return values
}

func TestDeadLettersAreGroupedByReason(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lettersOf(t, dir)
	// A file that a replay has begun with counts, and what is no record is told.
	if err := os.WriteFile(
		filepath.Join(dir, "replaying-0.ndjson"), []byte("{nonsense\n"), 0o600,
	); err != nil {
		t.Fatal(err)
	}
	o := replay.NewOverview(2)
	if err := o.AddDir(t.Context(), dir, &replay.Filter{}); err != nil {
		t.Fatal(err)
	}
	o.Sort()
	if len(o.Reasons) != 2 || o.Unreadable != 1 {
		t.Fatalf("%+v", o)
	}
	topic, large := o.Reasons[0], o.Reasons[1]
	if topic.Reason != "no such topic" || topic.Records != 20 || len(topic.Samples) != 2 ||
		large.Reason != "1000 bytes are too many" || large.Records != 10 ||
		large.First.Minute() != 0 || large.Last.Minute() != 27 || large.Samples[1].Value != "v03" {
		t.Errorf("%+v", o)
	}
}

// Of the dead letters those that are chosen are replayed and taken away; all others stay, and so
// does what cannot be read.
func TestReplayOfChosenDeadLetters(t *testing.T) {
	t.Parallel()
	at := func(min int) time.Time { return time.Date(2026, 1, 2, 3, min, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		filter replay.Filter
		want   func(i int) bool
	}{
		"reason": {replay.Filter{Reason: "too many"}, func(i int) bool { return i%3 == 0 }},
		"origin": {replay.Filter{Origin: "/log/1"}, func(i int) bool { return i/10 == 1 }},
		"time": {
			replay.Filter{Since: at(5), Until: at(8)}, func(i int) bool { return i >= 5 && i < 8 },
		},
		"none": {replay.Filter{Reason: "no such reason"}, func(int) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			lettersOf(t, dir)
			appendTo(t, filepath.Join(dir, "00000000000000000001.ndjson"), "{nonsense\n")
			f, dest := newFixture(t, "output.test.a"), outputtest.NewDest()
			to := wrap(t, f, dest, false, quick(), drain.Targets{DeadLetter: &memDead{}})
			opts := replay.Options{To: to, Log: f.env.Log, Filter: c.filter}
			var sent, left []string
			for i := range 30 {
				if v := fmt.Sprintf("v%02d", i); c.want(i) {
					sent = append(sent, v)
				} else {
					left = append(left, v)
				}
			}
			for range 2 { // the second finds none
				opts.Progress = new(replay.Progress)
				sum, err := replay.FromFiles(t.Context(), dir, opts)
				if err != nil {
					t.Fatalf("%+v %v", sum, err)
				}
				if r := opts.Progress.Now(); r.Records != sum.Records || r.OfRecords != sum.Records {
					t.Errorf("progress %+v of %+v", r, sum)
				}
			}
			if got := valuesOf(dest); !slices.Equal(got, sent) {
				t.Errorf("sent %q, want %q", got, sent)
			}
			if got := leftOf(t, dir); !slices.Equal(got, left) {
				t.Errorf("left %q, want %q", got, left)
			}
			opts.Filter = replay.Filter{}
			sum, err := replay.FromFiles(t.Context(), dir, opts)
			if err != nil || sum.Records != int64(len(left)) || sum.Damaged != 1 {
				t.Errorf("the rest: %+v %v", sum, err)
			}
		})
	}
}

// A replay that is stopped has taken away what was acknowledged, and nothing else.
func TestReplayOfDeadLettersThatIsStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lettersOf(t, dir)
	f, dest := newFixture(t, "output.test.a"), outputtest.NewDest()
	to := wrap(t, f, dest, false, quick(), drain.Targets{DeadLetter: &memDead{}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := 0 // of those that come before
	dest.SetJudge(func(r *record.Record) error {
		switch v := string(r.Value); {
		case v < "v10":
			first++
		case v >= "v15" || first < 10:
			if first == 10 {
				cancel()
			}
			return errors.New("away")
		}
		return nil
	})
	sum, err := replay.FromFiles(ctx, dir, replay.Options{To: to, Log: f.env.Log})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%+v %v", sum, err)
	}
	got, left := valuesOf(dest), leftOf(t, dir)
	if len(got)+len(left) != 30 || len(got) == 0 || sum.Records != int64(len(got)) {
		t.Errorf("%+v: sent %q, left %q", sum, got, left)
	}
	for _, v := range got {
		if slices.Contains(left, v) {
			t.Errorf("%s was acknowledged, and is there", v)
		}
	}
}

func valuesOf(d *outputtest.Dest) (out []string) {
	for _, r := range d.Received() {
		out = append(out, string(r.Record.Value))
	}
	slices.Sort(out)
	return out
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	old, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, []byte(strings.Join([]string{string(old), text}, "")), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
