package drain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deadletter"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/outputs/overflow"
	"github.com/penstock/penstock/outputs/replay"
)

func deadRecord(value string) outputs.DeadRecord {
	return outputs.DeadRecord{
		Tag:    "app",
		Origin: "/var/log/app.log",
		Output: "output.test.a",
		Reason: "too large",
		Time:   time.Now(),
		Record: record.Record{
			Offset:  7,
			Time:    1e9,
			Key:     []byte("k"),
			Value:   []byte(value),
			Headers: []record.Header{{Key: "h", Value: []byte("v")}},
		},
	}
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if e.Type().IsRegular() {
			p, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			out[e.Name()] = string(p)
		}
	}
	return out
}

func TestDeadLetterDirKeepsEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dead-letter", "output.test.a")
	d := deadletter.NewDir(dir)
	if len(files(t, dir)) != 0 {
		t.Fatal("files before anything was refused")
	}
	if err := d.Keep(t.Context(), []outputs.DeadRecord{deadRecord("one"), deadRecord("two\xff")}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	got := files(t, dir)["00000000000000000001.ndjson"]
	var lines []map[string]any
	for _, line := range strings.Split(strings.TrimSpace(got), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, m)
	}
	if len(lines) != 2 || lines[0]["reason"] != "too large" || lines[0]["output"] != "output.test.a" || lines[0]["value"] != "one" || lines[0]["origin"] != "/var/log/app.log" ||
		lines[0]["time"] != "1970-01-01T00:00:01Z" ||
		lines[0]["refused"] == nil ||
		lines[0]["offset"] != 7.0 ||
		lines[1]["value_base64"] != "dHdv/w==" {
		t.Fatalf("got %s", got)
	}
}

// A crash in the middle of a write leaves a torn line, which was acknowledged to nobody: the next
// run cuts it off.
func TestDeadLetterDirAfterACrash(t *testing.T) {
	dir := t.TempDir()
	d := deadletter.NewDir(dir)
	d.Keep(t.Context(), []outputs.DeadRecord{deadRecord("one")})
	d.Close()
	name := filepath.Join(dir, "00000000000000000001.ndjson")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"output":"output.te`)
	f.Close()
	d = deadletter.NewDir(dir)
	if err := d.Keep(t.Context(), []outputs.DeadRecord{deadRecord("two")}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if got := files(t, dir)["00000000000000000001.ndjson"]; strings.Count(got, "\n") != 2 ||
		strings.Contains(got, "output.te\"") ||
		!strings.Contains(got, `"two"`) ||
		strings.Contains(got, `te{`) {
		t.Fatalf("got %s", got)
	}
}

// Several writers, two of them as if in another process, and a reader that takes files away: each
// letter is read once.
func TestDeadLetterDirShared(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			d := deadletter.NewDir(dir)
			defer d.Close()
			for i := range 50 {
				if err := d.Keep(
					t.Context(), []outputs.DeadRecord{deadRecord(fmt.Sprintf("%d-%d", w, i))},
				); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := deadletter.TakeDeadLetters(dir); err != nil {
				t.Error(err)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	wg.Wait()
	close(stop)
	<-done
	seen := map[string]int{}
	for _, text := range files(t, dir) {
		for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
			var m map[string]any
			if line == "" {
				continue
			}
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			seen[m["value"].(string)]++
		}
	}
	if len(seen) != 200 {
		t.Fatalf("%d letters of 200", len(seen))
	}
	for v, n := range seen {
		if n != 1 {
			t.Fatalf("%s stands %d times", v, n)
		}
	}
}

func TestDeadLetterTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := outputtest.NewMemLog("l")
		g := newGen(runtest.Rand(t))
		g.fill(log, 50, 3, 4)
		log.Seal()
		target := outputtest.NewDest()
		to := wrap(
			t, newFixture(t, "output.test.dead"), target, true, quick(),
			drain.Targets{DeadLetter: &memDead{}},
		)
		dest := outputtest.NewDest()
		dest.SetJudge(func(r *record.Record) error {
			if bytes.HasSuffix(r.Value, []byte("3")) {
				return outputs.Permanent(errors.New("unlucky"))
			}
			return nil
		})
		d := wrap(
			t, newFixture(t, "output.test.a"), dest, false, quick(),
			drain.Targets{DeadLetter: deadletter.To(to)},
		)
		if err := d.Drain(t.Context(), log.Owner()); err != nil {
			t.Fatal(err)
		}
		if target.Count() == 0 || target.Count()+dest.Count() != len(g.sent) {
			t.Fatalf("%d and %d of %d", target.Count(), dest.Count(), len(g.sent))
		}
		for _, r := range target.Received() {
			reason, _ := r.Record.Header(outputs.HeaderReason)
			output, _ := r.Record.Header(outputs.HeaderOutput)
			if string(reason) != "unlucky" || string(output) != "output.test.a" ||
				r.Tag != "tag."+r.Origin {
				t.Fatalf("%+v", r)
			}
		}
		d.Close()
		to.Close()
	})
}

// Dead letters are replayed once the reason is mended, from a directory and from a store; what is
// refused again is kept again.
func TestReplayDeadLetters(t *testing.T) {
	for _, stored := range []bool{false, true} {
		dir, store := t.TempDir(), outputtest.NewMemStore()
		f := newFixture(t, "output.test.a")
		var dl outputs.DeadLetter = deadletter.NewDir(dir)
		if stored {
			dl = deadletter.NewStore(store, f.env)
		}
		dest, log := outputtest.NewDest(), outputtest.NewMemLog("l")
		g := newGen(runtest.Rand(t))
		g.fill(log, 100, 3, 4)
		log.Seal()
		broken, never := true, "origin-1 3"
		dest.SetJudge(func(r *record.Record) error {
			if string(r.Value) == never || broken && bytes.HasSuffix(r.Value, []byte("3")) {
				return outputs.Permanent(errors.New("no such topic"))
			}
			return nil
		})
		d := wrap(t, f, dest, true, quick(), drain.Targets{DeadLetter: dl})
		if err := d.Drain(t.Context(), log.Owner()); err != nil {
			t.Fatal(err)
		}
		missing := len(g.sent) - dest.Count()
		if missing < 5 {
			t.Fatalf("only %d refused", missing)
		}
		broken = false
		opts := replay.Options{
			To:  d,
			Log: slog.New(slog.NewTextHandler(f.logs, nil)),
			Dir: t.TempDir(),
		}
		progress := new(replay.Progress)
		replay := func() (replay.Summary, error) {
			if stored {
				return replay.FromStore(
					t.Context(), store, replay.Prefix("dead-letter", "web-1"), opts,
				)
			}
			return replay.FromFiles(t.Context(), dir, opts)
		}
		opts.DryRun, opts.Progress = true, progress
		if sum, err := replay(); err != nil || sum.Objects == 0 || sum.Bytes == 0 ||
			sum.Records != 0 {
			t.Fatalf("dry run: %+v %v", sum, err)
		}
		if r := progress.Now(); !r.Since.IsZero() {
			t.Errorf("after a dry run: %+v", r)
		}
		opts.DryRun = false
		sum, err := replay()
		r := progress.Now()
		if r.Records != sum.Records || r.Objects != sum.Objects || r.OfObjects != sum.Objects ||
			r.Bytes != sum.Bytes || r.OfBytes != sum.Bytes || r.ToGo(time.Now()) != 0 ||
			!stored && r.OfRecords != int64(missing) {
			t.Errorf("progress %+v of %+v", r, sum)
		}
		if err != nil || sum.Records != int64(missing) || sum.Damaged != 0 {
			t.Fatalf("%+v %v, want %d records", sum, err, missing)
		}
		if dest.Count() != len(g.sent)-1 {
			t.Fatalf("%d of %d arrived", dest.Count(), len(g.sent))
		}
		opts.Keep = true
		if sum, err = replay(); err != nil || sum.Records != 1 {
			t.Fatalf("again: %+v %v", sum, err)
		}
		d.Close()
	}
}

func TestReplayFilesSkipsATornLineAndReportsDamage(t *testing.T) {
	dir := t.TempDir()
	d := deadletter.NewDir(dir)
	d.Keep(t.Context(), []outputs.DeadRecord{deadRecord("one"), deadRecord("two"), deadRecord("three")})
	d.Close()
	name := filepath.Join(dir, "00000000000000000001.ndjson")
	p, _ := os.ReadFile(name)
	damaged := append(bytes.Replace(p, []byte(`"two"`), []byte(`"two`), 1), []byte(`{"torn`)...)
	os.WriteFile(name, damaged, 0o600)
	f, dest := newFixture(t, "output.test.a"), outputtest.NewDest()
	to := wrap(t, f, dest, false, quick(), drain.Targets{DeadLetter: &memDead{}})
	sum, err := replay.FromFiles(t.Context(), dir, replay.Options{To: to, Log: f.env.Log})
	if err != nil || sum.Records != 2 || sum.Damaged != 1 {
		t.Fatalf("%+v %v", sum, err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "damaged", "*"))
	if len(left) != 1 || len(files(t, dir)) != 0 || !strings.Contains(f.logs.String(), "damaged") {
		t.Fatalf("left %v", left)
	}
	if q, _ := os.ReadFile(left[0]); !bytes.Equal(q, damaged) {
		t.Fatal("the damaged file was changed")
	}
}

// lostHost leaves overflow in the store, as a host that died in an outage.
func lostHost(t *testing.T, r *rig) {
	r.dest.SetDown(true)
	r.start()
	r.feed(5 * time.Minute)
	time.Sleep(2 * time.Minute)
	r.stop()
	r.dest.SetDown(false)
	if pos, _ := r.log.Committed(); pos != r.log.End() || len(r.waiting()) < 5 {
		t.Fatalf("committed %d of %d, %d objects", pos, r.log.End(), len(r.waiting()))
	}
}

// Two replays of a lost host at the same time, one of which dies in the middle: everything arrives
// in order, and at most one object twice.
func TestReplayOfALostHostIsExclusive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		lostHost(t, r)
		r.dest.SetLatency(func() time.Duration { return 300 * time.Millisecond })
		ctx, die := context.WithCancel(t.Context())
		run := func(ctx context.Context, holder string, wait bool) (replay.Summary, error) {
			f := newFixture(t, "output.test.a")
			d, err := drain.NewOutput(
				r.dest.Writer(), quick(), f.env, drain.Targets{DeadLetter: r.dead},
			)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			return replay.FromStore(
				ctx, r.store, replay.Prefix("overflow", "web-1"),
				replay.Options{To: d, Log: f.env.Log, Holder: holder, Wait: wait, Dir: t.TempDir()},
			)
		}
		first := make(chan error, 1)
		go func() {
			_, err := run(ctx, "a", false)
			first <- err
		}()
		time.Sleep(10 * time.Second)
		sum, err := run(t.Context(), "b", false)
		if err != nil || len(sum.Skipped) != 1 || sum.Objects != 0 ||
			!strings.Contains(sum.Skipped[0], "being replayed by a") {
			t.Fatalf("the second replay: %+v %v", sum, err)
		}
		second := make(chan error, 1)
		go func() {
			_, err := run(t.Context(), "b", true)
			second <- err
		}()
		time.Sleep(2 * time.Minute) // longer than a lease: it is renewed
		if n := len(r.waiting()); n == 0 {
			t.Fatal("done too soon for the test to mean anything")
		}
		// It dies without a word: nothing that it does reaches the store.
		r.store.SetFault(
			func(op, key string) outputtest.StoreFault { return outputtest.StoreFails },
		)
		die()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		r.store.SetFault(nil)
		if err := <-second; err != nil {
			t.Fatal(err)
		}
		if keys := r.store.Keys(""); len(keys) != 0 {
			t.Fatalf("left in the store: %v", keys)
		}
		if n := checkDelivered(t, r.g.sent, r.dest.Received(), r.dead.all(), true); n > 3200/150+5 {
			t.Fatalf("%d repeats", n)
		}
	})
}

// A replay that cannot ask the store who replays asks again, and does not take the overflow for
// free: the lease that it does not see is several renewals old.
func TestReplayThatCannotSeeTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		lostHost(t, r)
		r.dest.SetLatency(func() time.Duration { return 300 * time.Millisecond })
		run := func(holder string) (replay.Summary, error) {
			f := newFixture(t, "output.test.a")
			d, err := drain.NewOutput(
				r.dest.Writer(), quick(), f.env, drain.Targets{DeadLetter: r.dead},
			)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			return replay.FromStore(
				t.Context(), r.store, replay.Prefix("overflow", "web-1"),
				replay.Options{To: d, Log: f.env.Log, Holder: holder, Dir: t.TempDir()},
			)
		}
		first := make(chan error, 1)
		go func() {
			_, err := run("a")
			first <- err
		}()
		time.Sleep(time.Minute)
		var failed atomic.Int64
		r.store.SetFault(func(op, key string) outputtest.StoreFault {
			if op == "list" && strings.HasSuffix(key, "/lease/") && failed.Add(1) == 1 {
				return outputtest.StoreFails
			}
			return outputtest.StoreWorks
		})
		sum, err := run("b")
		if err != nil || sum.Objects != 0 || len(sum.Skipped) != 1 || failed.Load() < 2 ||
			!strings.Contains(sum.Skipped[0], "being replayed by a") {
			t.Errorf("the second replay, after %d listings: %+v %v", failed.Load(), sum, err)
		}
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		if n := checkDelivered(t, r.g.sent, r.dest.Received(), r.dead.all(), true); n != 0 {
			t.Errorf("%d repeats", n)
		}
	})
}

// The agent itself waits while somebody replays its overflow.
func TestAgentAndReplayExcludeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		lostHost(t, r)
		r.dest.SetLatency(func() time.Duration { return 300 * time.Millisecond })
		f := newFixture(t, "output.test.a")
		d, err := drain.NewOutput(
			r.dest.Writer(), quick(), f.env, drain.Targets{DeadLetter: r.dead},
		)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := replay.FromStore(
				t.Context(), r.store, replay.Prefix("overflow", "web-1"),
				replay.Options{To: d, Log: f.env.Log, Dir: t.TempDir()},
			)
			done <- err
		}()
		time.Sleep(5 * time.Second)
		r.start()
		r.feed(5 * time.Second)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		d.Close()
		time.Sleep(2 * time.Minute)
		r.finish()
		if n := r.check(true); n != 0 {
			t.Fatalf("%d repeats", n)
		}
	})
}

type tooWide struct{ error }

func (tooWide) Reason() string { return "too_wide" }

// What is refused for good is counted by its own reason, and told about: once, then at intervals.
func TestRefusalsAreToldAbout(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		f, dest, log, dead := newFixture(
			t, "output.test.a",
		), outputtest.NewDest(), outputtest.NewMemLog(
			"log",
		), &memDead{}
		dest.SetJudge(func(r *record.Record) error {
			if strings.HasSuffix(string(r.Value), "5") {
				return outputs.Permanent(tooWide{errors.New("no room for it")})
			}
			return nil
		})
		newGen(runtest.Rand(t)).fill(log, 60, 5, 3)
		log.Seal()
		d := wrap(t, f, dest, async, quick(), drain.Targets{DeadLetter: dead})
		if err := d.Drain(t.Context(), log.Owner()); err != nil {
			t.Fatal(err)
		}
		d.Close()
		if len(dead.all()) < 3 {
			t.Fatalf("%d refused", len(dead.all()))
		}
		errs, err := f.reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, fam := range errs {
			for _, m := range fam.Metric {
				if fam.GetName() == "penstock_output_errors_total" &&
					m.Label[0].GetValue() != "too_wide" {
					t.Errorf("counted as %s", m.Label[0].GetValue())
				}
			}
		}
		out := f.logs.String()
		if n := strings.Count(
			out, "dead letter",
		); n != 1 || !strings.Contains(out, "penstock replay --output output.test.a --dead-letter") ||
			!strings.Contains(out, "no room for it") {
			t.Errorf("logged %d times:\n%s", n, out)
		}
	})
}

// A batch is taken but for some records that the dead letter cannot keep. The buffer fills up, what
// is under way is given up, and the overflow gets what was not taken.
func TestWhatWasTakenBesideAFailingDeadLetterIsNotMoved(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.c.Failover.ObjectAge = time.Second
		r.dest.SetJudge(func(rec *record.Record) error {
			if strings.HasSuffix(string(rec.Value), "0") {
				return outputs.Permanent(errors.New("no"))
			}
			return nil
		})
		r.dead.setFail(true)
		r.start()
		for range 10 {
			r.g.fill(r.log, 1, 1, 50)
		}
		time.Sleep(2 * time.Second)
		r.log.SetFill(0.9)
		time.Sleep(time.Minute)
		if r.state() != overflow.StateOverflow || r.dest.Count() == 0 {
			t.Fatalf("state %s, %d records taken", r.state(), r.dest.Count())
		}
		r.log.SetFill(0)
		r.dead.setFail(false)
		time.Sleep(2 * time.Minute)
		r.finish()
		if n := r.check(false); n > 0 {
			t.Errorf("%d repeats", n)
		}
	})
}
