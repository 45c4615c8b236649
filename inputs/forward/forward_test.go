package forward

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-logger-golang/fluent"
	"github.com/tinylib/msgp/msgp"
	"go.uber.org/goleak"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack"
	"github.com/penstock/penstock/buffer/record/msgpack/msgpacktest"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/network/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type logBuffer struct {
	runtest.LogBuffer
	wrote chan struct{}
}

// wait waits until text is in the log.
func (l *logBuffer) wait(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for !strings.Contains(l.String(), text) {
		select {
		case <-l.wrote:
		case <-timeout:
			t.Fatalf("no %q in %s", text, l.String())
		}
	}
}

func (l *logBuffer) Write(p []byte) (int, error) {
	n, err := l.LogBuffer.Write(p)
	select {
	case l.wrote <- struct{}{}:
	default:
	}
	return n, err
}

// rig is a running input.
type rig struct {
	t    *testing.T
	ctx  context.Context
	in   *Forward
	sink *inputstest.MemSink
	addr net.Addr
	log  logBuffer
	dead *inputstest.MemSink
	halt context.CancelFunc // tells the input to stop
	stop func() error       // waits for that as well
}

func start(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	r := &rig{t: t, ctx: ctx, sink: inputstest.New(), dead: inputstest.New()}
	r.log.wrote = make(chan struct{}, 1)
	cfg := Default()
	cfg.Listen = "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	env := inputstest.Env("input.forward.test", t.TempDir())
	env.Log = slog.New(slog.NewTextHandler(&r.log, nil))
	env.DeadLetter = func(ctx context.Context, b *record.Batch, reason string) error {
		return inputs.Append(ctx, r.dead, b, nil)
	}
	var err error
	if r.in, err = New(cfg, env); err != nil {
		t.Fatal(err)
	}
	var run context.Context
	run, r.halt = context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.in.Run(run, r.sink) }()
	if r.addr, err = r.in.Addr(ctx); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	r.stop = func() (err error) {
		once.Do(func() { r.halt(); err = <-ended })
		return err
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return r
}

func (r *rig) dial() net.Conn {
	r.t.Helper()
	nc, err := net.Dial(r.addr.Network(), r.addr.String())
	if err != nil {
		r.t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	r.t.Cleanup(func() { nc.Close() })
	return nc
}

func (r *rig) waitRecords(n int) []inputstest.Record {
	r.t.Helper()
	if !r.sink.Wait(r.ctx, func(rs []inputstest.Record) bool { return len(rs) >= n }) {
		r.t.Fatalf("%d records, want %d; log: %s", len(r.sink.Records()), n, r.log.String())
	}
	return r.sink.Records()
}

// eventually polls cond, which nothing can announce.
func (r *rig) eventually(what string, cond func() bool) {
	r.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			r.t.Fatalf("never: %s; log: %s", what, r.log.String())
		}
	}
}

func chunk(tag string, n int, id string) []byte {
	p := wire.Packer{}
	p.Reset(tag, "")
	for i := range n {
		p.Append(&record.Record{Time: 1e18 + int64(i), Value: fmt.Appendf(nil, `{"n":%d}`, i)})
	}
	b, err := p.Message(id)
	if err != nil {
		panic(err)
	}
	return b
}

func wantAck(t *testing.T, r *wire.AckReader, want string) {
	t.Helper()
	if got, err := r.Next(); err != nil || got != want {
		t.Fatalf("ack %q, %v; want %q", got, err, want)
	}
}

func TestFluentLoggerGo(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  fluent.Config
		at   string
	}{
		{"tcp", fluent.Config{}, ""},
		{"ack", fluent.Config{RequestAck: true}, ""},
		{"ack and sub-second", fluent.Config{RequestAck: true, SubSecondPrecision: true}, ""},
		{"json", fluent.Config{MarshalAsJSON: true}, ""},
		{"unix", fluent.Config{RequestAck: true}, "unix"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, func(cfg *Config) {
				if c.at == "unix" {
					cfg.Listen = "unix://" + filepath.Join(t.TempDir(), "s")
				}
			})
			if tcp, ok := r.addr.(*net.TCPAddr); ok {
				c.cfg.FluentHost, c.cfg.FluentPort = tcp.IP.String(), tcp.Port
			} else {
				c.cfg.FluentNetwork, c.cfg.FluentSocketPath = "unix", r.addr.String()
			}
			logger, err := fluent.New(c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer logger.Close()
			when := time.Unix(1700000000, 123456789)
			for i := range 100 {
				if err := logger.PostWithTime(
					"app.x", when, map[string]any{"n": i, "s": "é\n"},
				); err != nil {
					t.Fatal(err)
				}
				if c.cfg.RequestAck && len(r.sink.Records()) <= i {
					t.Fatalf("acked before record %d was durable", i)
				}
			}
			recs := r.waitRecords(100)
			want := when.Truncate(time.Second).UnixNano()
			if c.cfg.SubSecondPrecision {
				want = when.UnixNano()
			}
			for i, rec := range recs {
				a, b := fmt.Sprintf(`{"n":%d,"s":"é\n"}`, i), fmt.Sprintf(`{"s":"é\n","n":%d}`, i)
				if v := string(
					rec.Value,
				); v != a && v != b || rec.Tag != "app.x" ||
					rec.Time != want {
					t.Fatalf("record %d: %s, tag %s, time %d", i, v, rec.Tag, rec.Time)
				}
			}
		})
	}
}

func TestAckOnlyWhenDurable(t *testing.T) {
	r := start(t, nil)
	r.sink.Hold()
	nc := r.dial()
	acks := wire.NewAckReader(nc)
	for i := range 3 { // pipelined
		nc.Write(chunk("t", 10, fmt.Sprint("c", i)))
	}
	r.eventually("appended", func() bool { return r.sink.Appends() > 0 })
	_ = nc.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	var one [1]byte
	if n, err := nc.Read(one[:]); n > 0 || err == nil {
		t.Fatal("an ack came before anything was durable")
	}
	_ = nc.SetReadDeadline(time.Now().Add(20 * time.Second))
	r.sink.Release()
	for i := range 3 {
		wantAck(t, acks, fmt.Sprint("c", i))
	}
	if n := len(r.sink.Records()); n != 30 {
		t.Fatalf("%d records", n)
	}
}

func TestCrashSendsNoAck(t *testing.T) {
	r := start(t, nil)
	r.sink.Hold()
	nc := r.dial()
	nc.Write(chunk("t", 10, "c"))
	r.eventually("appended", func() bool { return r.sink.Appends() > 0 })
	r.sink.Crash()
	if b, err := io.ReadAll(nc); len(b) > 0 {
		t.Fatalf("read %q, %v", b, err)
	}
}

// fluent-bit#9288: the forward input acks what it then discards.
func TestFluentBit9288_NoAckForWhatIsDiscarded(t *testing.T) {
	r := start(t, nil)
	r.sink.Fail(errors.New("no space"))
	nc := r.dial()
	nc.Write(chunk("t", 10, "c"))
	if b, _ := io.ReadAll(nc); len(b) > 0 {
		t.Fatalf("got %q for a chunk that was not stored", b)
	}
	r.sink.Fail(nil)
	again := r.dial()
	again.Write(chunk("t", 10, "c"))
	wantAck(t, wire.NewAckReader(again), "c")
	r.eventually(
		"the reason is logged", func() bool { return strings.Contains(r.log.String(), "no space") },
	)
}

func TestBadEventsGoToTheDeadLetter(t *testing.T) {
	r := start(t, func(c *Config) { c.MaxRecordSize = 4 << 10 })
	var payload []byte
	for i := range 5 {
		payload = msgp.AppendInt(msgp.AppendArrayHeader(payload, 2), i+1)
		switch i {
		case 1:
			payload = msgp.AppendString(payload, "no map")
		case 3:
			payload, _ = msgp.AppendMapStrStr(
				payload, map[string]string{"big": strings.Repeat("x", 10<<10)},
			), error(
				nil,
			)
		default:
			payload = msgp.AppendMapStrStr(payload, map[string]string{"i": fmt.Sprint(i)})
		}
	}
	b := msgp.AppendString(msgp.AppendArrayHeader(nil, 3), "t")
	b = msgp.AppendMapStrStr(msgp.AppendBytes(b, payload), map[string]string{"chunk": "c"})
	nc := r.dial()
	nc.Write(b)
	wantAck(t, wire.NewAckReader(nc), "c")
	if got := fmt.Sprint(r.sink.Values()); got != `[{"i":"0"} {"i":"2"} {"i":"4"}]` {
		t.Fatalf("kept %s", got)
	}
	dead := ""
	for _, v := range r.dead.Values() {
		dead += v
	}
	if !strings.HasPrefix(dead, "\x92\x02\xa6no map") || strings.Count(dead, "x") != 10<<10 {
		t.Fatalf("dead letter: %.100q", dead)
	}
}

// fluent-bit sends its metrics as maps of its own, with fluent_signal 1.
func TestMetricsAreDeadLetteredAndAcked(t *testing.T) {
	r := start(t, nil)
	metrics := msgp.AppendMapStrStr(nil, map[string]string{"meta": "cmetrics"})
	b := msgp.AppendBytes(msgp.AppendString(msgp.AppendArrayHeader(nil, 3), "m"), metrics)
	b = msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(b, 2), "chunk"), "c")
	b = msgp.AppendInt(msgp.AppendString(b, "fluent_signal"), 1)
	nc := r.dial()
	nc.Write(b)
	wantAck(t, wire.NewAckReader(nc), "c")
	if d := r.dead.Values(); len(d) != 1 || d[0] != string(metrics) || len(r.sink.Records()) != 0 ||
		!strings.Contains(r.log.String(), "metrics or traces") {
		t.Errorf("dead letter %q, log %s", d, r.log.String())
	}
}

// It is the same whether maps are kept as they came or not: what is in the dead letter is JSON.
func TestOverLargeChunkIsDeadLetteredAndAcked(t *testing.T) {
	t.Run("JSON", func(t *testing.T) { overLarge(t, false) })
	t.Run("as it came", func(t *testing.T) { overLarge(t, true) })
}

func overLarge(t *testing.T, keep bool) {
	r := start(t, func(c *Config) { c.MaxMessageSize = 64 << 10; c.MaxInflatedSize = 64 << 10 })
	p := wire.Packer{Compression: "gzip"}
	p.Reset("t", "")
	for range 1000 {
		p.Append(
			&record.Record{
				Time:  1e18,
				Value: []byte(`{"zero":"` + strings.Repeat("0", 1000) + `"}`),
			},
		)
	}
	bomb, _ := p.Message("bomb")
	if keep {
		r.sink.TakeMaps()
	}
	nc := r.dial()
	acks := wire.NewAckReader(nc)
	nc.Write(chunk("t", 10_000, "big"))
	wantAck(t, acks, "big")
	if n, d := len(r.sink.Records()), len(r.dead.Records()); n != 0 || d != 10_000 {
		t.Fatalf("%d kept, %d in the dead letter", n, d)
	}
	for i, b := range r.dead.Batches() {
		if b.Form() != record.AsSeen {
			t.Fatalf("batch %d has form %d", i, b.Form())
		}
	}
	if v := r.dead.Values()[9_999]; v != `{"n":9999}` {
		t.Fatalf("the last is %s", v)
	}
	nc.Write(bomb)
	wantAck(t, acks, "bomb")
	last := r.dead.Values()
	if v := last[len(last)-1]; !strings.HasPrefix(v, "\x1f\x8b") ||
		!strings.Contains(string(bomb), v) {
		t.Fatalf("dead letter holds %.40q", v)
	}
}

// Maps are kept as they came where the sink takes them, whatever the mode of the message; entries
// that are broken go to the dead letter as ever, and the message is acknowledged.
func TestMapsAreKeptAsTheyCame(t *testing.T) {
	r := start(t, nil)
	r.sink.TakeMaps()
	rng := runtest.Rand(t)
	nc := r.dial()
	acks := wire.NewAckReader(nc)
	var want [][]byte
	entry := func() []byte {
		m := msgpacktest.Map(rng, 3)
		want = append(want, m)
		e := binary.BigEndian.AppendUint64([]byte{0x92, 0xd7, 0}, rng.Uint64())
		return append(e, m...)
	}
	option := []byte("\x81\xa5chunk\xa1c")
	send := func(parts ...[]byte) {
		t.Helper()
		nc.Write(slices.Concat(parts...))
		wantAck(t, acks, "c")
	}
	one := entry()
	send([]byte("\x94\xa3one"), one[1:], option)
	send([]byte("\x93\xa4list\x93"), entry(), []byte{0x92, 1, 2}, entry(), option)
	packed := slices.Concat(entry(), entry(), []byte{0x92, 0xc0, 0x90}, entry())
	size := binary.BigEndian.AppendUint32(nil, uint32(len(packed)))
	send([]byte("\x93\xa6packed\xdb"), size, packed, option)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write(slices.Concat(entry(), entry()))
	w.Close()
	size = binary.BigEndian.AppendUint32(nil, uint32(zipped.Len()))
	send([]byte("\x93\xa6zipped\xc6"), size, zipped.Bytes(), option)
	// Another penstock's record is no map, and takes a batch of its own.
	const text = "\x92\x01\x82\xa8penstock\x01\xa7message\xc4\x04text"
	send([]byte("\x93\xa5mixed\x93"), entry(), []byte(text), entry(), option)
	send([]byte("\x93\xa6packed\xc4\x1b"), []byte(text), option)

	var got [][]byte
	for _, b := range r.sink.Batches() {
		if b.Form() != record.Msgpack {
			continue
		}
		if err := b.EachAsKept(&record.Scratch{}, func(r *record.Record) error {
			got = append(got, bytes.Clone(r.Value))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Fatalf("kept\n%x, sent\n%x", got, want)
	}
	values := r.sink.Values()
	last := len(want)
	if len(values) != last+2 || values[last-1] != "text" || values[last+1] != "text" {
		t.Fatalf("%d records of %d: %q", len(values), last+2, values)
	}
	values = append(values[:last-1], values[last])
	for i, v := range values {
		if text, _, _ := msgpack.AppendJSON(nil, want[i], 99); v != string(text) {
			t.Fatalf("%d is seen as %s, not %s", i, v, text)
		}
	}
	if d := r.dead.Values(); !slices.Equal(d, []string{"\x92\x01\x02", "\x92\xc0\x90"}) {
		t.Fatalf("dead letter %q", d)
	}
}

func TestExactFromAnotherPenstock(t *testing.T) {
	r := start(t, nil)
	p := wire.Packer{Exact: true}
	p.Reset("t", "file-7")
	p.Append(
		&record.Record{
			Time:    -1,
			Key:     []byte("k"),
			Value:   []byte("\xff"),
			Headers: []record.Header{{Key: "h", Value: []byte("v")}},
		},
	)
	p.Append(&record.Record{Time: 5})
	b, _ := p.Message("c")
	nc := r.dial()
	nc.Write(b)
	wantAck(t, wire.NewAckReader(nc), "c")
	recs := r.sink.Records()
	if a := recs[0]; a.Time != -1 || string(a.Key) != "k" || string(a.Value) != "\xff" ||
		len(a.Headers) != 1 ||
		a.Origin != "127.0.0.1/file-7" {
		t.Fatalf("got %+v", a)
	}
	if b := recs[1]; b.Time != 5 || b.Key != nil || b.Value != nil || len(b.Headers) > 0 {
		t.Fatalf("got %+v", b)
	}
}

func TestSlowAndDeadClientsCostTheOthersNothing(t *testing.T) {
	r := start(t, func(c *Config) { c.MessageTimeout = 300 * time.Millisecond })
	var stuck []net.Conn
	for range 200 {
		nc := r.dial()
		nc.Write([]byte{0x93, 0xa1, 't', 0xc6, 0xff, 0xff, 0xff, 0xff, 0x92}) // 4 GiB to come
		stuck = append(stuck, nc)
	}
	nc := r.dial()
	acks := wire.NewAckReader(nc)
	for i := range 20 {
		nc.Write(chunk("t", 100, fmt.Sprint(i)))
		wantAck(t, acks, fmt.Sprint(i))
	}
	for _, nc := range stuck {
		if b, _ := io.ReadAll(nc); len(b) > 0 {
			t.Fatalf("got %q", b)
		}
	}
	if n := strings.Count(r.log.String(), "connection closed"); n != 1 {
		t.Fatalf("one source, %d lines: %s", n, r.log.String())
	}
}

// What is not the protocol is not passed over in silence.
func TestOtherProtocols(t *testing.T) {
	for sent, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n":                "speaks HTTP",
		"<13>Oct 11 22:14:15 host app: text\n":             "speaks syslog",
		"2026-01-01 a line\n":                              "lines of text",
		"[info] a line\n":                                  "lines of text",
		`{"a":1}` + "\n":                                   "JSON lines",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\xc1": "speaks TLS",
		"\x01\x02\x03":                                     "look at what the client sends",
	} {
		r := start(t, nil)
		nc := r.dial()
		nc.Write([]byte(sent))
		r.eventually("a warning", func() bool { return strings.Contains(r.log.String(), want) })
		nc.Close()
		r.stop()
		if n := strings.Count(r.log.String(), "level=WARN"); n < 1 || n > 2 {
			t.Errorf("%q: %d warnings: %s", sent, n, r.log.String())
		}
	}
	r := start(t, nil)
	nc := r.dial()
	nc.Write(append([]byte{0xc0, 0xc0}, chunk("t", 1, "c")...))
	wantAck(t, wire.NewAckReader(nc), "c")
	nc.Close()
	r.stop()
	if strings.Contains(r.log.String(), "WARN") {
		t.Errorf("heartbeats and messages: %s", r.log.String())
	}
}

// A message has to come along; a connection that is quiet between messages may stay.
func TestMessageThatDrips(t *testing.T) {
	r := start(t, func(c *Config) { c.MessageTimeout = time.Second })
	drip, slow, quiet := r.dial(), r.dial(), r.dial()
	quiet.Write(chunk("quiet", 1, "c"))
	wantAck(t, wire.NewAckReader(quiet), "c")
	whole := chunk("slow", 12_000, "slow")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, drip)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	drip.Write(whole[:100])
	for i := 0; ; i++ { // for longer than message_timeout in any case
		if step := 24 << 10; len(whole) > 0 && i%10 == 0 {
			slow.Write(whole[:min(step, len(whole))])
			whole = whole[min(step, len(whole)):]
		}
		drip.Write([]byte{0})
		<-tick.C
		select {
		case <-gone:
			if len(whole) > 0 {
				continue
			}
			wantAck(t, wire.NewAckReader(slow), "slow")
			quiet.Write(chunk("quiet", 1, "c"))
			wantAck(t, wire.NewAckReader(quiet), "c")
			if n := strings.Count(r.log.String(), "connection closed: stalled"); n != 1 {
				t.Errorf("%d lines: %s", n, r.log.String())
			}
			return
		case <-r.ctx.Done():
			t.Fatal("the connection that drips is still open")
		default:
		}
	}
}

func TestClientThatTakesNoAcks(t *testing.T) {
	r := start(t, nil)
	deaf := r.dial()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		small := chunk("deaf", 1, strings.Repeat("c", 10_000))
		for {
			if _, err := deaf.Write(small); err != nil {
				return
			}
		}
	}()
	nc := r.dial()
	acks := wire.NewAckReader(nc)
	for i := range 20 {
		nc.Write(chunk("t", 100, fmt.Sprint(i)))
		wantAck(t, acks, fmt.Sprint(i))
	}
	deaf.Close()
	<-ended
}

func TestTooManyConnections(t *testing.T) {
	r := start(t, func(c *Config) { c.MaxConnections = 2 })
	a, b := r.dial(), r.dial()
	for _, nc := range []net.Conn{a, b} {
		nc.Write(chunk("t", 1, "c"))
		wantAck(t, wire.NewAckReader(nc), "c")
	}
	for range 5 {
		if got, _ := io.ReadAll(r.dial()); len(got) > 0 {
			t.Fatalf("got %q", got)
		}
	}
	if n := strings.Count(r.log.String(), "too_many_connections"); n != 1 {
		t.Fatalf("%d lines: %s", n, r.log.String())
	}
	a.Close()
	r.eventually("a slot is free again", func() bool {
		nc := r.dial()
		nc.Write(chunk("t", 1, "c"))
		got, err := wire.NewAckReader(nc).Next()
		return err == nil && got == "c"
	})
}

func TestStopAcksWhatIsDurable(t *testing.T) {
	r := start(t, nil)
	r.sink.Hold()
	nc := r.dial()
	nc.Write(chunk("t", 10, "c"))
	r.eventually("appended", func() bool { return r.sink.Appends() > 0 })
	ended := make(chan error, 1)
	go func() { ended <- r.stop() }()
	r.sink.Release()
	wantAck(t, wire.NewAckReader(nc), "c")
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(nc); len(b) > 0 || err != nil {
		t.Fatalf("after the ack: %q, %v", b, err)
	}
}

// A client that asks for no acks does not send again what the kernel has taken from it.
func TestStopTakesWhatHasArrived(t *testing.T) {
	r := start(t, nil)
	r.sink.Block()
	nc := r.dial()
	nc.Write(chunk("t", 1, ""))
	r.eventually("an append waits", func() bool { return r.sink.Waiting() > 0 })
	const count = 1000 // many reads
	for range count {
		nc.Write(chunk("t", 1, ""))
	}
	r.halt()
	r.sink.Unblock()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(r.sink.Records()); n != count+1 {
		t.Fatalf("%d records of %d", n, count+1)
	}
}

// What is lost at a stop with the buffer full is told, of all tags and connections; but not of
// clients that have no ack for it.
func TestWhatAStopLosesIsTold(t *testing.T) {
	for _, acked := range []bool{false, true} {
		id := ""
		if acked {
			id = "c"
		}
		r := start(t, nil)
		r.sink.Block()
		for range 2 {
			r.dial().Write(append(chunk("a", 3, id), chunk("b", 2, id)...))
		}
		r.eventually("appends wait", func() bool { return r.sink.Waiting() == 2 })
		r.halt()
		r.sink.Crash()
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		told := r.log.Lines("WARN", "records are lost", "records=10")
		if acked && strings.Contains(r.log.String(), "lost") || !acked && len(told) != 1 {
			t.Fatalf("acks %v: %s", acked, r.log.String())
		}
	}
}

// While the buffer is full, a client that waits for an ack in vain comes again and again.
func TestClientThatWentBeforeItsAckIsLeft(t *testing.T) {
	const large = record.TargetSize / 4 // records of several batches, more than sockets hold
	for _, n := range []int{3, large} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			r.sink.Block()
			wants := r.dial()
			wants.Write(chunk("t", n, "c"))
			r.eventually("an append waits", func() bool { return r.sink.Waiting() == 1 })
			wants.Close()
			r.log.wait(t, "went away before it had its ack")
			r.eventually("it is given up", func() bool { return r.sink.Waiting() == 0 })
			for _, id := range []string{"", "s"} { // one that sends nothing again, and one that stays
				nc := r.dial()
				nc.Write(chunk("t", n, id))
				if id == "" {
					nc.Close()
					continue
				}
				r.eventually("appends wait", func() bool { return r.sink.Waiting() == 2 })
				r.sink.Unblock()
				wantAck(t, wire.NewAckReader(nc), id)
			}
			r.waitRecords(2 * n)
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
			if got := len(r.sink.Records()); got != 2*n ||
				strings.Contains(r.log.String(), "are lost") {
				t.Fatalf("%d records of %d; %s", got, 2*n, r.log.String())
			}
			if r.in.memory.Free() != r.in.cfg.Memory {
				t.Fatal("memory is held still")
			}
		})
	}
}

// What was taken and did not become durable is lost as well, and what the dead letter refuses.
func TestWhatDidNotBecomeDurableIsTold(t *testing.T) {
	r := start(t, nil)
	r.sink.Hold()
	nc := r.dial()
	nc.Write(chunk("a", 3, ""))
	r.eventually("appended", func() bool { return r.sink.Appends() == 1 })
	r.dead.Crash()
	bad := r.dial()
	bad.Write([]byte{0x92, 0xa1, 't', 0x91, 0x92, 1, 2}) // an event that is no map
	r.log.wait(t, "connection closed: not_stored")
	r.halt()
	r.sink.Crash()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if len(r.log.Lines("WARN", "records are lost", "records=4")) != 1 {
		t.Fatal(r.log.String())
	}
}

func TestWithoutKeepalive(t *testing.T) {
	r := start(t, func(c *Config) { c.Keepalive = false })
	nc := r.dial()
	nc.Write(chunk("t", 10, "c"))
	acks := wire.NewAckReader(nc)
	wantAck(t, acks, "c")
	if _, err := acks.Next(); err != io.EOF {
		t.Fatalf("the connection is still open: %v", err)
	}
}

func TestUDPHeartbeat(t *testing.T) {
	r := start(t, nil)
	nc, err := net.Dial("udp", r.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	nc.Write([]byte{0})
	var b [8]byte
	if n, err := nc.Read(b[:]); n != 1 || b[0] != 0 || err != nil {
		t.Fatalf("%x, %v", b[:n], err)
	}
}

func TestTagsInterleavedStayInOrder(t *testing.T) {
	r := start(t, func(c *Config) { c.TagPrefix = "in" })
	nc := r.dial()
	var b []byte
	for i := range 1000 {
		b = append(b, 0x93)
		b = msgp.AppendString(b, fmt.Sprint("t", i%100))
		b = msgp.AppendMapStrStr(msgp.AppendInt(b, 1), map[string]string{"i": fmt.Sprint(i)})
	}
	nc.Write(b)
	next := map[string]int{}
	for _, rec := range r.waitRecords(1000) {
		k := next[rec.Tag]
		var tag int
		fmt.Sscanf(rec.Tag, "in.t%d", &tag)
		if want := fmt.Sprintf(`{"i":"%d"}`, k*100+tag); string(rec.Value) != want {
			t.Fatalf("tag %s: %s, want %s", rec.Tag, rec.Value, want)
		}
		next[rec.Tag]++
	}
	if len(next) != 100 {
		t.Fatalf("%d tags", len(next))
	}
}

func TestThousandsOfConnectionsStayCheap(t *testing.T) {
	const conns = 2000
	r := start(t, nil)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := heap()
	half := []byte{
		0x93,
		0xa1,
		't',
		0xdb,
		0xff,
		0xff,
		0xff,
		0xff,
		0x92,
		1,
		0x81,
		0xa1,
		'k',
		0xda,
		0x10,
		0,
		'x',
		'x',
	}
	for i := range conns {
		nc := r.dial()
		if i%2 == 0 {
			nc.Write(half)
		}
	}
	nc := r.dial()
	acks := wire.NewAckReader(nc)
	for i := range 10 {
		nc.Write(chunk("t", 100, fmt.Sprint(i)))
		wantAck(t, acks, fmt.Sprint(i))
	}
	// Both ends of each connection are in this process.
	if per := (int64(heap()) - int64(before)) / conns; per > 32<<10 {
		t.Fatalf("%d bytes per connection", per)
	}
}

func TestRefusedClientCertificateIsLoggedOnce(t *testing.T) {
	ca := certtest.New(t)
	cert, key := ca.Issue("relay")
	r := start(t, func(c *Config) {
		c.TLS = &tlsconf.Server{
			CertFile:          cert,
			KeyFile:           key,
			ClientCAFile:      ca.File,
			RequireClientCert: true,
		}
	})
	stranger, strangerKey := certtest.New(t).Issue("stranger")
	pair, err := tls.LoadX509KeyPair(stranger, strangerKey)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		secure := tls.Client(
			r.dial(), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}},
		)
		secure.Write(chunk("t", 1, "c"))
		if b, err := io.ReadAll(secure); len(b) > 0 || err == nil {
			t.Fatalf("got %q, %v", b, err)
		}
	}
	if n := strings.Count(r.log.String(), "connection refused"); n != 1 ||
		len(r.sink.Records()) != 0 {
		t.Fatalf("%d lines, %d records: %s", n, len(r.sink.Records()), r.log.String())
	}
}
