package forward

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack"
	"github.com/penstock/penstock/buffer/record/runtest"
	in "github.com/penstock/penstock/inputs/forward"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/network/wire"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testCtx(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// peer is a penstock's forward input.
func peer(
	t *testing.T, change func(*in.Config),
) (addr string, sink *inputstest.MemSink, stop func()) {
	t.Helper()
	cfg := in.Default()
	cfg.Listen = "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	env := inputstest.Env("input.forward.test", t.TempDir())
	env.Agent = "relay-1"
	f, err := in.New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	sink = inputstest.New()
	ctx, cancel := context.WithCancel(testCtx(t))
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx, sink) }()
	a, err := f.Addr(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return a.String(), sink, stop
}

func open(t *testing.T, cfg Config) *Forward {
	t.Helper()
	f, err := New(cfg, outputtest.Env(t, "output.forward.test"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func config(addrs ...string) Config {
	cfg := Default()
	for i, a := range addrs {
		cfg.Servers = append(cfg.Servers, Server{Name: fmt.Sprint("s", i), Address: a, Weight: 60})
	}
	return cfg
}

var sample = []record.Record{
	{Time: 1e18 + 1, Value: []byte(`{"a":1,"b":"é"}`)},
	{
		Time:    2e18,
		Key:     []byte("key"),
		Value:   []byte("a line"),
		Headers: []record.Header{{Key: "h", Value: nil}, {Key: "h", Value: []byte("v\xff")}},
	},
	{Time: -7, Key: []byte{}, Value: nil},
	{Time: math.MaxInt64, Value: []byte{0, 0xff}},
}

func batch(tag, origin string, recs ...record.Record) *record.Batch {
	var b record.Builder
	b.Reset(tag, origin, 0)
	for _, r := range recs {
		b.Append(r.Time, r.Key, r.Value, r.Headers)
	}
	return b.Build()
}

func TestPenstockToPenstockIsExact(t *testing.T) {
	ca := certtest.New(t)
	cert, key := ca.Issue("relay")
	ccert, ckey := ca.Issue("edge")
	for _, compression := range []string{"none", "gzip", "zstd"} {
		addr, sink, _ := peer(t, func(c *in.Config) {
			c.TLS = &tlsconf.Server{
				CertFile:          cert,
				KeyFile:           key,
				ClientCAFile:      ca.File,
				RequireClientCert: true,
			}
			c.Security = &in.Security{
				SharedKey:            "k",
				UserAuth:             true,
				AllowAnonymousSource: true,
				Users:                []in.User{{Name: "u", Password: "p"}},
			}
		})
		cfg := config(addr)
		cfg.Compression = compression
		cfg.TLS = &tlsconf.Client{CAFile: ca.File, CertFile: ccert, KeyFile: ckey}
		cfg.SharedKey, cfg.User, cfg.Password = "k", "u", "p"
		f := open(t, cfg)
		for range 3 {
			if err := f.Write(testCtx(t), batch("app.web", "/var/log/x", sample...)); err != nil {
				t.Fatal(err)
			}
		}
		recs := sink.Records()
		if len(recs) != 3*len(sample) {
			t.Fatalf("%d records", len(recs))
		}
		for i, r := range recs {
			want := sample[i%len(sample)]
			want.Offset = r.Offset
			if len(r.Headers) == 0 {
				r.Headers = nil
			}
			if fmt.Sprintf("%#v", r.Record) != fmt.Sprintf("%#v", want) || r.Tag != "app.web" ||
				r.Origin != "edge-1//var/log/x" {
				t.Fatalf("got %#v of %s %s\nwant %#v", r.Record, r.Tag, r.Origin, want)
			}
		}
	}
}

func TestTLSRefusals(t *testing.T) {
	ca, other := certtest.New(t), certtest.New(t)
	cert, key := ca.Issue("relay")
	addr, sink, _ := peer(t, func(c *in.Config) {
		c.TLS = &tlsconf.Server{
			CertFile:          cert,
			KeyFile:           key,
			ClientCAFile:      ca.File,
			RequireClientCert: true,
		}
	})
	good, goodKey := ca.Issue("edge")
	bad, badKey := other.Issue("edge")
	for name, conf := range map[string]tlsconf.Client{
		"no certificate":             {CAFile: ca.File},
		"certificate of a stranger":  {CAFile: ca.File, CertFile: bad, KeyFile: badKey},
		"server of a stranger":       {CAFile: other.File, CertFile: good, KeyFile: goodKey},
		"server under another name":  {CAFile: ca.File, CertFile: good, KeyFile: goodKey, ServerName: "elsewhere"},
		"server unknown to the host": {CertFile: good, KeyFile: goodKey},
	} {
		cfg := config(addr)
		cfg.TLS = &conf
		if err := open(t, cfg).Write(testCtx(t), batch("t", "o", sample...)); err == nil {
			t.Errorf("%s: delivered", name)
		}
	}
	if n := len(sink.Records()); n != 0 {
		t.Fatalf("%d records taken", n)
	}
}

func TestWrongKeyAndOwnName(t *testing.T) {
	addr, _, _ := peer(
		t,
		func(c *in.Config) { c.Security = &in.Security{SharedKey: "k", AllowAnonymousSource: true} },
	)
	cfg := config(addr)
	cfg.SharedKey = "guess"
	if err := open(t, cfg).Write(testCtx(t), batch("t", "o", sample...)); err == nil ||
		!strings.Contains(err.Error(), "shared_key mismatch") {
		t.Fatal(err)
	}
	cfg.SharedKey, cfg.SelfHostname = "k", "relay-1"
	if err := open(t, cfg).Probe(testCtx(t)); err == nil ||
		!strings.Contains(err.Error(), "own name") {
		t.Fatal(err)
	}
}

// fluentd is a server of the plain protocol, scripted by the test.
type fluentd struct {
	ln    net.Listener
	t     *testing.T
	wg    sync.WaitGroup
	mu    sync.Mutex
	count int
	open  []net.Conn
}

func newFluentd(t *testing.T, serve func(f *fluentd, nc net.Conn, n int)) *fluentd {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fluentd{ln: ln, t: t}
	f.wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			n := f.count
			f.count++
			f.open = append(f.open, nc)
			f.mu.Unlock()
			f.wg.Go(func() { defer nc.Close(); serve(f, nc, n) })
		}
	})
	t.Cleanup(f.stop)
	return f
}

func (f *fluentd) stop() {
	f.ln.Close()
	f.mu.Lock()
	for _, nc := range f.open {
		nc.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

func (f *fluentd) connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

var limits = wire.Limits{Message: 1 << 30, Inflated: 1 << 30, Record: 1 << 20, Depth: 50}

// take reads one message and returns its events and its chunk.
func take(r *wire.Reader) (events []string, chunk []byte, err error) {
	m, err := r.Next()
	if err != nil {
		return nil, nil, err
	}
	m.KeepMaps()
	for {
		ev, err := m.Event()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if ev.Form == record.Msgpack && !ev.Exact { // that of another penstock is handed out as it is
			ev.Record, _, _ = msgpack.AppendJSON(nil, ev.Record, 99)
		}
		events = append(events, string(ev.Record))
	}
	o, err := m.Options()
	return events, o.Chunk, err
}

func TestToFluentd(t *testing.T) {
	got := make(chan []string, 10)
	srv := newFluentd(t, func(f *fluentd, nc net.Conn, _ int) {
		r := wire.NewReader(nc, limits)
		for {
			events, chunk, err := take(r)
			if err != nil {
				return
			}
			got <- events
			nc.Write(wire.AppendAck(nil, chunk, false))
		}
	})
	f := open(t, config(srv.ln.Addr().String()))
	for range 2 {
		if err := f.Write(testCtx(t), batch("t", "o", sample...)); err != nil {
			t.Fatal(err)
		}
		if s := fmt.Sprint(
			<-got,
		); s != `[{"a":1,"b":"é"} {"message":"a line"} {"message":null} {"message":"\u0000\\xff"}]` {
			t.Fatalf("got %s", s)
		}
	}
	if n := srv.connections(); n != 1 {
		t.Fatalf("%d connections", n)
	}
}

func TestResendWithoutAck(t *testing.T) {
	for name, misbehave := range map[string]func(nc net.Conn){
		"eof":      func(nc net.Conn) {},
		"mismatch": func(nc net.Conn) { nc.Write(wire.AppendAck(nil, []byte("\xa5other"), false)); io.Copy(io.Discard, nc) },
		"timeout":  func(nc net.Conn) { io.Copy(io.Discard, nc) },
		"nonsense": func(nc net.Conn) { nc.Write([]byte{0xc1}) },
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var seen []string
			srv := newFluentd(t, func(f *fluentd, nc net.Conn, n int) {
				r := wire.NewReader(nc, limits)
				for i := 0; ; i++ {
					events, chunk, err := take(r)
					if err != nil {
						return
					}
					mu.Lock()
					seen = append(seen, events...)
					mu.Unlock()
					if n == 0 && i == 1 {
						misbehave(nc)
						return
					}
					nc.Write(wire.AppendAck(nil, chunk, false))
				}
			})
			cfg := config(srv.ln.Addr().String())
			cfg.AckTimeout = 100 * time.Millisecond
			f := open(t, cfg)
			for i := range 3 {
				if err := f.Write(
					testCtx(t), batch("t", "o", record.Record{Value: fmt.Append(nil, i)}),
				); err != nil {
					t.Fatal(err)
				}
			}
			want := `[{"message":"0"} {"message":"1"} {"message":"1"} {"message":"2"}]`
			mu.Lock()
			defer mu.Unlock()
			if s := fmt.Sprint(seen); s != want || srv.connections() != 2 {
				t.Fatalf("got %s over %d connections", s, srv.connections())
			}
		})
	}
}

// A server that has not acknowledged a chunk is not waited for again while others may take it.
func TestAckTimeoutTurnsToAnotherServer(t *testing.T) {
	srv := newFluentd(t, func(f *fluentd, nc net.Conn, n int) {
		r := wire.NewReader(nc, limits)
		if _, chunk, err := take(r); err == nil {
			nc.Write(wire.AppendAck(nil, chunk, false))
		}
		io.Copy(io.Discard, nc)
	})
	addr, sink, _ := peer(t, nil)
	cfg := config(srv.ln.Addr().String(), addr)
	cfg.Servers[1].Standby = true
	cfg.AckTimeout = 50 * time.Millisecond
	var log runtest.LogBuffer
	env := outputtest.Env(t, "output.forward.test")
	env.Log = slog.New(slog.NewTextHandler(&log, nil))
	f, err := New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		if err := f.Write(testCtx(t), batch("t", "o", sample[0])); err != nil {
			t.Fatal(err)
		}
	}
	if n := srv.connections(); n != 1 || len(sink.Records()) != 1 {
		t.Fatalf("%d connections, and %d records at the other server", n, len(sink.Records()))
	}
	if len(log.Lines("WARN", "server is down", "its buffer is full")) != 1 {
		t.Fatal(log.String())
	}
}

func TestKeptConnectionClosedByTheServer(t *testing.T) {
	srv := newFluentd(t, func(f *fluentd, nc net.Conn, n int) {
		_, chunk, err := take(wire.NewReader(nc, limits))
		if err == nil {
			nc.Write(wire.AppendAck(nil, chunk, false))
		}
	})
	f := open(t, config(srv.ln.Addr().String()))
	for range 5 {
		if err := f.Write(testCtx(t), batch("t", "o", sample...)); err != nil {
			t.Fatal(err)
		}
	}
	if n := srv.connections(); n != 5 {
		t.Fatalf("%d connections", n)
	}
}

// Without acks, what is written to a connection that the server has closed would be lost in
// silence.
func TestWithoutAcksClosedConnectionsAreNotUsed(t *testing.T) {
	got, closed := make(chan []string, 1), make(chan struct{}, 1)
	srv := newFluentd(t, func(f *fluentd, nc net.Conn, n int) {
		events, _, _ := take(wire.NewReader(nc, limits))
		nc.Close()
		closed <- struct{}{}
		got <- events
	})
	cfg := config(srv.ln.Addr().String())
	cfg.RequireAck, cfg.Heartbeat = false, "none"
	f := open(t, cfg)
	for i := range 5 {
		if err := f.Write(
			testCtx(t), batch("t", "o", record.Record{Value: fmt.Append(nil, i)}),
		); err != nil {
			t.Fatal(err)
		}
		select {
		case <-closed:
		case <-testCtx(t).Done():
			t.Fatalf("chunk %d was written to a closed connection", i)
		}
		if s := fmt.Sprint(<-got); s != fmt.Sprintf(`[{"message":"%d"}]`, i) {
			t.Fatalf("chunk %d: %s", i, s)
		}
	}
}

func TestServerDownStandbyAndRecovery(t *testing.T) {
	addrA, sinkA, stopA := peer(t, nil)
	addrB, sinkB, _ := peer(t, nil)
	addrC, sinkC, _ := peer(t, nil)
	cfg := config(addrA, addrB, addrC)
	cfg.Servers[2].Standby = true
	cfg.HeartbeatInterval, cfg.RecoverWait = 10*time.Millisecond, 30*time.Millisecond
	f := open(t, cfg)
	ctx := testCtx(t)
	write := func(n int) {
		t.Helper()
		for i := range n {
			if err := f.Write(
				ctx, batch("t", "o", record.Record{Value: fmt.Append(nil, i)}),
			); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(10)
	if a, b, c := len(
		sinkA.Records(),
	), len(
		sinkB.Records(),
	), len(
		sinkC.Records(),
	); a != 5 || b != 5 ||
		c != 0 {
		t.Fatalf("%d, %d, standby %d", a, b, c)
	}
	stopA()
	write(11)
	if b, c := len(sinkB.Records()), len(sinkC.Records()); b < 9 || c < 5 || b+c != 16 {
		t.Fatalf("with one down: %d, standby %d", b, c)
	}
	if !f.servers[0].isDown() {
		t.Fatal("not known to be down")
	}
	_, sinkA2, _ := peer(t, func(c *in.Config) { c.Listen = addrA })
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for f.servers[0].isDown() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("never up again")
		}
	}
	before := len(sinkC.Records())
	write(10)
	if a, c := len(sinkA2.Records()), len(sinkC.Records()); a != 5 || c != before {
		t.Fatalf("after recovery: %d, standby %d more", a, c-before)
	}
}

func TestAllDownIsRetryable(t *testing.T) {
	ln, _ := net.Listen("tcp", "127.0.0.1:0")
	addr := ln.Addr().String()
	ln.Close()
	f := open(t, config(addr))
	for range 2 {
		err := f.Write(testCtx(t), batch("t", "o", sample...))
		if err == nil || outputs.IsPermanent(err) {
			t.Fatal(err)
		}
	}
	_, sink, _ := peer(t, func(c *in.Config) { c.Listen = addr })
	if err := f.Write(testCtx(t), batch("t", "o", sample...)); err != nil ||
		len(sink.Records()) != len(sample) {
		t.Fatal(err, len(sink.Records()))
	}
}

func TestServersAreTriedByTheirWeights(t *testing.T) {
	f := open(
		t,
		Config{
			Servers: []Server{
				{"a", "h:1", 60, false, "", "", ""},
				{"b", "h:2", 30, false, "", "", ""},
				{"c", "h:3", 90, true, "", "", ""},
			},
			Balance:           "round_robin",
			Compression:       "none",
			AckTimeout:        1,
			ConnectTimeout:    1,
			SendTimeout:       1,
			KeepaliveTimeout:  1,
			Heartbeat:         "none",
			HeartbeatInterval: 1,
			HardTimeout:       1,
			Peer:              "auto",
			TimeFormat:        "v1",
		},
	)
	count := func() string {
		n := map[string]int{}
		for range 300 {
			n[f.balance.turn("")[0].cfg.Name]++
		}
		return fmt.Sprint(n)
	}
	if n := len(f.balance.order); n != 3 {
		t.Fatalf("weights 60 and 30 make %d turns", n)
	}
	if s := count(); s != "map[a:200 b:100]" {
		t.Fatal(s)
	}
	f.onFailure(f.servers[1], io.EOF)
	if s := count(); s != "map[a:120 c:180]" {
		t.Fatal(s)
	}
	if names := fmt.Sprint(len(f.balance.turn(""))); names != "3" {
		t.Fatalf("%s servers to try", names)
	}
	first := f.balance.turn("origin-1")[0]
	for range 10 {
		if f.balance.turn("origin-1")[0] != first {
			t.Fatal("an origin moves about")
		}
	}
}

func TestHardTimeout(t *testing.T) {
	h := health{seen: time.Unix(0, 0)}
	if h.missed(time.Unix(59, 0), time.Minute) || h.isDown() {
		t.Fatal("down too soon")
	}
	if !h.missed(time.Unix(60, 0), time.Minute) || !h.isDown() {
		t.Fatal("not down")
	}
	if h.sign(time.Unix(70, 0), 10*time.Second) || h.sign(time.Unix(79, 0), 10*time.Second) {
		t.Fatal("up too soon")
	}
	h.missed(time.Unix(80, 0), time.Minute)
	if h.sign(time.Unix(81, 0), 10*time.Second) || !h.sign(time.Unix(91, 0), 10*time.Second) ||
		h.isDown() {
		t.Fatal("a missed heartbeat must begin the wait anew")
	}
}

// A server that answers heartbeats and takes nothing is used less and less.
func TestRecoverWaitGrows(t *testing.T) {
	h := health{}
	now := time.Unix(1000, 0)
	upAfter := func(wait time.Duration) bool {
		h.failed()
		h.sign(now, 10*time.Second)
		early := h.sign(now.Add(wait-1), 10*time.Second)
		now = now.Add(wait)
		return !early && h.sign(now, 10*time.Second)
	}
	for _, seconds := range []time.Duration{10, 20, 40, 80, 160, 320, 320} {
		if !upAfter(seconds * time.Second) {
			t.Fatalf("not up after %d s", seconds)
		}
	}
	h.took()
	if !upAfter(10 * time.Second) {
		t.Fatal("it has taken a chunk meanwhile")
	}
}

// A server whose machine has gone closes no connection.
func TestAckOfASilentServerIsNotWaitedFor(t *testing.T) {
	arrived := make(chan struct{})
	silent := newFluentd(t, func(f *fluentd, nc net.Conn, n int) {
		if n > 0 {
			return
		}
		take(wire.NewReader(nc, limits))
		f.ln.Close()
		close(arrived)
		io.Copy(io.Discard, nc)
	})
	addr, sink, _ := peer(t, nil)
	cfg := config(silent.ln.Addr().String(), addr)
	cfg.Servers[1].Standby = true
	cfg.HeartbeatInterval, cfg.HardTimeout = 10*time.Millisecond, 50*time.Millisecond
	cfg.ReconnectAfter, cfg.AckTimeout = 0, time.Hour
	f := open(t, cfg)
	if err := f.Write(testCtx(t), batch("t", "o", sample[0])); err != nil {
		t.Fatal(err)
	}
	<-arrived
	if len(sink.Records()) != 1 {
		t.Fatal("the other server did not get it")
	}
}

func TestCancelWhileWaitingForAck(t *testing.T) {
	arrived := make(chan struct{})
	srv := newFluentd(t, func(f *fluentd, nc net.Conn, n int) {
		take(wire.NewReader(nc, limits))
		close(arrived)
		io.Copy(io.Discard, nc)
	})
	f := open(t, config(srv.ln.Addr().String()))
	ctx, cancel := context.WithCancel(testCtx(t))
	ended := make(chan error, 1)
	go func() { ended <- f.Write(ctx, batch("t", "o", sample...)) }()
	<-arrived
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Fatal(err)
	}
}

func TestUDPHeartbeat(t *testing.T) {
	addr, _, stop := peer(t, nil)
	cfg := config(addr)
	cfg.Heartbeat = "udp"
	f := open(t, cfg)
	if err := f.servers[0].ping(testCtx(t)); err != nil {
		t.Fatal(err)
	}
	stop()
	f.cfg.ConnectTimeout = 50 * time.Millisecond
	if err := f.servers[0].ping(testCtx(t)); err == nil {
		t.Fatal("a heartbeat without anybody there")
	}
}

func TestNothingSecretInErrors(t *testing.T) {
	var log bytes.Buffer
	addr, _, _ := peer(
		t,
		func(c *in.Config) { c.Security = &in.Security{SharedKey: "right-key", AllowAnonymousSource: true} },
	)
	cfg := config(addr)
	cfg.SharedKey, cfg.Password = "wrong-key", "hush"
	f := open(t, cfg)
	f.env.Log = slog.New(slog.NewTextHandler(&log, nil))
	err := f.Write(testCtx(t), batch("t", "o", sample...))
	for _, secret := range []string{"right-key", "wrong-key", "hush"} {
		if strings.Contains(log.String()+err.Error(), secret) {
			t.Fatalf("%q shows in %s, %v", secret, log.String(), err)
		}
	}
}

// A batch that does not read is refused for good, and is no fault of the server or the connection.
func TestCorruptBatch(t *testing.T) {
	addr, sink, _ := peer(t, nil)
	f := open(t, config(addr))
	if err := f.Write(testCtx(t), batch("a", "", record.Record{Value: []byte("1")})); err != nil {
		t.Fatal(err)
	}
	good := batch("a", "", record.Record{Value: []byte("2")})
	disk, err := good.AppendEncoded(nil, record.None)
	if err != nil {
		t.Fatal(err)
	}
	packed, _ := good.Packed(record.None)
	p := disk[len(disk)-len(packed):]
	// One record more than there are, under a checksum that is right:
	// https://kafka.apache.org/documentation/#recordbatch
	binary.BigEndian.PutUint32(p[23:], 1)
	binary.BigEndian.PutUint32(p[57:], 2)
	binary.BigEndian.PutUint32(p[17:], crc32.Checksum(p[21:], crc32.MakeTable(crc32.Castagnoli)))
	bad, _, err := record.Decode(disk, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(testCtx(t), bad); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("Write: %v, want %v", err, record.ErrCorrupt)
	}
	if err := f.Write(testCtx(t), good); err != nil {
		t.Fatal(err)
	}
	if n := len(sink.Records()); n != 2 {
		t.Errorf("%d records arrived", n)
	}
}
