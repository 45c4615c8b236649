package e2e

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/inputs/forward"
	"github.com/penstock/penstock/inputs/inputstest"
	forwardout "github.com/penstock/penstock/outputs/forward"
)

const passOn = `
agent {
  data_dir = "DIR/NAME"
  name     = "NAME"
  shutdown_timeout = "1s"
  admin { listen = "ADMIN" }
}
input "forward" "in" {
  listen = "FROM"
  security { shared_key = "between us" }
}
output "forward" "on" {
  server "next" { address = "TO" }
  shared_key   = "between us"
  compression  = "COMPRESSION"
  recover_wait = "0s"
  retry { max = "200ms" }
}
pipeline "pass-on" {
  from = [input.forward.in]
  to   = [output.forward.on]
}
`

// forwardPeer is a forward input of this process, whose records are at hand.
func forwardPeer(t *testing.T, addr string, change func(*forward.Config)) *inputstest.MemSink {
	t.Helper()
	cfg := forward.Default()
	cfg.Listen = addr
	if change != nil {
		change(&cfg)
	}
	env := inputstest.Env("input.forward.peer", t.TempDir())
	env.Agent = "the-end"
	f, err := forward.New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	sink := inputstest.New()
	stop := background(t.Context(), func(ctx context.Context) error { return f.Run(ctx, sink) })
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	if _, err := f.Addr(t.Context()); err != nil {
		t.Fatal(err)
	}
	return sink
}

// twoRelays are agents that pass on to each other what they take.
type twoRelays struct {
	dir         string // with a data directory for each, of its name
	one, two    *agent
	first, last string // where the first one listens, and where the second one sends
}

func relayPair(t *testing.T) twoRelays {
	t.Helper()
	r := twoRelays{dir: t.TempDir(), first: servers.FreeAddr(t), last: servers.FreeAddr(t)}
	second := servers.FreeAddr(t)
	relay := func(name, from, to, compression string) *agent {
		return newAgent(t, name, replaceAll(
			passOn, "DIR", r.dir, "NAME", name, "FROM", from, "TO", to, "COMPRESSION", compression,
		))
	}
	r.one, r.two = relay("relay-1", r.first, second, "gzip"), relay("relay-2", second, r.last, "none")
	return r
}

// pass sends a batch through both, each of which is killed while it has all of it on disk, and
// returns where it arrives. Between the second one's lives it calls stopped.
func (r *twoRelays) pass(
	t *testing.T, b *record.Batch, client func(*forwardout.Config), stopped func(),
) *inputstest.MemSink {
	t.Helper()
	r.one.start()
	sender := forwardWriter(t, r.first, func(c *forwardout.Config) {
		c.SharedKey = "between us"
		client(c)
	})
	runtest.Within(
		t, 20*time.Second, func() bool { return sender.Write(t.Context(), b) == nil },
		func() string { return "not acknowledged" },
	)
	r.one.kill()
	r.one.start()
	r.two.start()
	runtest.Within(t, 20*time.Second, func() bool {
		n, err := r.one.metric("penstock_output_records_total")
		return err == nil && int(n) == b.Len()
	}, func() string { return "the second relay did not take the records" })
	r.two.kill()
	stopped()
	r.two.start()
	return forwardPeer(t, r.last, func(c *forward.Config) {
		c.Security = &forward.Security{SharedKey: "between us", AllowAnonymousSource: true}
	})
}

func waitForRecords(t *testing.T, sink *inputstest.MemSink, n int) {
	t.Helper()
	runtest.Within(
		t, 20*time.Second, func() bool { return len(sink.Records()) >= n },
		func() string { return fmt.Sprintf("%d of %d records arrived", len(sink.Records()), n) },
	)
}

// TestRecordsPassRelaysUnchanged sends records through two relays, which keep them on disk over a
// kill in between: time, tag, key, headers and value come out as they went in.
func TestRecordsPassRelaysUnchanged(t *testing.T) {
	parallel(t)
	records := []record.Record{
		{
			Time:  1_766_000_000_123_456_789,
			Value: []byte(`{"b":1,"a":"é","b":2,"n":18446744073709551615}`),
		},
		{
			Time:  1_766_000_000_123_456_790,
			Key:   []byte("key"),
			Value: []byte("a line\t\xff\x00"),
			Headers: []record.Header{
				{
					Key:   "path",
					Value: []byte("/var/log/app.log"),
				},
				{Key: "h", Value: nil},
				{Key: "h", Value: []byte{}},
				{Key: "h", Value: []byte("v\xff")},
			},
		},
		{Time: 999_999_999, Key: []byte{}, Value: []byte{}},
		{Time: 0, Value: nil},
		{Time: -7, Value: []byte(`["not","a","map"]`)},
		{
			Time:  math.MaxUint32*int64(time.Second) + int64(5*time.Second),
			Value: []byte(`{"penstock":1,"message":"looks like the envelope"}`),
		},
	}
	var b record.Builder
	b.Reset("app.web-1", "/var/log/app.log", 0)
	for _, r := range records {
		b.Append(r.Time, r.Key, r.Value, r.Headers)
	}
	relays := relayPair(t)
	sink := relays.pass(
		t, b.Build(), func(c *forwardout.Config) { c.Compression = "zstd" }, func() {},
	)
	waitForRecords(t, sink, len(records))
	got := sink.Records()
	if len(got) != len(records) {
		t.Errorf("%d records arrived, %d were sent", len(got), len(records))
	}
	for i, want := range records {
		r := got[i].Record
		want.Offset = r.Offset
		if len(r.Headers) == 0 {
			r.Headers = nil
		}
		if fmt.Sprintf("%#v", r) != fmt.Sprintf("%#v", want) {
			t.Errorf("record %d:\n got %#v\nwant %#v", i, r, want)
		}
		if got[i].Tag != "app.web-1" {
			t.Errorf("record %d has the tag %q", i, got[i].Tag)
		}
	}
}
