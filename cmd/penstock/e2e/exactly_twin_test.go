package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
)

// TestExactlyOnceTwinStops runs two agents on copies of one data directory. The one that was there
// stops its output with one error that says what to do, the other goes on, and neither repeats or
// loses a line.
func TestExactlyOnceTwinStops(t *testing.T) {
	parallel(t)
	broker := embeddedKafka
	if runtest.Long() {
		broker = func(t *testing.T) stopper { return realKafka(t) }
	}
	twinStops(t, broker(t))
}

func twinStops(t *testing.T, broker stopper) {
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	config := func(data string) string {
		text := replaceAll(
			exactlyConfig, "ROUTE", exactlyRoute, "BROKER", broker.Addr(), "FAILOVER", "",
			"STORE", "", "BUFFER", "", "DIR/data", data,
		)
		return replaceAll(text, "DIR", dir)
	}
	app := &demo.App{Source: "app", Path: filepath.Join(logs, "app.log")}
	t.Cleanup(func() { _ = app.Close() })
	write := func(n int) {
		if err := app.Write(n); err != nil {
			t.Fatal(err)
		}
	}
	ledger := demo.NewLedger()
	stopReader := background(
		t.Context(),
		func(ctx context.Context) error { return readInto(ctx, broker.Addr(), ledger) },
	)
	complete := func() {
		t.Helper()
		runtest.Within(
			t,
			60*time.Second,
			func() bool { return ledger.Distinct() >= app.Written() },
			func() string {
				return fmt.Sprintf("%d of %d lines", ledger.Distinct(), app.Written())
			},
		)
	}
	first := newAgent(t, "first", config(filepath.Join(dir, "data-1")))
	write(1000)
	first.start()
	complete()
	if code := first.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if err := os.CopyFS(
		filepath.Join(dir, "data-2"), os.DirFS(filepath.Join(dir, "data-1")),
	); err != nil {
		t.Fatal(err)
	}
	second := newAgent(t, "second", config(filepath.Join(dir, "data-2")))
	first.start()
	ready := func(a *agent) {
		runtest.Within(t, 30*time.Second, func() bool {
			n, err := a.metric("penstock_kafka_transactions_total", `result="committed"`)
			return err == nil && n >= 1
		}, func() string { return "no transaction" })
	}
	ready(first)
	second.start()
	ready(second)
	said := func(a *agent) int {
		text, _ := os.ReadFile(a.logPath)
		return strings.Count(string(text), "this output has stopped")
	}
	for range 10 {
		write(200)
		complete()
	}
	runtest.Within(
		t, 60*time.Second, func() bool { return said(first) > 0 },
		func() string { return "the first does not say that it has stopped" },
	)
	if n, err := first.metric("penstock_output_failing", "kafka"); err != nil || n != 1 {
		t.Errorf("the first is failing: %v, %v", n, err)
	}
	if said(first) != 1 || said(second) != 0 {
		t.Errorf("said %d and %d times", said(first), said(second))
	}
	for _, a := range []*agent{first, second} {
		if code := a.terminate(20 * time.Second); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
	if err := stopReader(); err != nil {
		t.Fatal(err)
	}
	if b := ledger.Check(
		map[string]int64{"app": app.Written()},
	); b.Lost != 0 || b.Duplicated != 0 ||
		b.Disordered != 0 {
		t.Errorf("%+v", b)
	}
}
