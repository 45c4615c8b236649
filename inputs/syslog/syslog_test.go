package syslog

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/tlsconf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ in, want, at string }{
		{`<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - ` + "\xef\xbb\xbf" + `'su root' failed`,
			`{"facility":"auth","severity":"crit","priority":34,"hostname":"mymachine.example.com","app_name":"su","msg_id":"ID47","message":"'su root' failed"}`, "2003-10-11T22:14:15.003Z"},
		{`<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - [a@1 x="1" y="q\"\\\]\n"][b@2] text`,
			`{"facility":"local4","severity":"notice","priority":165,"hostname":"192.0.2.1","app_name":"myproc","proc_id":"8710","structured_data":{"a@1":{"x":"1","y":"q\"\\]\\n"},"b@2":{}},"message":"text"}`, "2003-08-24T12:14:15.000003Z"},
		{`<13>1 - - - - - [origin ip="192.0.2.1" sw="x" ip="192.0.2.\]"][b c="1"]`,
			`{"facility":"user","severity":"notice","priority":13,"structured_data":{"origin":{"ip":["192.0.2.1","192.0.2.]"],"sw":"x"},"b":{"c":"1"}},"message":""}`, "2026-01-05T12:00:00Z"},
		{`<0>1 - - - - - -`, `{"facility":"kern","severity":"emerg","priority":0,"message":""}`, "2026-01-05T12:00:00Z"},
		{`<34>Oct 11 22:14:15 mymachine su: 'su root' failed`, `{"facility":"auth","severity":"crit","priority":34,"hostname":"mymachine","app_name":"su","message":"'su root' failed"}`, "2025-10-11T22:14:15Z"},
		{`<13>Jan  5 11:59:59 web-1 app[123]: hello`, `{"facility":"user","severity":"notice","priority":13,"hostname":"web-1","app_name":"app","proc_id":"123","message":"hello"}`, "2026-01-05T11:59:59Z"},
		{`<13>Jan  5 11:59:59 app[123]: local`, `{"facility":"user","severity":"notice","priority":13,"app_name":"app","proc_id":"123","message":"local"}`, "2026-01-05T11:59:59Z"},
		{`<13>Jan 5 11:59:59 web-1 app: one digit`, `{"facility":"user","severity":"notice","priority":13,"hostname":"web-1","app_name":"app","message":"one digit"}`, "2026-01-05T11:59:59Z"},
		{`<13>Jan 2 2026 03:04:05.678: app: one digit`, `{"facility":"user","severity":"notice","priority":13,"app_name":"app","message":"one digit"}`, "2026-01-02T03:04:05.678Z"},
		{`<13>2026 Jan 2 03:04:05 web-1 app: one digit`, `{"facility":"user","severity":"notice","priority":13,"hostname":"web-1","app_name":"app","message":"one digit"}`, "2026-01-02T03:04:05Z"},
		{`<13>Jan 5 11:59:59`, `{"facility":"user","severity":"notice","priority":13,"message":""}`, "2026-01-05T11:59:59Z"},
		{`<13>2026-01-02T03:04:05.6+01:00 web-1 app: iso`, `{"facility":"user","severity":"notice","priority":13,"hostname":"web-1","app_name":"app","message":"iso"}`, "2026-01-02T02:04:05.6Z"},
		{`<189>*Jan  2 2026 03:04:05.678: %SYS-5-CONFIG: x`, `{"facility":"local7","severity":"notice","priority":189,"app_name":"%SYS-5-CONFIG","message":"x"}`, "2026-01-02T03:04:05.678Z"},
		{`<38>Jan  5 11:59:59 web-1 sshd[42] no colon`, `{"facility":"auth","severity":"info","priority":38,"hostname":"web-1","app_name":"sshd","proc_id":"42","message":"no colon"}`, "2026-01-05T11:59:59Z"},
		{`<38>sshd[42] no colon`, `{"facility":"auth","severity":"info","priority":38,"app_name":"sshd","proc_id":"42","message":"no colon"}`, "2026-01-05T12:00:00Z"},
		{`<34>Jan  5 11:59:59 mymachine su 'su root' failed: x`, `{"facility":"auth","severity":"crit","priority":34,"hostname":"mymachine","app_name":"su","message":"'su root' failed: x"}`, "2026-01-05T11:59:59Z"},
		{`<13>Jan  5 11:59:59 10.0.0.99 Use the BFG!`, `{"facility":"user","severity":"notice","priority":13,"hostname":"10.0.0.99","app_name":"Use","message":"the BFG!"}`, "2026-01-05T11:59:59Z"},
		{`<13>Jan  5 11:59:59 web-1 {"a": 1}`, `{"facility":"user","severity":"notice","priority":13,"hostname":"web-1","message":"{\"a\": 1}"}`, "2026-01-05T11:59:59Z"},
		{`<13>Jan  5 11:59:59 web-1 alone`, `{"facility":"user","severity":"notice","priority":13,"hostname":"web-1","message":"alone"}`, "2026-01-05T11:59:59Z"},
		{`<13>[42] no name`, `{"facility":"user","severity":"notice","priority":13,"message":"[42] no name"}`, "2026-01-05T12:00:00Z"},
		{`<13>a[b]c d`, `{"facility":"user","severity":"notice","priority":13,"message":"a[b]c d"}`, "2026-01-05T12:00:00Z"},
		{`<13>no header at all`, `{"facility":"user","severity":"notice","priority":13,"message":"no header at all"}`, "2026-01-05T12:00:00Z"},
		{`<13>app: no time`, `{"facility":"user","severity":"notice","priority":13,"app_name":"app","message":"no time"}`, "2026-01-05T12:00:00Z"},
		{"<13>caf\xe9\x00", `{"facility":"user","severity":"notice","priority":13,"message":"caf\\xe9\u0000"}`, "2026-01-05T12:00:00Z"},
	} {
		m, err := parse([]byte(c.in), now)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := string(
			m.appendJSON(nil),
		); got != c.want ||
			m.time.UTC().Format(time.RFC3339Nano) != c.at {
			t.Errorf(
				"%s:\ngot  %s %s\nwant %s %s", c.in, got, m.time.UTC().Format(time.RFC3339Nano),
				c.want, c.at,
			)
		}
	}
	for _, in := range []string{"", "x", "<>x", "<192>x", "<1a>x", "<0001>x", "<34>1 not-a-time h a p m - x", "<34>1 - h a p m", "<34>1 - h a p m [", `<34>1 - h a p m [a x="1] x`, "<34>1 - h a p m [a]x"} {
		if m, err := parse([]byte(in), now); err == nil {
			t.Errorf("%q: taken as %s", in, m.appendJSON(nil))
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`<34>1 2003-10-11T22:14:15.003Z h su - ID47 [a x="1\]"] m`, `<34>Oct 11 22:14:15 h su[1]: m`, "<13>2026-01-02T03:04:05Z h a: x", "x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b, time.Unix(1e9, 0))
		out := appendRaw(nil, b, "malformed", "e")
		if err == nil {
			out = m.appendJSON(nil)
			if !bytes.Contains(b, m.text) {
				t.Fatalf("%q: text %q", b, m.text)
			}
		}
		if !json.Valid(out) {
			t.Fatalf("%q became %s", b, out)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	line := []byte(
		`<165>1 2026-08-24T05:14:15.000003Z web-1.example.org nginx 8710 access - GET /api/v1/things HTTP/1.1 200 1234 "curl" rt=0.012 upstream=10.0.0.1:8080 trace=abcdef0123456789`,
	)
	now := time.Now()
	var buf []byte
	for b.Loop() {
		m, _ := parse(line, now)
		buf = m.appendJSON(buf[:0])
	}
}

// A year is filled in that has the day, and none where there is no such day.
func TestYearOfTheOldFormat(t *testing.T) {
	for stamp, want := range map[string]string{
		"Feb 29 10:00:00 2029-01-10": "2028-02-29", "Feb 29 10:00:00 2027-03-01": "2028-02-29",
		"Feb 29 10:00:00 2026-03-01": "", "Feb 28 10:00:00 2026-03-01": "2026-02-28",
		"Dec 31 23:59:59 2026-01-01": "2025-12-31", "Jan  1 00:00:00 2026-12-31": "2027-01-01",
	} {
		now, err := time.Parse(time.DateOnly, stamp[len(stamp)-10:])
		if err != nil {
			t.Fatal(err)
		}
		_, at, err := AppendLine(nil, []byte(stamp[:len(stamp)-10]+"host app: text"), now)
		got := ""
		if err == nil {
			got = at.Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", stamp, got, want)
		}
	}
}

func TestTLSThatNoAddressUsesIsAMistake(t *testing.T) {
	cert, key := certtest.New(t).Issue("server")
	cfg := Default()
	cfg.TLS = &tlsconf.Server{CertFile: cert, KeyFile: key}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "write tls://host:port") {
		t.Errorf("listening without TLS is told as %v", err)
	}
	cfg.Listen = append(cfg.Listen, "tls://127.0.0.1:6514")
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
}

func TestTransports(t *testing.T) {
	ca := certtest.New(t)
	cert, key := ca.Issue("server")
	dir := t.TempDir()
	cfg := Default()
	cfg.Listen = []string{
		"udp://127.0.0.1:0",
		"tcp://127.0.0.1:0",
		"tls://127.0.0.1:0",
		"unixgram://" + filepath.Join(dir, "g"),
		"unix://" + filepath.Join(dir, "s"),
	}
	cfg.MaxMessageSize = 500
	cfg.TLS = &tlsconf.Server{CertFile: cert, KeyFile: key}
	s, err := New(cfg, inputstest.Env("input.syslog.test", dir))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	run, stop := context.WithCancel(ctx)
	sink := inputstest.New()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(run, sink) }()
	dial := func(i int) net.Conn {
		t.Helper()
		a, err := s.Addr(ctx, i)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(cfg.Listen[i], "tls") {
			conf, err := tlsconf.NewClient(
				tlsconf.Client{CAFile: ca.File, ServerName: "server"},
				slog.New(slog.DiscardHandler),
			)
			if err != nil {
				t.Fatal(err)
			}
			nc, err := tls.Dial("tcp", a.String(), conf)
			if err != nil {
				t.Fatal(err)
			}
			return nc
		}
		nc, err := net.Dial(a.Network(), a.String())
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}
	for i, l := range cfg.Listen {
		nc := dial(i)
		m := fmt.Sprintf("<13>Jan  5 11:59:59 h app: via %d", i)
		switch {
		case strings.HasPrefix(l, "udp"), strings.HasPrefix(l, "unixgram"):
			io.WriteString(nc, m+"\n")
		case strings.HasPrefix(l, "tls"):
			fmt.Fprintf(nc, "%d %s", len(m), m)
		default:
			io.WriteString(
				nc,
				m+"\nnot syslog\n<13>app: "+strings.Repeat(
					"y", 600,
				)+"\n<13>app: last, without newline",
			)
		}
		nc.Close()
	}
	const want = 3 + 2*5
	if !sink.Wait(ctx, func(rs []inputstest.Record) bool { return len(rs) >= want }) {
		t.Fatalf("%d records: %q", len(sink.Values()), sink.Values())
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range sink.Records() {
		v := string(r.Value)
		for _, key := range []string{"via 0", "via 1", "via 2", "via 3", "via 4", `"malformed":true,"error":"no priority","message":"not syslog"`, `"continued":true`, "last, without newline"} {
			if strings.Contains(v, key) {
				count[key]++
			}
		}
		if r.Tag != "syslog" || r.Origin != "127.0.0.1" && r.Origin != "unix" ||
			!json.Valid(r.Value) {
			t.Errorf("got %+v", r)
		}
	}
	if s := fmt.Sprint(
		count,
	); s != `map["continued":true:2 "malformed":true,"error":"no priority","message":"not syslog":2 last, without newline:2 via 0:1 via 1:1 via 2:1 via 3:1 via 4:1]` {
		t.Fatal(s)
	}
}

// Python's SysLogHandler over SOCK_STREAM ends each message with a NUL, and keeps the connection
// open.
func TestPythonSysLogHandlerOverTCP(t *testing.T) {
	cfg := Default()
	cfg.Listen = []string{"tcp://127.0.0.1:0"}
	s, err := New(cfg, inputstest.Env("input.syslog.test", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	run, stop := context.WithCancel(ctx)
	sink := inputstest.New()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(run, sink) }()
	a, err := s.Addr(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", a.String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for i := range 3 {
		fmt.Fprintf(nc, "<14>app: message %d\x00", i)
		if !sink.Wait(ctx, func(rs []inputstest.Record) bool { return len(rs) == i+1 }) {
			t.Fatalf("message %d is not stored while the connection is open: %q", i, sink.Values())
		}
		if v := sink.Values()[i]; !strings.HasSuffix(
			v, fmt.Sprintf(`"app_name":"app","message":"message %d"}`, i),
		) {
			t.Fatal(v)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestAddressInUseIsAnError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cfg := Default()
	cfg.Listen = []string{"udp://127.0.0.1:0", "tcp://" + ln.Addr().String()}
	s, err := New(cfg, inputstest.Env("input.syslog.test", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(context.Background(), inputstest.New()); err == nil ||
		!strings.Contains(err.Error(), "in use") {
		t.Fatal(err)
	}
}

// What a stop loses is told of all connections, though they come from one host.
func TestWhatAStopLosesIsTold(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Listen = []string{"tcp://127.0.0.1:0"}
	env := inputstest.Env("input.syslog.test", t.TempDir())
	var log runtest.LogBuffer
	env.Log = slog.New(slog.NewTextHandler(&log, nil))
	in, err := New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	inputstest.TellsLosses(
		t, in, func(ctx context.Context) (net.Addr, error) { return in.Addr(ctx, 0) }, &log,
	)
}

func TestValidate(t *testing.T) {
	cfg := Config{
		Listen:   []string{"x", "ftp://x", "tls://h:1", "udp://nowhere"},
		Timezone: "Nowhere/Land",
		Framing:  "x",
	}
	text := fmt.Sprint(cfg.Validate())
	for _, want := range []string{`"x" must begin`, `"ftp://x" must begin`, "needs a tls block", "host:port", "timezone: ", "framing: ", "tag: ", "max_message_size: ", "max_connections: "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}
