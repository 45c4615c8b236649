package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	little "encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/tinylib/msgp/msgp"
)

const besiegedConfig = `
agent {
  data_dir = "DIR/data"
  name     = "relay-1"
  shutdown_timeout = "5s"
  admin { listen = "ADMIN" }
}
input "forward" "fluent" {
  listen            = "LISTEN"
  message_timeout   = "2s"
  idle_timeout      = "4s"
  max_connections   = 10010
}
input "http" "web" {
  listen          = "HTTP"
  header_timeout  = "2s"
  read_timeout    = "7s"
}
output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "app-logs"
}
pipeline "relay" {
  from = [input.forward.fluent, input.http.web]
  to   = [output.kafka.events]
}
`

// siege is the real binary under attack, with honest clients whose service is watched.
type siege struct {
	t            *testing.T
	relay        *agent
	listen, http string
	ledger       *demo.Ledger
	client       *ackedClient
	posted       atomic.Int64
	slowest      atomic.Int64 // nanoseconds that an honest request took
}

func newSiege(t *testing.T) *siege {
	broker := embeddedKafka(t)
	s := &siege{t: t, listen: servers.FreeAddr(t), http: servers.FreeAddr(t), ledger: demo.NewLedger()}
	s.relay = newAgent(
		t,
		"relay",
		replaceAll(
			besiegedConfig, "DIR", t.TempDir(), "LISTEN", s.listen, "HTTP", s.http,
			"BROKER", broker.Addr(),
		),
	)
	s.relay.start()
	stopReader := background(
		t.Context(),
		func(ctx context.Context) error { return readInto(ctx, broker.Addr(), s.ledger) },
	)
	t.Cleanup(func() { _ = stopReader() })
	for _, addr := range []string{s.listen, s.http} {
		runtest.Within(t, 20*time.Second, func() bool {
			c, err := net.Dial("tcp", addr)
			if err == nil {
				c.Close()
			}
			return err == nil
		}, func() string { return "the relay does not listen" })
	}
	s.client = packedClient(t, s.listen, "honest", "none", 100)
	send := s.client.send
	s.client.send = func(ctx context.Context, from int64, n int) error {
		pause(ctx, 10*time.Millisecond)
		return s.timed(func() error { return send(ctx, from, n) })
	}
	for _, run := range []func(context.Context) error{s.client.run, s.post} {
		stop := background(t.Context(), run)
		t.Cleanup(func() { _ = stop() })
	}
	return s
}

func (s *siege) timed(fn func() error) error {
	begun := time.Now()
	err := fn()
	for took := time.Since(begun).Nanoseconds(); ; {
		old := s.slowest.Load()
		if old >= took || s.slowest.CompareAndSwap(old, took) {
			return err
		}
	}
}

// post is the honest client of the HTTP input.
func (s *siege) post(ctx context.Context) error {
	for ctx.Err() == nil {
		pause(ctx, 20*time.Millisecond)
		n := s.posted.Load()
		err := s.timed(func() error {
			resp, err := http.Post(
				"http://"+s.http+"/app", "application/x-ndjson",
				strings.NewReader(fmt.Sprintf(`{"source":"poster","seq":%d}`+"\n", n)),
			)
			if err == nil {
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					err = errors.New(resp.Status)
				}
			}
			return err
		})
		if err == nil {
			s.posted.Add(1)
		}
	}
	return nil
}

// endure runs an attack and checks that the memory stays under limit bytes and that honest clients
// are served meanwhile, none of them slowly.
func (s *siege) endure(name string, limit int64, attack func(t *testing.T)) {
	s.t.Run(name, func(t *testing.T) {
		s.slowest.Store(0)
		packed, posted, begun := s.client.acked.Load(), s.posted.Load(), time.Now()
		var peak atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		stop := background(ctx, func(ctx context.Context) error {
			for ctx.Err() == nil {
				peak.Store(max(peak.Load(), costtest.Anonymous(s.relay.cmd.Process.Pid)))
				pause(ctx, 5*time.Millisecond)
			}
			return nil
		})
		attack(t)
		took := time.Since(begun)
		runtest.Within(
			t, 10*time.Second,
			func() bool { return s.client.acked.Load() > packed && s.posted.Load() > posted },
			func() string { return "honest clients are not served" },
		)
		cancel()
		_ = stop()
		if !s.relay.running() {
			t.Fatal("the relay has ended")
		}
		slowest := time.Duration(s.slowest.Load())
		t.Logf(
			"%v: at most %d MB; honest: %d records by forward and %d by HTTP, the slowest request in %v",
			took.Round(time.Millisecond), peak.Load()>>20, s.client.acked.Load()-packed,
			s.posted.Load()-posted, slowest.Round(time.Millisecond),
		)
		if peak.Load() > limit {
			t.Errorf("the relay took %d MB, more than %d MB", peak.Load()>>20, limit>>20)
		}
		if slowest > 10*time.Second {
			t.Errorf("an honest client waited %v", slowest)
		}
	})
}

func (s *siege) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// logged tells how many lines of the relay's log contain all of words.
func (a *agent) logged(words ...string) (n int) {
	data, _ := os.ReadFile(a.logPath)
lines:
	for _, line := range strings.Split(string(data), "\n") {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		n++
	}
	return n
}

// closed waits until the other end has closed the connection, or has sent what it does not read.
func closed(t *testing.T, c net.Conn, within time.Duration) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(within))
	if n, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is still open after %v (%d bytes came)", within, n)
	}
}

// wantAck reads the ack of a chunk.
func wantAck(t *testing.T, c net.Conn, chunk string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(60 * time.Second))
	want := msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "ack"), chunk)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("ack %q of %s: %v", got, chunk, err)
	}
}

// inPieces writes until the other end closes, and does not mind.
func inPieces(c net.Conn, b []byte) {
	for len(b) > 0 {
		n, err := c.Write(b[:min(len(b), 64<<10)])
		if err != nil {
			return
		}
		b = b[n:]
	}
}

func chunkOption(b []byte, chunk, compressed string) []byte {
	b = msgp.AppendMapHeader(b, 2)
	b = msgp.AppendString(msgp.AppendString(b, "chunk"), chunk)
	return msgp.AppendString(msgp.AppendString(b, "compressed"), compressed)
}

// TestHostileClients besieges the inputs: bounded memory, a clear end for whoever misbehaves, and
// everybody else is served.
//
// It runs by itself: whoever is honest must be served in time.
func TestHostileClients(t *testing.T) {
	s := newSiege(t)
	const mb = 1 << 20
	packed := func(tag string) []byte { return msgp.AppendString(msgp.AppendArrayHeader(nil, 3), tag) }

	s.endure("4 GB length prefixes", 200*mb, func(t *testing.T) {
		giant := []byte{0xff, 0xff, 0xff, 0xff}
		var conns []net.Conn
		for _, head := range [][]byte{
			// bin32
			append(append(packed("app"), 0xc6), giant...),
			// str32
			append(append(packed("app"), 0xdb), giant...),
			// array32: Forward mode
			append(append(packed("app"), 0xdd), giant...),
			// map32 as a record
			append(append(msgp.AppendInt64(packed("app"), 1), 0xdf), giant...),
			// the tag
			append(append(msgp.AppendArrayHeader(nil, 3), 0xdb), giant...),
			// the message
			append([]byte{0xdd}, giant...),
			// a value
			append(append(msgp.AppendInt64(packed("app"), 1), 0x81, 0xa1, 'k', 0xc6), giant...),
			// an extension
			append(append(msgp.AppendInt64(packed("app"), 1), 0x81, 0xa1, 'k', 0xc9), giant...),
			// gzip
			append(append(append(packed("app"), 0xc6), giant...), 0x1f, 0x8b, 8, 0, 0, 0, 0, 0),
			// zstd
			append(append(append(packed("app"), 0xc6), giant...), 0x28, 0xb5, 0x2f, 0xfd, 4, 0x9),
		} {
			for range 20 {
				c := s.dial(t)
				inPieces(c, append(head, make([]byte, 20<<10)...))
				conns = append(conns, c)
			}
		}
		for _, c := range conns {
			closed(t, c, 10*time.Second)
		}
	})

	s.endure("a 4 GB prefix that is fed", 300*mb, func(t *testing.T) {
		c := s.dial(t)
		inPieces(c, append(append(packed("app"), 0xc6), 0xff, 0xff, 0xff, 0xff))
		// 2 GB in one event
		event := append(
			msgp.AppendInt64(msgp.AppendArrayHeader(nil, 2), 1), 0x81, 0xa1, 'k', 0xc6, 0x7f, 0xff,
			0xff, 0xff,
		)
		inPieces(c, append(event, make([]byte, 64<<20)...))
		c.Close()
	})

	s.endure("nesting 10,000 deep", 200*mb, func(t *testing.T) {
		for name, open := range map[string][]byte{"arrays": {0x91}, "maps": {0x81, 0xa1, 'k'}} {
			c := s.dial(t)
			m := msgp.AppendInt64(msgp.AppendString(msgp.AppendArrayHeader(nil, 4), "app.deep"), 1)
			m = append(append(append(m, 0x81, 0xa1, 'k'), bytes.Repeat(open, 10_000)...), 0xc0)
			inPieces(c, chunkOption(m, name, "text"))
			wantAck(t, c, name)
		}
		c := s.dial(t)
		inPieces(
			c,
			fmt.Appendf(
				nil, `["app.deep",1,{"k":%s1%s},{"chunk":"json"}]`, strings.Repeat("[", 10_000),
				strings.Repeat("]", 10_000),
			),
		)
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		buf := make([]byte, 64)
		if n, err := c.Read(buf); err != nil || !strings.Contains(string(buf[:n]), `"json"`) {
			t.Errorf("ack %q: %v", buf[:n], err)
		}
		if n, err := s.relay.metric(
			"penstock_forward_bad_events_total", `reason="too_deep"`,
		); err != nil || n < 3 ||
			n > 50 {
			t.Errorf("%v records counted as too deep: %v", n, err)
		}
		if code, body := s.send(
			t, "/app", "application/json", "",
			strings.NewReader(strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)),
		); code != http.StatusBadRequest {
			t.Errorf("HTTP: %d %s", code, body)
		}
	})

	s.endure("zip bombs", 600*mb, func(t *testing.T) {
		counted := 0.0
		for name, bomb := range map[string][]byte{
			"gzip": gzipBomb(t, 1<<30, []byte{0x92, 0, 0x80}), "gzip of nothing": gzipBomb(t, 1<<30, []byte{0}),
			"zstd": zstdBomb(t, 1<<30), "members": bytes.Repeat(gzipBomb(t, 64<<20, []byte{0x92, 0, 0x80}), 16),
		} {
			c := s.dial(t)
			codec := "gzip"
			if name == "zstd" {
				codec = name
			}
			begun := time.Now()
			inPieces(c, chunkOption(msgp.AppendBytes(packed("app.bomb"), bomb), name, codec))
			wantAck(t, c, name)
			if n, err := s.relay.metric(
				"penstock_forward_bad_events_total", `reason="inflated_too_large"`,
			); err != nil ||
				n <= counted {
				t.Errorf("%s is not counted: %v, before %v, %v", name, n, counted, err)
			} else {
				counted = n
			}
			t.Logf(
				"%s of %d KB: acknowledged after %v", name, len(bomb)>>10,
				time.Since(begun).Round(time.Millisecond),
			)
		}
		if code, body := s.send(
			t, "/app", "text/plain", "gzip", bytes.NewReader(gzipBomb(t, 1<<30, []byte("line\n"))),
		); code != http.StatusRequestEntityTooLarge {
			t.Errorf("HTTP: %d %s", code, body)
		}
	})

	s.endure("slow loris", 400*mb, func(t *testing.T) {
		// Each byte comes in time for its read; the message or request as a whole never does.
		var wg sync.WaitGroup
		var open atomic.Int64
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		for i := range 400 {
			addr, text := s.listen, []byte{0x93, 0xdb, 0, 0, 0xff, 0xff} // a long tag
			if i%2 == 0 {
				addr, text = s.http, []byte("POST /app HTTP/1.1\r\nHost: x\r\nX-Long: ")
			}
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			open.Add(1)
			wg.Go(func() {
				defer open.Add(-1)
				defer c.Close()
				gone := make(chan struct{})
				go func() { _, _ = io.Copy(io.Discard, c); close(gone) }()
				_, _ = c.Write(text)
				if i%4 > 1 { // a half drips, the others stand still
					<-gone
					return
				}
				for ctx.Err() == nil {
					if _, err := c.Write([]byte("a")); err != nil {
						return
					}
					select {
					case <-gone:
						return
					case <-time.After(200 * time.Millisecond):
					}
				}
			})
		}
		runtest.Within(
			t, 8*time.Second, func() bool { return open.Load() == 0 },
			func() string { return fmt.Sprintf("%d of 400 are still connected", open.Load()) },
		)
		wg.Wait()
	})

	s.endure("clients that take no acks", 400*mb, func(t *testing.T) {
		m := msgp.AppendMapHeader(
			msgp.AppendInt64(msgp.AppendString(msgp.AppendArrayHeader(nil, 4), "app.deaf"), 1), 0,
		)
		m = chunkOption(m, strings.Repeat("c", 500), "text")
		many := bytes.Repeat(m, 1000)
		var wg sync.WaitGroup
		for range 20 {
			c := s.dial(t)
			_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
			_ = c.SetWriteDeadline(time.Now().Add(4 * time.Second))
			wg.Go(func() {
				for {
					if _, err := c.Write(many); err != nil {
						return // the relay has stopped reading
					}
				}
			})
		}
		wg.Wait()
	})

	s.endure("chunks that stop short", 300*mb, func(t *testing.T) {
		event := append(msgp.AppendInt64(msgp.AppendArrayHeader(nil, 2), 1), 0x81, 0xa1, 'k')
		event = msgp.AppendString(event, strings.Repeat("short of it ", 80))
		most := append(
			append(packed("app.short"), 0xc6, 0, 0x10, 0, 0),
			bytes.Repeat(event, 900<<10/len(event))...)
		conns := make([]net.Conn, 400)
		var wg sync.WaitGroup
		for i := range conns {
			c := s.dial(t)
			conns[i] = c
			wg.Go(func() { inPieces(c, most) })
		}
		wg.Wait()
		for _, c := range conns {
			closed(t, c, 20*time.Second)
		}
	})

	s.endure("HTTP bodies that do not come", 400*mb, func(t *testing.T) {
		for range 100 {
			c, err := net.Dial("tcp", s.http)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprintf(c, "POST /app HTTP/1.1\r\nHost: x\r\nContent-Length: 4294967295\r\n\r\n")
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			head := make([]byte, 64)
			n, _ := c.Read(head)
			if !strings.Contains(string(head[:n]), " 413 ") {
				t.Fatalf("4 GB announced: %q", head[:n])
			}
		}
		var conns []net.Conn
		for range 100 {
			c, err := net.Dial("tcp", s.http)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprintf(c, "POST /app HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n")
			conns = append(conns, c)
		}
		for _, c := range conns {
			closed(t, c, 20*time.Second)
		}
	})

	s.endure("10,000 connections", 400*mb, func(t *testing.T) {
		many := min(10_000, openFiles()-500)
		var conns []net.Conn
		defer func() {
			for _, c := range conns {
				c.Close()
			}
		}()
		for i := range many {
			c, err := net.DialTimeout("tcp", s.listen, 5*time.Second)
			if err != nil {
				t.Fatalf("connection %d: %v", i+1, err)
			}
			conns = append(conns, c)
			if i%2 == 0 {
				_, _ = c.Write([]byte{0xc0}) // a heartbeat; the others say nothing at all
			}
		}
		before := s.client.acked.Load()
		runtest.Within(
			t, 5*time.Second, func() bool { return s.client.acked.Load() >= before+1000 },
			func() string { return "honest clients are not served beside them" },
		)
		t.Logf("%d connections made", len(conns))
		for _, c := range conns { // half-open as far as the relay can tell
			closed(t, c, 15*time.Second)
		}
	})

	for _, c := range []string{"stalled", "malformed"} {
		if n := s.relay.logged("connection closed: " + c); n == 0 {
			t.Errorf("no line of the log tells of %s connections", c)
		}
	}
	if n := s.relay.logged(`"level":"WARN"`, `"component":"input.`); n > 40 {
		t.Errorf("%d warnings for a few kinds of attack", n)
	}
	want := map[string]int64{"honest": s.client.acked.Load(), "poster": s.posted.Load()}
	runtest.Within(
		t, 20*time.Second, func() bool { return s.ledger.Check(want).Lost == 0 },
		func() string { return fmt.Sprint(s.ledger.Check(want).Notes) },
	)
}

// openFiles returns how many files this process may open.
func openFiles() int {
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return 1000
	}
	if lim.Cur < lim.Max {
		lim.Cur = lim.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim)
		_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim)
	}
	return int(min(lim.Cur, 1<<20))
}

func (s *siege) send(
	t *testing.T, path, contentType, encoding string, body io.Reader,
) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(
		t.Context(), http.MethodPost, "http://"+s.http+path, body,
	)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
	return resp.StatusCode, string(text)
}

// gzipBomb inflates to size bytes of unit, rounded up to mebibytes, of which one alone is deflated.
func gzipBomb(t *testing.T, size int, unit []byte) []byte {
	t.Helper()
	var first bytes.Buffer
	w, _ := gzip.NewWriterLevel(&first, gzip.BestSpeed)
	block := bytes.Repeat(unit, 1<<20/len(unit))
	if _, err := w.Write(block); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	const header = 10
	n := (size + len(block) - 1) / len(block)
	bomb := append(
		first.Bytes()[:header:header], bytes.Repeat(first.Bytes()[header:], n)...)
	bomb = append(bomb, 1, 0, 0, 0xff, 0xff) // the last block, which is empty
	sum := crc32.NewIEEE()
	for range n {
		sum.Write(block)
	}
	bomb = little.LittleEndian.AppendUint32(bomb, sum.Sum32())
	return little.LittleEndian.AppendUint32(bomb, uint32(n*len(block)))
}

func zstdBomb(t *testing.T, size int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, _ := zstd.NewWriter(&buf)
	fill(t, w, size, []byte{0x92, 0, 0x80})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func fill(t *testing.T, w io.Writer, size int, unit []byte) {
	t.Helper()
	block := bytes.Repeat(unit, 1<<20/len(unit))
	for n := 0; n < size; n += len(block) {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
}
