package inputs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/forward"
	httpin "github.com/penstock/penstock/inputs/http"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/inputs/socket"
	"github.com/penstock/penstock/inputs/syslog"
)

// A message of N bytes, inflated, costs at most four times N of memory, whatever is in it, and time
// in proportion to N. Sixteen KB of gzip are 16 MB of empty records, nested lists, or lying counts.

// drain is a sink that keeps nothing.
type drain struct{}

func (drain) Append(
	_ context.Context, _ *record.Batch, _ []inputs.Position, done func(error),
) error {
	done(nil)
	return nil
}
func (drain) Positions() map[string][]byte { return nil }

// fill repeats unit between head and tail until there are about n bytes.
func fill(head, unit, tail string) func(n int) io.Reader {
	return func(n int) io.Reader {
		times := max(1, (n-len(head)-len(tail))/len(unit))
		return io.MultiReader(
			strings.NewReader(head), &repeated{unit: unit, left: times}, strings.NewReader(tail),
		)
	}
}

// repeated reads unit again and again, without memory.
type repeated struct {
	unit string
	left int
	at   int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) && r.left > 0 {
		m := copy(p[n:], r.unit[r.at:])
		n, r.at = n+m, r.at+m
		if r.at == len(r.unit) {
			r.at, r.left = 0, r.left-1
		}
	}
	if n == 0 {
		err = io.EOF
	}
	return n, err
}

// framed makes of n bytes of units one message whose head depends on the length.
func framed(head func(size, count int) string, unit, tail string) func(n int) io.Reader {
	return func(n int) io.Reader {
		count := max(1, n/len(unit))
		return io.MultiReader(
			strings.NewReader(head(count*len(unit), count)), &repeated{unit: unit, left: count},
			strings.NewReader(tail),
		)
	}
}

func be32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

func varint(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

// otlp wraps fields of a ScopeLogs into a request.
func otlp(resource, unit string) func(n int) io.Reader {
	return framed(func(size, _ int) string {
		res := "\x0a" + varint(len(resource)) + resource
		scope := "\x12" + varint(size)
		return "\x0a" + varint(len(res)+len(scope)+size) + res + scope
	}, unit, "")
}

type decoder struct {
	name string
	run  func(t *testing.T) (send func(body io.Reader), stop func())
	body func(n int) io.Reader
}

func decoders() (list []decoder) {
	add := func(name string, run func(t *testing.T) (func(io.Reader), func()), body func(n int) io.Reader) {
		list = append(list, decoder{name, run, body})
	}
	post := func(path, ctype string) func(t *testing.T) (func(io.Reader), func()) {
		return func(t *testing.T) (func(io.Reader), func()) { return startHTTP(t, path, ctype) }
	}
	const (
		jsonType, nd, pack = "application/json", "application/x-ndjson", "application/msgpack"
		proto, formType    = "application/x-protobuf", "application/x-www-form-urlencoded"
	)
	add("http lines", post("/t", "text/plain"), fill("", "a\n", ""))
	add("http line", post("/t", "text/plain"), fill("", "abcdefgh", "\n"))
	add("http json numbers", post("/t", jsonType), fill("[", "1,", "1]"))
	add("http json objects", post("/t", jsonType), fill("[", "{},\n", "{}]"))
	add("http json sequence", post("/t", jsonType), fill("", "1 ", ""))
	add("http json one", post("/t", jsonType), fill("{\"a\":[", "1,\n", "1]}"))
	add("http json names", post("/t", jsonType), fill("[{", `"":0,`, `"":0}]`))
	add("http ndjson", post("/t", nd), fill("", "1\n", ""))
	add("http msgpack", post("/t", pack), fill("", "\xc0", ""))
	add(
		"http msgpack array", post("/t", pack),
		framed(func(_, n int) string { return "\xdd" + be32(n) }, "\xc0", ""),
	)
	add(
		"http msgpack arrays", post("/t", pack),
		framed(func(_, n int) string { return "\x91\xdd" + be32(n) }, "\xc0", ""),
	)
	add(
		"http msgpack text", post("/t", pack),
		framed(func(n, _ int) string { return "\x81\xa1a\xdb" + be32(n) }, "\x01\x02\x03\x04", ""),
	)
	add("http msgpack events", post("/t", pack), fill("", "\x92\x92\x01\x80\x80", ""))
	add(
		"http msgpack lying", post("/t", pack),
		fill("\xdd\xff\xff\xff\xff", "\xdd\xff\xff\xff\xff", ""),
	)
	// A map as a key stands as text, with the quotes in it written twice as long at each depth.
	keys := strings.Repeat("\x81", 90) + "\xa1k" + strings.Repeat("\xa1v", 90)
	add("http msgpack keys", post("/t", pack), fill("", keys, ""))
	add("http form names", post("/t", formType), fill("", "a&", "json=1"))
	add("http form value", post("/t", formType), fill("json=[", "1,", "1]"))
	add(
		"http multipart",
		post("/t", "multipart/form-data; boundary=b"),
		fill(
			"--b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n[", "1,",
			"1]\r\n--b--\r\n",
		),
	)
	add("bulk", post("/_bulk", nd), fill("", "{\"index\":{}}\n{}\n", ""))
	add("bulk refused", post("/_bulk", nd), fill("", "{\"delete\":{}}\n", ""))
	add("bulk broken", post("/_bulk", nd), fill("", "{\"index\":{}}\n{x\n", ""))
	add("bulk ids", post("/_bulk", nd), fill("{\"index\":{\"_id\":[", "1,", "1]}}\n{}\n"))
	add("bulk document", post("/_bulk", nd), fill("{\"index\":{}}\n{\"a\":[", "1,", "1]}\n"))
	add("hec", post("/services/collector", ""), fill("", `{"event":1}`, ""))
	add("hec one", post("/services/collector", ""), fill(`{"event":[`, "1,", "1]}"))
	add("hec raw", post("/services/collector/raw", ""), fill("", "a\n", ""))
	add("hec acks", post("/services/collector/ack", ""), fill(`{"acks":[`, "1,", "1]}"))
	add("otlp records", post("/v1/logs", proto), otlp("", "\x12\x00"))
	add(
		"otlp resource", post("/v1/logs", proto),
		otlp("\x0a\x82\x08\x0a\xff\x07"+strings.Repeat("k", 1023), strings.Repeat("\x12\x00", 512)),
	)
	add("otlp attributes", post("/v1/logs", proto), framed(func(n, _ int) string {
		rec := "\x12" + varint(n)
		scope := "\x12" + varint(len(rec)+n)
		return "\x0a" + varint(len(scope)+len(rec)+n) + scope + rec
	}, "\x32\x00", ""))
	add("otlp resources", post("/v1/logs", proto), fill("", "\x0a\x00", ""))
	add(
		"otlp json records", post("/v1/logs", jsonType),
		fill(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[`, "{},", "{}]}]}]}"),
	)
	add("otlp json attributes", post("/v1/logs", jsonType),
		fill(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[`, "{},", "{}]}]}]}]}"))
	add("otlp json resources", post("/v1/logs", jsonType), fill(`{"resourceLogs":[`, "{},", "{}]}"))

	event := "\x92\x01\x80"
	add(
		"forward events",
		startForward,
		framed(
			func(_, n int) string { return "\x93\xa1t\xdd" + be32(n) }, event, "\x81\xa5chunk\xa1c",
		),
	)
	add(
		"forward packed",
		startForward,
		framed(
			func(n, _ int) string { return "\x93\xa1t\xdb" + be32(n) }, event, "\x81\xa5chunk\xa1c",
		),
	)
	add(
		"forward message",
		startForward,
		framed(
			func(_, n int) string { return "\x94\xa1t\x01\x81\xa1a\xdd" + be32(n) }, "\xc0",
			"\x81\xa5chunk\xa1c",
		),
	)
	add(
		"forward text",
		startForward,
		framed(
			func(n, _ int) string { return "\x94\xa1t\x01\x81\xa1a\xdb" + be32(n) },
			"\x01\x02\x03\x04", "\x81\xa5chunk\xa1c",
		),
	)
	add(
		"forward nils",
		startForward,
		framed(
			func(n, _ int) string { return "\x93\xa1t\xdb" + be32(n) }, "\xc0",
			"\x81\xa5chunk\xa1c",
		),
	)
	add(
		"forward nested",
		startForward,
		framed(
			func(_, _ int) string { return "\x94\xa1t\x01\x81\xa1a" }, "\x91",
			"\xc0\x81\xa5chunk\xa1c",
		),
	)
	add(
		"forward keys",
		startForward,
		framed(
			func(_, n int) string { return "\x93\xa1t\xdd" + be32(n) }, "\x92\x01"+keys,
			"\x81\xa5chunk\xa1c",
		),
	)
	add(
		"forward lying", startForward,
		fill("\x93\xa1t\xdd\xff\xff\xff\xff", "\xdd\xff\xff\xff\xff", ""),
	)
	add("forward compressed", startForward, func(n int) io.Reader {
		chunk := zipped(fill("", event, "")(n))
		return io.MultiReader(strings.NewReader("\x93\xa1t\xc6"+be32(chunk.Len())), chunk,
			strings.NewReader("\x82\xaacompressed\xa4gzip\xa5chunk\xa1c"))
	})
	add("forward json", startForward, fill(`["t",[`, "[1,{}],", `[1,{}]],{"chunk":"c"}]`))
	add("forward json text", startForward, fill(`["t",1,{"a":"`, "abcdefgh", `"},{"chunk":"c"}]`))

	add("syslog", startSyslog, fill("", "<1>a\n", ""))
	add("syslog data", startSyslog, fill("<34>1 - h a p m ", `[a x=""]`, " text\n"))
	add("syslog one", startSyslog, fill("<1>", "\x01", "\n"))
	add("tcp", startTCP, fill("", "a\n", ""))
	return list
}

func zipped(src io.Reader) *bytes.Buffer {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = io.Copy(z, src)
	z.Close()
	return &buf
}

func startHTTP(t *testing.T, path, ctype string) (send func(body io.Reader), stop func()) {
	cfg := httpin.Default()
	cfg.Listen = "127.0.0.1:0"
	in, err := httpin.New(cfg, inputstest.Env("input.http.test", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	addr, end := serve(t, in)
	client := &http.Client{Transport: &http.Transport{}}
	return func(body io.Reader) {
			z := zipped(body)
			req, err := http.NewRequest("POST", "http://"+addr+path, z)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", ctype)
			req.Header.Set("Content-Encoding", "gzip")
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var b [200]byte
			n, _ := io.ReadFull(res.Body, b[:])
			t.Logf("%s %q", res.Status, b[:n])
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				t.Fatal(err)
			}
			if res.StatusCode >= 500 || res.StatusCode == 429 {
				t.Fatal(res.Status)
			}
		}, func() {
			client.CloseIdleConnections()
			end()
		}
}

func startForward(t *testing.T) (send func(body io.Reader), stop func()) {
	cfg := forward.Default()
	cfg.Listen, cfg.UDPHeartbeat = "127.0.0.1:0", false
	env := inputstest.Env("input.forward.test", t.TempDir())
	env.DeadLetter = func(context.Context, *record.Batch, string) error { return nil }
	in, err := forward.New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	addr, stop := serve(t, in)
	return func(body io.Reader) { stream(t, addr, body) }, stop
}

func startSyslog(t *testing.T) (send func(body io.Reader), stop func()) {
	cfg := syslog.Default()
	cfg.Listen = []string{"tcp://127.0.0.1:0"}
	in, err := syslog.New(cfg, inputstest.Env("input.syslog.test", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	addr, stop := serve(t, first{in})
	return func(body io.Reader) { stream(t, addr, body) }, stop
}

type first struct{ *syslog.Syslog }

func (f first) Addr(ctx context.Context) (net.Addr, error) { return f.Syslog.Addr(ctx, 0) }

func startTCP(t *testing.T) (send func(body io.Reader), stop func()) {
	cfg := socket.DefaultTCP()
	cfg.Listen = "127.0.0.1:0"
	in, err := socket.NewTCP(cfg, inputstest.Env("input.tcp.test", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	addr, stop := serve(t, in)
	return func(body io.Reader) { stream(t, addr, body) }, stop
}

// stream sends body over a connection and reads what is answered until the other end closes it.
func stream(t *testing.T, addr string, body io.Reader) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, err = io.Copy(nc, struct{ io.Reader }{body})
	_ = nc.(*net.TCPConn).CloseWrite()
	answer, rerr := io.ReadAll(nc)
	// a message that is refused ends the connection early
	t.Logf("answered %.50q (%v, %v)", answer, err, rerr)
}

func serve(t *testing.T, in interface {
	inputs.Input
	Addr(context.Context) (net.Addr, error)
}) (addr string, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx, drain{}) }()
	a, err := in.Addr(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return a.String(), func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestMessagesCostInProportion(t *testing.T) {
	const slack = 4 << 20 // what a connection and a batch take at least
	for _, d := range decoders() {
		t.Run(d.name, func(t *testing.T) {
			send, stop := d.run(t)
			defer stop()
			costtest.Measure(t, slack, func(n int) func() {
				return func() { send(d.body(n)) }
			})
		})
	}
}
