package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-logger-golang/fluent"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kgo"
)

const intakeConfig = `
agent {
  data_dir = "DIR/data"
  name     = "relay-1"
  shutdown_timeout = "5s"
  admin { listen = "ADMIN" }
}
input "forward" "plain" { listen = "PLAIN" }
input "forward" "unix" { listen = "unix://DIR/forward.sock" }
input "forward" "keyed" {
  listen = "KEYED"
  security {
    shared_key = "a key of ours"
    user_auth  = false
  }
}
input "forward" "users" {
  listen = "USERS"
  security {
    shared_key = "a key of ours"
    user_auth  = true
    user "ann" { password = "of ann" }
  }
}
input "http" "web" { listen = "HTTP" }
input "syslog" "counted" {
  listen  = ["tcp://TCP"]
  framing = "octets"
  tag     = "syslog.counted"
}
input "syslog" "lines" {
  listen  = ["tcp://LINES"]
  framing = "newline"
  tag     = "syslog.lines"
}
input "syslog" "datagrams" {
  listen = ["udp://UDP", "unixgram://DIR/syslog.sock"]
  tag    = "syslog.datagrams"
}
output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "app-logs"
  key     = "${tag}"
}
pipeline "relay" {
  from = [input.forward.plain, input.forward.unix, input.forward.keyed, input.forward.users, input.http.web, input.syslog.counted, input.syslog.lines, input.syslog.datagrams]
  to   = [output.kafka.events]
}
`

// intake is the real binary with all inputs that listen, before a broker whose records are counted
// by their tag.
type intake struct {
	t     *testing.T
	dir   string
	addrs map[string]string

	mu      sync.Mutex
	ledgers map[string]*demo.Ledger
	samples map[string]string // the value of each tag's first record
	begun   time.Time
	early   int // records whose time is not of this test
}

func newIntake(t *testing.T) *intake {
	broker, err := demo.StartBroker(3, []string{topic})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	in := &intake{
		t:       t,
		dir:     t.TempDir(),
		addrs:   map[string]string{},
		ledgers: map[string]*demo.Ledger{},
		samples: map[string]string{},
		begun:   time.Now(),
	}
	vars := []string{"DIR", in.dir, "BROKER", broker.Addr()}
	for _, name := range []string{"PLAIN", "KEYED", "USERS", "HTTP", "TCP", "LINES", "UDP"} {
		in.addrs[name] = servers.FreeAddr(t)
		vars = append(vars, name, in.addrs[name])
	}
	ag := newAgent(t, "relay", replaceAll(intakeConfig, vars...))
	ag.start()
	stop := background(
		t.Context(), func(ctx context.Context) error { return in.read(ctx, broker.Addr()) },
	)
	t.Cleanup(func() { _ = stop() })
	for _, name := range []string{"PLAIN", "KEYED", "USERS", "HTTP", "TCP", "LINES"} {
		runtest.Within(t, 20*time.Second, func() bool {
			c, err := net.Dial("tcp", in.addrs[name])
			if err == nil {
				c.Close()
			}
			return err == nil
		}, func() string { return name + " does not listen" })
	}
	return in
}

func (in *intake) read(ctx context.Context, addr string) error {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	for ctx.Err() == nil {
		for r := range cl.PollFetches(ctx).RecordsAll() {
			in.see(r)
		}
	}
	return nil
}

func (in *intake) see(r *kgo.Record) {
	tag, line := string(r.Key), r.Value
	switch {
	case tag == "otlp":
		line = []byte(gjson.GetBytes(r.Value, "body").Raw)
	case strings.HasPrefix(tag, "syslog."):
		line = []byte(gjson.GetBytes(r.Value, "message").String())
	}
	in.mu.Lock()
	l := in.ledgers[tag]
	if l == nil {
		l = demo.NewLedger()
		in.ledgers[tag], in.samples[tag] = l, string(r.Value)
	}
	if r.Timestamp.Before(in.begun.Add(-2*time.Second)) ||
		r.Timestamp.After(time.Now().Add(2*time.Second)) {
		in.early++
	}
	in.mu.Unlock()
	l.See(line)
}

// expect waits for n records of source under tag, each once and in order, and returns the value of
// the first.
func (in *intake) expect(tag, source string, n int64) string {
	in.t.Helper()
	ledger := func() *demo.Ledger {
		in.mu.Lock()
		defer in.mu.Unlock()
		if l := in.ledgers[tag]; l != nil {
			return l
		}
		return demo.NewLedger()
	}
	want := map[string]int64{source: n}
	runtest.Within(
		in.t,
		20*time.Second,
		func() bool { return ledger().Check(want).Lost == 0 },
		func() string {
			in.mu.Lock()
			defer in.mu.Unlock()
			tags := ""
			for t, l := range in.ledgers {
				tags += fmt.Sprintf(" %s: %d", t, l.Distinct())
			}
			return fmt.Sprintf("%s %s: lost %v; there are%s", tag, source, in.ledgers[tag], tags)
		},
	)
	if b := ledger().Check(want); b.Seen != n || b.Duplicated != 0 || b.Disordered != 0 ||
		ledger().Strange() != 0 {
		in.t.Errorf(
			"%s %s: %d records, %d repeated, %d out of order, %d strange: %v", tag, source, b.Seen,
			b.Duplicated, b.Disordered, ledger().Strange(), b.Notes,
		)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.early != 0 {
		in.t.Errorf("%d records have a time that is not of this test", in.early)
	}
	return in.samples[tag]
}

// run runs a program to its end and fails the test with what it says if it fails.
func run(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// needs skips the test unless it is one of make integration and the variable names what is needed.
func needs(t *testing.T, variable, what string) string {
	t.Helper()
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	value := os.Getenv(variable)
	if value == "" {
		t.Skip(what + " is not installed: " + variable + " is not set")
	}
	return value
}

func interop(script string) string { return filepath.Join("testdata", "interop", script) }

func (in *intake) hostPort(name string) (host, port string) {
	host, port, _ = net.SplitHostPort(in.addrs[name])
	return host, port
}

// TestGoLogger sends with github.com/fluent/fluent-logger-golang: msgpack and JSON, with acks and
// without, TCP and unix socket.
func TestGoLogger(t *testing.T) {
	parallel(t)
	in := newIntake(t)
	host, port := in.hostPort("PLAIN")
	p, _ := strconv.Atoi(port)
	const n = 30
	for source, conf := range map[string]fluent.Config{
		"go-ack":     {RequestAck: true, SubSecondPrecision: true},
		"go-seconds": {RequestAck: true},
		"go-json":    {RequestAck: true, MarshalAsJSON: true},
		"go-noack":   {SubSecondPrecision: true},
		"go-async":   {Async: true, RequestAck: true, SubSecondPrecision: true},
		"go-unix":    {FluentNetwork: "unix", FluentSocketPath: filepath.Join(in.dir, "forward.sock"), RequestAck: true, SubSecondPrecision: true},
	} {
		conf.FluentHost, conf.FluentPort = host, p
		conf.ReadTimeout = 20 * time.Second
		log, err := fluent.New(conf)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if err := log.Post(
				"app."+source,
				map[string]any{
					"source": source,
					"seq":    i,
					"text":   "grüße",
					"nested": map[string]any{"list": []any{1, 2.5, nil, true}},
				},
			); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if v := in.expect("app."+source, source, n); gjson.Get(v, "text").String() != "grüße" ||
			gjson.Get(v, "nested.list").Raw != "[1,2.5,null,true]" {
			t.Errorf("%s: %s", source, v)
		}
	}
}

func TestPythonLogger(t *testing.T) {
	parallel(t)
	python := needs(t, "PENSTOCK_PYTHON", "Python")
	in := newIntake(t)
	host, port := in.hostPort("PLAIN")
	run(t, nil, python, interop("fluent_client.py"), host, port, "2000")
	if v := in.expect("app.python", "python", 2000); gjson.Get(v, "text").String() != "grüße" ||
		gjson.Get(v, "nested.list").Raw != "[1,2.5,null,true]" {
		t.Error(v)
	}
}

// TestNodeLogger sends with @fluent-org/logger in each of its modes, all with acks, one with a
// shared key and one with a user as well.
func TestNodeLogger(t *testing.T) {
	parallel(t)
	modules := needs(t, "PENSTOCK_NODE_MODULES", "@fluent-org/logger")
	in := newIntake(t)
	for _, c := range []struct {
		addr, source, mode string
		more               []string
	}{
		{"PLAIN", "node-Message", "Message", nil},
		{"PLAIN", "node-Forward", "Forward", nil},
		{"PLAIN", "node-PackedForward", "PackedForward", nil},
		{"PLAIN", "node-CompressedPackedForward", "CompressedPackedForward", nil},
		{"KEYED", "node-PackedForward-key", "PackedForward", []string{"a key of ours"}},
		{"USERS", "node-CompressedPackedForward-key-user", "CompressedPackedForward", []string{"a key of ours", "ann", "of ann"}},
	} {
		host, port := in.hostPort(c.addr)
		run(
			t,
			[]string{"NODE_PATH=" + modules},
			"node",
			append([]string{interop("fluent_client.js"), host, port, "1000", c.mode}, c.more...)...)
		if v := in.expect(
			"app."+c.source, c.source, 1000,
		); gjson.Get(v, "text").String() != "grüße" ||
			gjson.Get(v, "nested.list").Raw != "[1,2.5,null,true]" {
			t.Errorf("%s: %s", c.source, v)
		}
	}
}

const toNode = `
agent {
  data_dir = "DIR/data"
  name     = "edge-1"
  admin { listen = "ADMIN" }
}
input "tail" "app" {
  paths = ["DIR/app.log"]
  tag   = "app.${stem}"
}
output "forward" "node" {
  server "one" { address = "PEER" }
  shared_key  = "a key of ours"
  user        = "ann"
  password    = "of ann"
  compression = "COMPRESSION"
  retry { max = "500ms" }
  recover_wait = "0s"
}
pipeline "app" {
  from = [input.tail.app]
  to   = [output.forward.node]
}
`

// TestNodeServer sends to @fluent-org/logger's server with shared key, user and acks, and goes on
// after the server was killed.
func TestNodeServer(t *testing.T) {
	parallel(t)
	modules := needs(t, "PENSTOCK_NODE_MODULES", "@fluent-org/logger")
	for _, compression := range []string{"none", "gzip"} {
		t.Run(compression, func(t *testing.T) {
			dir, peer := t.TempDir(), servers.FreeAddr(t)
			ledger := demo.NewLedger()
			var sample string
			serve := func() (stop func()) {
				_, port, _ := net.SplitHostPort(peer)
				cmd := exec.Command(
					"node", interop("fluent_server.js"), port, "a key of ours", "ann", "of ann",
				)
				cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					for sc := bufio.NewScanner(out); sc.Scan(); {
						if sample == "" {
							sample = sc.Text()
						}
						ledger.See(sc.Bytes())
					}
				}()
				return sync.OnceFunc(func() {
					_ = cmd.Process.Kill()
					<-done
					_ = cmd.Wait()
				})
			}
			stop := serve()
			t.Cleanup(func() { stop() })
			app := &demo.App{Source: "a", Path: filepath.Join(dir, "app.log")}
			t.Cleanup(func() { _ = app.Close() })
			ag := newAgent(
				t, "edge", replaceAll(toNode, "DIR", dir, "PEER", peer, "COMPRESSION", compression),
			)
			ag.start()
			arrive := func() {
				t.Helper()
				want := map[string]int64{"a": app.Written()}
				runtest.Within(
					t, 30*time.Second, func() bool { return ledger.Check(want).Lost == 0 },
					func() string { return fmt.Sprint(ledger.Check(want).Notes) },
				)
			}
			if err := app.Write(5000); err != nil {
				t.Fatal(err)
			}
			arrive()
			stop()
			if err := app.Write(5000); err != nil {
				t.Fatal(err)
			}
			stop = serve()
			arrive()
			if b := ledger.Check(
				map[string]int64{"a": 10_000},
			); b.Duplicated != 0 || b.Disordered != 0 ||
				ledger.Strange() != 0 {
				t.Errorf("%+v", b)
			}
			stop() // the sample is written until then
			var first struct {
				Tag, Msg string
				Time     float64
			}
			if err := json.Unmarshal(
				[]byte(sample), &first,
			); err != nil || first.Tag != "app.app" ||
				first.Msg != "request served" {
				t.Errorf("%s: %v", sample, err)
			}
		})
	}
}

func TestElasticsearchBulkHelper(t *testing.T) {
	parallel(t)
	python := needs(t, "PENSTOCK_PYTHON", "Python")
	in := newIntake(t)
	run(t, nil, python, interop("es_bulk.py"), "http://"+in.addrs["HTTP"], "2000")
	in.expect("app", "bulk", 2000)
}

func TestOTLPExporter(t *testing.T) {
	parallel(t)
	python := needs(t, "PENSTOCK_PYTHON", "Python")
	in := newIntake(t)
	run(t, nil, python, interop("otlp_export.py"), "http://"+in.addrs["HTTP"]+"/v1/logs", "2000")
	v := in.expect("otlp", "otlp", 2000)
	for path, want := range map[string]string{"severity_text": "INFO", "attributes.k": "v", `resource.service\.name`: "interop"} {
		if got := gjson.Get(v, path).String(); got != want {
			t.Errorf("%s is %q, want %q: %s", path, got, want, v)
		}
	}
}

// program skips the test unless a program is on the PATH, in make integration.
func program(t *testing.T, name string) string {
	t.Helper()
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if path := filepath.Join(dir, name); executable(path) {
			return path
		}
	}
	t.Skip(name + " is not installed")
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

const rsyslogConfig = `
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="DIR/rsyslog.sock" CreatePath="on" RateLimit.Interval="0" UseSysTimeStamp="off")
global(workDirectory="DIR" maxMessageSize="64k")
action(type="omfwd" target="127.0.0.1" port="COUNTED" protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")
action(type="omfwd" target="127.0.0.1" port="LINES" protocol="tcp" template="RSYSLOG_ForwardFormat")
action(type="omfwd" target="127.0.0.1" port="UDP" protocol="udp" template="RSYSLOG_SyslogProtocol23Format")
`

// TestRsyslog forwards with rsyslog's omfwd: RFC 5424 over TCP with counted framing and over UDP,
// its traditional format over TCP in lines.
func TestRsyslog(t *testing.T) {
	parallel(t)
	rsyslogd := program(t, "rsyslogd")
	in := newIntake(t)
	vars := []string{"DIR", in.dir}
	for placeholder, name := range map[string]string{"COUNTED": "TCP", "LINES": "LINES", "UDP": "UDP"} {
		_, port := in.hostPort(name)
		vars = append(vars, placeholder, port)
	}
	conf := filepath.Join(in.dir, "rsyslog.conf")
	if err := os.WriteFile(conf, []byte(replaceAll(rsyslogConfig, vars...)), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(rsyslogd, "-n", "-f", conf, "-i", filepath.Join(in.dir, "rsyslog.pid"))
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	var sock net.Conn
	runtest.Within(t, 20*time.Second, func() bool {
		var err error
		sock, err = net.Dial("unixgram", filepath.Join(in.dir, "rsyslog.sock"))
		return err == nil
	}, func() string { return "rsyslog does not listen" })
	defer sock.Close()
	const n = 1000
	for i := range n {
		if _, err := fmt.Fprintf(
			sock, `<134>%s app[42]: {"source":"rsyslog","seq":%d}`, time.Now().Format(time.Stamp),
			i,
		); err != nil {
			t.Fatal(err)
		}
	}
	for _, tag := range []string{"syslog.counted", "syslog.lines", "syslog.datagrams"} {
		v := in.expect(tag, "rsyslog", n)
		for path, want := range map[string]string{"facility": "local0", "severity": "info", "app_name": "app", "proc_id": "42", "malformed": ""} {
			if got := gjson.Get(v, path).String(); got != want {
				t.Errorf("%s: %s is %q, want %q: %s", tag, path, got, want, v)
			}
		}
	}
	stop()
	if t.Failed() {
		t.Log(said.String())
	}
}

// TestLoggerCommand sends with logger(1): RFC 5424 and 3164 over TCP and UDP, and over a unix
// socket.
func TestLoggerCommand(t *testing.T) {
	parallel(t)
	logger := program(t, "logger")
	in := newIntake(t)
	const n = 500
	for _, c := range []struct {
		source, tag string
		args        []string
	}{
		{"counted-5424", "syslog.counted", []string{"-T", "--octet-count", "--rfc5424", "-P", "TCP"}},
		{"lines-5424", "syslog.lines", []string{"-T", "--rfc5424", "-P", "LINES"}},
		{"lines-3164", "syslog.lines", []string{"-T", "--rfc3164", "-P", "LINES"}},
		{"udp-5424", "syslog.datagrams", []string{"-d", "--rfc5424", "-P", "UDP"}},
		{"udp-3164", "syslog.datagrams", []string{"-d", "--rfc3164", "-P", "UDP"}},
		{"unix", "syslog.datagrams", []string{"-d", "-u", filepath.Join(in.dir, "syslog.sock")}},
	} {
		lines := filepath.Join(in.dir, c.source)
		f, err := os.Create(lines)
		if err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriter(f)
		for i := range n {
			fmt.Fprintf(w, `{"source":%q,"seq":%d}`+"\n", c.source, i)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		f.Close()
		args := append([]string{"-t", "app", "-p", "local3.warning", "-f", lines}, c.args...)
		if at := len(args) - 1; args[at-1] == "-P" {
			host, port := in.hostPort(args[at])
			args[at] = port
			args = append(args, "-n", host)
		}
		run(t, nil, logger, args...)
		in.expect(c.tag, c.source, n)
	}
}
