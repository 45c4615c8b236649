package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/tinylib/msgp/msgp"
	collectorpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/network/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type rig struct {
	t      testing.TB
	ctx    context.Context
	in     *HTTP
	sink   *inputstest.MemSink
	addr   string
	url    string
	client *http.Client
	log    runtest.LogBuffer
}

func start(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	return startWith(t, change, func(*HTTP) {})
}

func startWith(t testing.TB, change func(*Config), prepare func(*HTTP)) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	r := &rig{
		t:      t,
		ctx:    ctx,
		sink:   inputstest.New(),
		client: &http.Client{Transport: &http.Transport{}},
	}
	cfg := Default()
	cfg.Listen = "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	env := inputstest.Env("input.http.test", t.TempDir())
	env.Log = slog.New(slog.NewTextHandler(&r.log, nil))
	var err error
	if r.in, err = New(cfg, env); err != nil {
		t.Fatal(err)
	}
	prepare(r.in)
	run, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.in.Run(run, r.sink) }()
	addr, err := r.in.Addr(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r.addr = addr.String()
	r.url = "http://" + r.addr
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		cancel()
	})
	return r
}

// send makes a request; extra are header names and values.
func (r *rig) send(
	method, path, contentType string, body []byte, extra ...string,
) (int, string, http.Header) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.ctx, method, r.url+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(extra); i += 2 {
		req.Header.Set(extra[i], extra[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header
}

func TestPlainBodies(t *testing.T) {
	multi := func() ([]byte, string) {
		var buf bytes.Buffer
		w := multipart.NewWriter(&buf)
		w.WriteField("json", `{"a":1}`)
		w.Close()
		return buf.Bytes(), w.FormDataContentType()
	}
	mbody, mtype := multi()
	pack, _ := msgp.AppendIntf(nil, []any{map[string]any{"a": 1}, map[string]any{"b": []byte("x")}})
	for _, c := range []struct {
		name, ctype, body, want string
	}{
		{"ndjson", "application/x-ndjson", "{\"a\": 1}\r\n\n[2]\n\"x\"", `[{"a": 1} [2] "x"]`},
		{"json", "application/json; charset=utf-8", "{\n \"a\": 1\n}", `[{"a":1}]`},
		{"json array", "application/json", `[{"a":1},{"b":2}]`, `[{"a":1} {"b":2}]`},
		{"json sequence", "application/json", `{"a":1}{"b":2} {"c":3}`, `[{"a":1} {"b":2} {"c":3}]`},
		{"lines", "text/plain", "one\n\ntwo\r\nthree", "[one two three]"},
		{"no type", "", "one\n\xff", "[one \xff]"},
		{"form json", "application/x-www-form-urlencoded", "json=" + url.QueryEscape(`{"a":1}`), `[{"a":1}]`},
		{"form ndjson", "application/x-www-form-urlencoded", "ndjson=" + url.QueryEscape("{\"a\":1}\n{}"), `[{"a":1} {}]`},
		{"form msgpack", "application/x-www-form-urlencoded", "msgpack=" + url.QueryEscape("\x81\xa1a\x01"), `[{"a":1}]`},
		{"multipart", mtype, string(mbody), `[{"a":1}]`},
		{"msgpack", "application/msgpack", string(pack), `[{"a":1} {"b":"x"}]`},
		{"empty", "text/plain", "", "[]"},
		{"json behind a mark", "application/json", "\ufeff{\"a\":1}", `[{"a":1}]`},
		{"ndjson behind a mark", "application/x-ndjson", "\ufeff{}\n2", "[{} 2]"},
		{"lines behind a mark", "text/plain", "\ufeffone\ntwo", "[one two]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, nil)
			code, text, _ := r.send("POST", "/app/web.x?time=1.5", c.ctype, []byte(c.body))
			if code != 200 || text != "" {
				t.Fatalf("%d %q", code, text)
			}
			if got := fmt.Sprint(r.sink.Values()); got != c.want {
				t.Fatalf("got %s, want %s", got, c.want)
			}
			for _, rec := range r.sink.Records() {
				if rec.Tag != "app.web.x" || rec.Origin != "127.0.0.1" || rec.Time != 15e8 {
					t.Fatalf("got %+v", rec)
				}
			}
		})
	}
}

func TestRefusedBodies(t *testing.T) {
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	for _, c := range []struct {
		name, path, ctype, body string
		code                    int
		why                     string
	}{
		{"ndjson", "/t", "application/x-ndjson", "{}\n{\"a\":}\n", 400, "line 2: not JSON"},
		{"json", "/t", "application/json", `{"a":1} x`, 400, "value 2: not JSON"},
		{"deep", "/t", "application/json", deep, 400, "max_depth"},
		{"deep line", "/t", "application/x-ndjson", deep, 400, "max_depth"},
		{"form", "/t", "application/x-www-form-urlencoded", "a=b", 400, "needs a field"},
		{"form time", "/t", "application/x-www-form-urlencoded", "json={}&time=soon", 400, "soon"},
		{"msgpack", "/t", "application/msgpack", "\xc1", 400, "msgpack"},
		{"deep msgpack", "/t", "application/msgpack", strings.Repeat("\x91", 10_000) + "\x01", 400, "deep"},
		{"deep otlp", "/v1/logs", "application/json", deep, 400, "max_depth"},
		{"otlp type", "/v1/logs", "text/plain", "x", 415, "content type"},
		{"otlp", "/v1/logs", "application/x-protobuf", "\xff\xff", 400, "ExportLogsServiceRequest"},
		{"bulk", "/_bulk", "application/json", "{}\n", 400, "Malformed action"},
		{"hec", "/services/collector", "", `{"event":`, 400, "not JSON"},
		{"hec event", "/services/collector", "", `{"a":1}`, 400, "Event field is required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, nil)
			code, text, _ := r.send("POST", c.path, c.ctype, []byte(c.body))
			if code != c.code || !strings.Contains(text, c.why) {
				t.Fatalf("%d %.200q", code, text)
			}
			if n := len(r.sink.Records()); n != 0 {
				t.Fatalf("%d records taken", n)
			}
		})
	}
}

func packed(body []byte, open func(w io.Writer) io.WriteCloser) []byte {
	var buf bytes.Buffer
	w := open(&buf)
	w.Write(body)
	w.Close()
	return buf.Bytes()
}

func TestContentEncodings(t *testing.T) {
	body := []byte("one\ntwo\n")
	pack := func(open func(w io.Writer) io.WriteCloser) []byte { return packed(body, open) }
	gz := pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	bodies := map[string][]byte{
		"gzip":    gz,
		"zstd":    pack(func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z }),
		"deflate": pack(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
		"Deflate": pack(
			func(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 5); return z },
		),
		"identity": body,
	}
	r := start(t, func(c *Config) { c.MaxBodySize = 1 << 20; c.MaxInflatedSize = 1 << 20 })
	for encoding, b := range bodies {
		before := len(r.sink.Values())
		code, text, _ := r.send("POST", "/t", "", b, "Content-Encoding", encoding)
		if got := fmt.Sprint(r.sink.Values()[before:]); code != 200 || got != "[one two]" {
			t.Fatalf("%s: %d %s, got %s", encoding, code, text, got)
		}
	}
	before := len(r.sink.Values())
	if code, text, _ := r.send("POST", "/t", "", body, "Content-Encoding", "br"); code != 415 ||
		!strings.Contains(text, "gzip") {
		t.Fatalf("br: %d %s", code, text)
	}
	if code, _, _ := r.send("POST", "/t", "", gz[:10], "Content-Encoding", "gzip"); code != 400 {
		t.Fatalf("cut gzip: %d", code)
	}
	if code, text, _ := r.send("POST", "/t", "", make([]byte, 2<<20)); code != 413 ||
		!strings.Contains(text, "max_body_size") {
		t.Fatalf("too large: %d %s", code, text)
	}
	body = make([]byte, 64<<20)
	for _, encoding := range []string{"gzip", "zstd"} {
		bomb := pack(func(w io.Writer) io.WriteCloser {
			if encoding == "zstd" {
				z, _ := zstd.NewWriter(w)
				return z
			}
			return gzip.NewWriter(w)
		})
		if code, text, _ := r.send(
			"POST", "/t", "", bomb, "Content-Encoding", encoding,
		); code != 413 ||
			!strings.Contains(text, "max_inflated_size") {
			t.Fatalf("bomb: %d %s", code, text)
		}
	}
	if n := len(r.sink.Values()) - before; n != 0 {
		t.Fatalf("%d records of refused bodies", n)
	}
	if free := r.in.memory.Free(); free != r.in.cfg.Memory {
		t.Fatalf("%d bytes of shared memory are gone", r.in.cfg.Memory-free)
	}
}

func TestAnsweredOnlyWhenDurable(t *testing.T) {
	r := start(t, nil)
	r.sink.Hold()
	answered := make(chan int, 1)
	go func() {
		code, _, _ := r.send("POST", "/t", "", []byte("x\n"))
		answered <- code
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for r.sink.Appends() == 0 {
		<-tick.C
	}
	select {
	case code := <-answered:
		t.Fatalf("answered %d before the record was durable", code)
	default:
	}
	r.sink.Release()
	if code := <-answered; code != 200 || len(r.sink.Records()) != 1 {
		t.Fatal(code)
	}
	r.sink.Hold()
	go func() {
		code, _, _ := r.send("POST", "/t", "", []byte("y\n"))
		answered <- code
	}()
	for r.sink.Appends() == 1 {
		<-tick.C
	}
	r.sink.Crash()
	if code := <-answered; code != 503 {
		t.Fatalf("answered %d for a record that is lost", code)
	}
}

func TestBackPressure(t *testing.T) {
	r := start(t, func(c *Config) { c.Wait = 20 * time.Millisecond })
	r.sink.Block()
	for path, want := range map[string]int{"/t": 429, "/_bulk": 429, "/v1/logs": 429, "/services/collector/raw": 503} {
		body, ctype := "x\n", ""
		switch path {
		case "/_bulk":
			body = "{\"index\":{\"_index\":\"i\"}}\n{}\n"
		case "/v1/logs":
			body, ctype = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}`, "application/json"
		}
		code, text, header := r.send("POST", path, ctype, []byte(body))
		if code != want || header.Get("Retry-After") != "5" {
			t.Fatalf("%s: %d %s, Retry-After %q", path, code, text, header.Get("Retry-After"))
		}
	}
	const health = "/services/collector/health"
	if code, text, _ := r.send("GET", health, "", nil); code != 503 || !strings.Contains(text, `:18`) {
		t.Fatal(code, text)
	}
	r.sink.Unblock()
	if code, _, _ := r.send("POST", "/t", "", []byte("x\n")); code != 200 ||
		len(r.sink.Records()) != 1 {
		t.Fatal(code)
	}
	if code, text, _ := r.send("GET", health, "", nil); code != 200 {
		t.Fatal(code, text)
	}
	r.sink.Fail(errors.New("no space left"))
	if code, text, h := r.send(
		"POST", "/t", "", []byte("x\n"),
	); code != 503 || strings.Contains(text, "space") ||
		h.Get("Retry-After") == "" {
		t.Fatal(code, text)
	}
}

func TestRequestsNeedATokenOrAUser(t *testing.T) {
	r := start(t, func(c *Config) {
		c.Auth = &Auth{Tokens: []string{"tok-en"}, Users: []User{{"ann", "se:cret"}}}
	})
	basic := func(s string) string {
		req, _ := http.NewRequest("GET", "/", nil)
		name, pw, _ := strings.Cut(s, ":")
		req.SetBasicAuth(name, pw)
		return req.Header.Get("Authorization")
	}
	for _, c := range []struct {
		path, header string
		want         int
	}{
		{"/t", "", 401}, {"/t", "Bearer tok-en", 200}, {"/t", "bearer tok-en", 200}, {"/t", "Bearer tok-eN", 403}, {"/t", "Bearer ", 403},
		{"/t", basic("ann:se:cret"), 200}, {"/t", basic("ann:other"), 403}, {"/t", basic("eve:"), 403}, {"/t", "Digest x", 403},
		{"/services/collector/raw", "Splunk tok-en", 200}, {"/services/collector/raw", basic("x:tok-en"), 200}, {"/services/collector/raw", "Splunk no", 403},
		{"/_bulk", "ApiKey no", 403},
	} {
		code, text, _ := r.send("POST", c.path, "", []byte("x\n"), "Authorization", c.header)
		if code != c.want {
			t.Errorf("%s %q: %d %s", c.path, c.header, code, text)
		}
	}
	if n := len(r.sink.Records()); n != 5 {
		t.Errorf("%d records", n)
	}
	if code, _, _ := r.send("GET", "/services/collector/health", "", nil); code != 200 {
		t.Errorf("health: %d", code)
	}
	log := r.log.String()
	if n := strings.Count(
		log, "request refused",
	); n != 2 || strings.Count(log, "403 Forbidden") != 1 || strings.Contains(log, "tok-en") ||
		strings.Contains(log, "cret") {
		t.Errorf("%d lines: %s", n, log)
	}
}

func TestElasticsearchBulk(t *testing.T) {
	r := start(t, nil)
	code, text, header := r.send("GET", "/", "", nil)
	var hello struct{ Version struct{ Number string } }
	if err := json.Unmarshal([]byte(text), &hello); err != nil || code != 200 ||
		hello.Version.Number != elasticVersion ||
		header.Get("X-Elastic-Product") != "Elasticsearch" {
		t.Fatal(code, text, header)
	}
	body := `{"index":{"_index":"web","_id":"7"}}
{"m":"a","@timestamp":"2026-01-02T03:04:05.678Z"}
{"create":{}}
{"m":"b"}
{"delete":{"_id":"1"}}
{"update":{"_id":"1"}}
{"doc":{}}
{"index":{"_index":"web"}}
not json
{"index":{"_index":"web"}}
{"m":"c"}`
	code, text, header = r.send("POST", "/logs/_bulk", "application/x-ndjson", []byte(body))
	var reply struct {
		Errors bool
		Items  []map[string]struct {
			Index  string `json:"_index"`
			ID     string `json:"_id"`
			Status int
			Error  *elasticError
		}
	}
	if err := json.Unmarshal(
		[]byte(text), &reply,
	); err != nil || code != 200 || !reply.Errors || len(reply.Items) != 6 ||
		header.Get("X-Elastic-Product") == "" {
		t.Fatal(code, text)
	}
	var got []string
	for _, item := range reply.Items {
		for op, i := range item {
			got = append(
				got,
				fmt.Sprint(op, " ", i.Index, " ", i.Status, " ", i.ID != "", " ", i.Error != nil),
			)
		}
	}
	want := "[index web 201 true false create logs 201 false false delete logs 400 true true update logs 400 true true index web 400 false true index web 201 false false]"
	if fmt.Sprint(got) != want {
		t.Fatalf("got %v", got)
	}
	tags := map[string][]string{}
	for _, rec := range r.sink.Records() {
		tags[rec.Tag] = append(tags[rec.Tag], string(rec.Key)+"="+string(rec.Value))
		if string(rec.Key) == "7" &&
			rec.Time != time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC).UnixNano() {
			t.Errorf("time %d", rec.Time)
		}
	}
	if s := fmt.Sprint(
		tags,
	); s != `map[logs:[={"m":"b"}] web:[7={"m":"a","@timestamp":"2026-01-02T03:04:05.678Z"} ={"m":"c"}]]` {
		t.Fatal(s)
	}
	if code, text, _ := r.send(
		"PUT", "/_index_template/logs", "application/json", []byte("{}"),
	); code != 200 ||
		!strings.Contains(text, "acknowledged") {
		t.Fatal(code, text)
	}
}

func TestSplunkEventsAreRecords(t *testing.T) {
	r := start(t, nil)
	body := `{"time":1700000000.25,"host":"h","index":"main","event":{"a":1}}{"time":"1700000001","event":"text"}
{"event":"now"}`
	code, text, _ := r.send(
		"POST", "/services/collector/event/1.0", "", []byte(body), "X-Splunk-Request-Channel", "c1",
	)
	if code != 200 || text != `{"text":"Success","code":0,"ackId":0}`+"\n" {
		t.Fatal(code, text)
	}
	recs := r.sink.Records()
	seen := map[string]int64{}
	for _, rec := range recs {
		seen[rec.Tag+" "+string(rec.Value)] = rec.Time
	}
	if len(recs) != 3 ||
		seen[`main {"time":1700000000.25,"host":"h","index":"main","event":{"a":1}}`] != 1700000000250e6 ||
		seen[`hec {"time":"1700000001","event":"text"}`] != 1700000001e9 {
		t.Fatalf("%v", seen)
	}
	code, text, _ = r.send(
		"POST", "/services/collector/raw?index=ix&host=h1&sourcetype=st", "", []byte("one\ntwo"),
	)
	if code != 200 || text != `{"text":"Success","code":0}`+"\n" {
		t.Fatal(code, text)
	}
	last := r.sink.Records()[4]
	if string(last.Value) != "two" || last.Tag != "ix" ||
		fmt.Sprintf("%s", last.Headers) != "[{host h1} {sourcetype st}]" {
		t.Fatalf("%+v", last)
	}
	if code, text, _ = r.send(
		"POST", "/services/collector/ack?channel=c1", "", []byte(`{"acks":[0,-1]}`),
	); code != 200 ||
		text != `{"acks":{"-1":false,"0":true}}`+"\n" {
		t.Fatal(code, text)
	}
}

func TestSplunkAcksOutliveARestart(t *testing.T) {
	before := start(t, nil)
	const event, ack = "/services/collector/event?channel=c1", "/services/collector/ack?channel=c1"
	for n := range 3 {
		_, text, _ := before.send("POST", event, "", []byte(`{"event":"x"}`))
		if want := fmt.Sprintf(`{"text":"Success","code":0,"ackId":%d}`+"\n", n); text != want {
			t.Fatal(text)
		}
	}
	for _, r := range []*rig{before, start(t, nil)} {
		_, text, _ := r.send("POST", ack, "", []byte(`{"acks":[0,2]}`))
		if text != `{"acks":{"0":true,"2":true}}`+"\n" {
			t.Error(text)
		}
	}
}

func TestOTLP(t *testing.T) {
	str := func(s string) *collectorpb.AnyValue {
		return &collectorpb.AnyValue{Value: &collectorpb.AnyValue_StringValue{StringValue: s}}
	}
	logs := &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{
		{
			Resource: &resourcepb.Resource{
				Attributes: []*collectorpb.KeyValue{{Key: "service.name", Value: str("shop")}},
			},
			ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{
				{
					TimeUnixNano:   1700000000123456789,
					SeverityNumber: 9,
					SeverityText:   "INFO",
					Body:           str("hi"),
					TraceId:        []byte("0123456789abcdef"),
					SpanId:         []byte("01234567"),
					Attributes: []*collectorpb.KeyValue{
						{
							Key: "n",
							Value: &collectorpb.AnyValue{
								Value: &collectorpb.AnyValue_IntValue{IntValue: 5},
							},
						},
					},
				},
			}}},
		},
	}}
	pb, err := proto.Marshal(logs)
	if err != nil {
		t.Fatal(err)
	}
	js := `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeLogs":[{"logRecords":[
	{"timeUnixNano":"1700000000123456789","severityNumber":9,"severityText":"INFO","body":{"stringValue":"hi"},"traceId":"30313233343536373839616263646566",
	"spanId":"3031323334353637","attributes":[{"key":"n","value":{"intValue":"5"}}],"futureField":1}]}]}]}`
	want := `{"body":"hi","severity_text":"INFO","severity_number":9,"attributes":{"n":5},"resource":{"service.name":"shop"},` +
		`"trace_id":"30313233343536373839616263646566","span_id":"3031323334353637","time_unix_nano":1700000000123456789}`
	for ctype, body := range map[string][]byte{"application/x-protobuf": pb, "application/json": []byte(js)} {
		r := start(t, nil)
		code, text, header := r.send("POST", "/v1/logs", ctype, body)
		if code != 200 || header.Get("Content-Type") != ctype ||
			ctype == "application/json" && text != "{}" ||
			ctype != "application/json" && text != "" {
			t.Fatal(code, text, header)
		}
		rec := r.sink.Records()[0]
		if string(rec.Value) != want || rec.Tag != "otlp" || rec.Time != 1700000000123456789 {
			t.Fatalf("%s\ngot  %s\nwant %s", ctype, rec.Value, want)
		}
	}
}

// What is not UTF-8 is taken as in all other JSON that is made of texts, wherever it stands.
func TestOTLPTextThatIsNotUTF8(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	js := `{"resourceLogs":[{"resource":{"attributes":[{"key":"é","value":{"stringValue":"é"}}]},
	"scopeLogs":[{"scope":{"name":"é","version":"é"},"logRecords":[{"body":{"stringValue":"before"}},
	{"body":{"kvlistValue":{"values":[{"key":"é","value":{"arrayValue":{"values":[{"stringValue":"é` + long + `"}]}}}]}},
	"severityText":"é","eventName":"é","attributes":[{"key":"k","value":{"stringValue":"aé"}}]}]}]}]}`
	var logs logspb.LogsData
	if err := protojson.Unmarshal([]byte(js), &logs); err != nil {
		t.Fatal(err)
	}
	pb, err := proto.Marshal(&logs)
	if err != nil {
		t.Fatal(err)
	}
	const bad = "\xe9\xff" // as long as the letter
	shared := `"resource":{"é":"é"},"scope":{"name":"é","version":"é"}`
	want := `{"body":"before",` + shared + `} {"body":{"é":["é` + long +
		`"]},"severity_text":"é","event_name":"é","attributes":{"k":"aé"},` + shared + `}`
	want = strings.ReplaceAll(want, "é", `\\xe9\\xff`)
	for ctype, body := range map[string][]byte{"application/x-protobuf": pb, "application/json": []byte(js)} {
		r := start(t, nil)
		body = bytes.ReplaceAll(body, []byte("é"), []byte(bad))
		code, text, _ := r.send("POST", "/v1/logs", ctype, body)
		if got := strings.Join(r.sink.Values(), " "); code != 200 || got != want {
			t.Errorf("%s: %d %s, got %.700s", ctype, code, text, got)
		}
	}
	r := start(t, nil)
	js = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[
	{"body":{"stringValue":"\ud83d\ude00 \\u \ud83d"}},{"body":{"stringValue":"\ude00\ud83d\u0041"}}]}]}]}`
	want = "[{\"body\":\"😀 \\\\u \ufffd\"} {\"body\":\"\ufffd\ufffdA\"}]"
	code, text, _ := r.send("POST", "/v1/logs", "application/json", []byte(js))
	if got := fmt.Sprint(r.sink.Values()); code != 200 || got != want {
		t.Errorf("%d %s, got %s", code, text, got)
	}
}

func TestCORS(t *testing.T) {
	off := start(t, nil)
	if _, _, h := off.send("OPTIONS", "/t", "", nil, "Origin", "https://a.example"); h.Get(
		"Access-Control-Allow-Origin",
	) != "" {
		t.Fatal("CORS is on by default")
	}
	on := start(t, func(c *Config) { c.CORSOrigins = []string{"https://a.example"} })
	if code, _, h := on.send(
		"OPTIONS", "/t", "", nil, "Origin", "https://a.example",
	); code != 204 ||
		h.Get("Access-Control-Allow-Origin") != "https://a.example" {
		t.Fatal(code, h)
	}
	if _, _, h := on.send("POST", "/t", "", nil, "Origin", "https://b.example"); h.Get(
		"Access-Control-Allow-Origin",
	) != "" {
		t.Fatal(h)
	}
}

func TestEndpointsAndTypesOfOthersAreRefused(t *testing.T) {
	r := start(t, nil)
	off := start(t, func(c *Config) { c.Elasticsearch, c.Splunk, c.OTLP = false, false, false })
	for _, c := range []struct {
		r           *rig
		path, ctype string
		want        int
	}{
		{r, "/v1/metrics", "application/x-protobuf", 404}, {r, "/v1/traces", "application/json", 404}, {r, "/loki/api/v1/push", "application/json", 404},
		{r, "/idx/_search", "application/json", 404}, {r, "/_search", "", 404}, {r, "/api/v2/logs", "application/json", 404},
		{r, "/services/collector/other", "", 404}, {r, "/v1/traces/", "application/json", 404}, {r, "/idx/_bulk/x", "", 404},
		{off, "/v1/logs", "application/json", 404}, {off, "/_bulk", "", 404}, {off, "/services/collector", "", 404}, {off, "/i/_doc", "", 404},
		{r, "/t", "application/x-protobuf", 415}, {r, "/t", "application/octet-stream", 415}, {r, "/t", "image/png", 415}, {r, "/t", "nonsense", 415},
		{r, "/t", "application/logplex-1", 415},
		{r, "/t", "text/plain; charset", 200}, {r, "/t", "text/csv", 200}, {r, "/t", "", 200}, {r, "/v1/app", "", 200}, {r, "/api/app", "", 200},
	} {
		before := len(c.r.sink.Records())
		code, text, _ := c.r.send("POST", c.path, c.ctype, []byte("x\n"))
		if stored := len(
			c.r.sink.Records(),
		) - before; code != c.want ||
			(stored == 1) != (code == 200) {
			t.Errorf("%s as %q: %d %s, %d stored", c.path, c.ctype, code, text, stored)
		}
	}
}

// What fluent-bit's http output writes with format msgpack: [[time, metadata], record] after one
// another.
func TestFluentBitMsgpack(t *testing.T) {
	r := start(t, nil)
	at, _ := wire.AppendEventTime(nil, 1700000000_123456789)
	body := "\x92\x92" + string(
		at,
	) + "\x80\x81\xa1a\x01" + "\x92" + string(
		at,
	) + "\x81\xa1a\x02" + "\x92\x92" + string(
		at,
	) + "\x81\xa1m\x01\x81\xa1a\x03" +
		"\x92\x81\xa1a\x04\x81\xa1a\x05" + "\x92\x06\x07" + "\x91\x92" + string(
		at,
	) + "\x81\xa1a\x08"
	if code, text, _ := r.send(
		"POST", "/t?time=5", "application/msgpack", []byte(body),
	); code != 200 {
		t.Fatal(code, text)
	}
	var got []string
	for _, rec := range r.sink.Records() {
		got = append(got, fmt.Sprintf("%d %s %s", rec.Time, rec.Value, rec.Headers))
	}
	const when = "1700000000123456789"
	want := []string{
		when + ` {"a":1} []`,
		when + ` {"a":2} []`,
		when + ` {"a":3} [{fluent_metadata {"m":1}}]`,
		`5000000000 {"a":4} []`,
		`5000000000 {"a":5} []`,
		`5000000000 6 []`,
		`5000000000 7 []`,
		when + ` {"a":8} []`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestElasticsearchTimes(t *testing.T) {
	r := start(t, nil)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2026-01-02T03:04:05.678901234Z"`: at.Add(678901234),
		`"2026-01-02T04:04:05,6+01:00"`:    at.Add(6e8),
		`"2026-01-02T04:04:05.678+0100"`:   at.Add(678e6),
		`"2026-01-02T03:04:05.678901"`:     at.Add(678901e3), // as of Python's isoformat
		`"2026-01-02"`:                     at.Truncate(24 * time.Hour),
		`1767323045678`:                    at.Add(678e6),
		`"1767323045678"`:                  at.Add(678e6),
		`"yesterday"`:                      {},
		`2026`:                             {},
		`9223372036854775807`:              {},
		`{"a":1}`:                          {},
	} {
		before := time.Now()
		code, answer, _ := r.send(
			"POST", "/logs/_doc", "application/json", []byte(`{"@timestamp":`+text+`}`),
		)
		if code != 201 {
			t.Fatal(text, code, answer)
		}
		rec := r.sink.Records()[len(r.sink.Records())-1]
		if when := rec.When(); !want.IsZero() && !when.Equal(want) ||
			want.IsZero() && when.Before(before) {
			t.Errorf("%s: %v", text, when)
		}
	}
}

func TestElasticsearchDocumentsAndQuestions(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct{ method, path, id string }{
		{"POST", "/logs/_doc", ""}, {"PUT", "/logs/_doc/7", "7"}, {"POST", "/logs/_create/8", "8"},
	} {
		code, text, h := r.send(
			c.method, c.path, "application/json",
			[]byte("{\"m\": 1,\n\"@timestamp\":\"2026-01-02T03:04:05Z\"}"),
		)
		var reply struct {
			Index  string `json:"_index"`
			ID     string `json:"_id"`
			Result string
		}
		if err := json.Unmarshal(
			[]byte(text), &reply,
		); err != nil || code != 201 || reply.Index != "logs" || reply.ID == "" || reply.Result != "created" ||
			h.Get("X-Elastic-Product") == "" ||
			c.id != "" && reply.ID != c.id {
			t.Fatal(c, code, text)
		}
		rec := r.sink.Records()[len(r.sink.Records())-1]
		if rec.Tag != "logs" || string(rec.Key) != c.id ||
			string(rec.Value) != `{"m":1,"@timestamp":"2026-01-02T03:04:05Z"}` ||
			rec.When().Year() != 2026 {
			t.Fatalf("%+v", rec)
		}
	}
	for _, body := range []string{"", "[1]", "x", "{} {}"} {
		if code, text, _ := r.send(
			"POST", "/logs/_doc", "application/json", []byte(body),
		); code != 400 {
			t.Fatal(body, code, text)
		}
	}
	if code, text, h := r.send("HEAD", "/logs", "", nil); code != 200 || text != "" ||
		h.Get("X-Elastic-Product") == "" {
		t.Fatal(code, text, h)
	}
	code, text, _ := r.send("GET", "/_cluster/health", "", nil)
	if code != 200 || !strings.Contains(text, `"status":"green"`) ||
		!strings.Contains(text, `"timed_out":false`) {
		t.Fatal(code, text)
	}
	if n := len(r.sink.Records()); n != 3 {
		t.Fatalf("%d records", n)
	}
}

// fluent-bit's out_es takes answers of at most 512,000 bytes, looks at no item as long as there is
// no error, and sends everything again when the answer does not fit.
func TestBulkAnswersFitFluentBit(t *testing.T) {
	r := start(t, nil)
	const items = 50_000
	body := bytes.Repeat([]byte("{\"create\":{}}\n{\"a\":1}\n"), items)
	code, text, _ := r.send(
		"POST", "/logs/_bulk", "application/x-ndjson", body, "User-Agent", "Fluent-Bit",
	)
	if code != 200 || len(text) > 100 || !strings.Contains(text, `"errors":false,"items":[`) {
		t.Fatalf("%d %.200s, %d bytes", code, text, len(text))
	}
	body = append(body, "{\"create\":{}}\n[1]\n"...)
	code, text, _ = r.send(
		"POST", "/logs/_bulk", "application/x-ndjson", body, "User-Agent", "Fluent-Bit",
	)
	if code != 200 || len(text) > 1000 || !strings.Contains(text, `"errors":true`) ||
		!strings.Contains(text, `"status":201`) ||
		!strings.Contains(text, `"status":400`) {
		t.Fatalf("%d %.200s, %d bytes", code, text, len(text))
	}
	// Others want to know of each.
	code, text, _ = r.send("POST", "/logs/_bulk", "application/x-ndjson", body)
	var reply struct {
		Items []map[string]struct{ Status int }
	}
	if err := json.Unmarshal(
		[]byte(text), &reply,
	); err != nil || code != 200 || len(reply.Items) != items+1 ||
		len(text) > 50*items {
		t.Fatal(err, code, len(reply.Items), len(text))
	}
	if reply.Items[0]["create"].Status != 201 || reply.Items[items]["create"].Status != 400 {
		t.Fatal(reply.Items[0], reply.Items[items])
	}
}

func TestBulkFilterPath(t *testing.T) {
	r := start(t, nil)
	good := "{\"index\":{\"_index\":\"i\",\"_id\":7}}\n{}\n"
	bad := "{\"index\":{\"_index\":\"j\"}}\n1\n"
	const why = `"type":"illegal_argument_exception","reason":"document: not a JSON object"`
	for _, c := range []struct{ filter, body, want string }{
		{"errors", good, `{"errors":false}`},
		{"errors,items.*.error", good, `{"errors":false}`},
		{"errors,items.*.error,items.*.status", good + bad, `{"errors":true,"items":[{"index":{"status":201}},{"index":{"status":400,"error":{` + why + `}}}]}`},
		{"errors,items.*.error", good + bad, `{"errors":true,"items":[{"index":{"error":{` + why + `}}}]}`},
		{"items.index._i*", good, `{"items":[{"index":{"_index":"i","_id":"7"}}]}`},
		{"**.status", good, `{"items":[{"index":{"status":201}}]}`},
		{"-took,-items", good, `{"errors":false}`},
		{"-took", good, `{"errors":false,"items":[{"index":{"_index":"i","_id":"7","status":201}}]}`},
		{"items,-items.*._*", good, `{"items":[{"index":{"status":201}}]}`},
		{"nothing", good, `{}`},
	} {
		code, text, _ := r.send(
			"POST", "/_bulk?filter_path="+url.QueryEscape(c.filter), "", []byte(c.body),
		)
		if code != 200 || strings.TrimSpace(text) != c.want {
			t.Errorf("%s: %d %s\nwant %s", c.filter, code, text, c.want)
		}
	}
}

func TestSplunkRefusesWhatSaysNothing(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		body, want string
	}{
		{`{"event":"a"}{"event":""}`, `{"text":"Event field cannot be blank","code":13,"invalid-event-number":1}`},
		{`{"event":null}`, `{"text":"Event field is required","code":12,"invalid-event-number":0}`},
		{`{"event":"a"}{"fields":{}}`, `{"text":"Event field is required","code":12,"invalid-event-number":1}`},
		{`{"event":"a"} 7`, `{"text":"Invalid data format","code":6,"invalid-event-number":1}`},
		{` `, `{"text":"No data","code":5}`},
	} {
		if code, text, _ := r.send(
			"POST", "/services/collector", "", []byte(c.body),
		); code != 400 ||
			strings.TrimSpace(text) != c.want {
			t.Errorf("%s: %d %s", c.body, code, text)
		}
	}
	if n := len(r.sink.Records()); n != 0 {
		t.Fatalf("%d records", n)
	}
	for _, path := range []string{"/services/collector", "/services/collector/event"} {
		if code, _, _ := r.send("OPTIONS", path, "", nil); code != 200 { // Docker's driver
			t.Errorf("OPTIONS %s: %d", path, code)
		}
	}
	for at, want := range map[string]int64{"1700000000.123456789": 1700000000_123456789, `"1700000000.999999999"`: 1700000000_999999999, "1700000000": 1700000000e9} {
		r.send("POST", "/services/collector", "", []byte(`{"time":`+at+`,"event":1}`))
		if got := r.sink.Records()[len(r.sink.Records())-1].Time; got != want {
			t.Errorf("%s became %d", at, got)
		}
	}
}

// A page anywhere in the web can have its reader's browser post a form to the reader's own host.
func TestWhatForeignPagesSendIsRefused(t *testing.T) {
	r := start(t, func(c *Config) { c.CORSOrigins = []string{"https://a.example"} })
	for _, c := range []struct {
		header, value string
		want          int
	}{
		{"Origin", "https://a.example", 200}, {"Origin", "https://b.example", 403}, {"Origin", "null", 403},
		{"Origin", r.url, 403}, // as a name looks that was rebound to this host
		{"Sec-Fetch-Site", "cross-site", 403}, {"Sec-Fetch-Site", "same-site", 403}, {"Sec-Fetch-Site", "none", 200},
		{"User-Agent", "curl", 200},
	} {
		for _, path := range []string{"/t", "/services/collector/raw"} {
			before := len(r.sink.Records())
			code, text, _ := r.send("POST", path, "text/plain", []byte("x"), c.header, c.value)
			if stored := len(
				r.sink.Records(),
			) - before; code != c.want ||
				(stored == 1) != (c.want == 200) {
				t.Errorf(
					"%s with %s %q: %d %s, %d stored", path, c.header, c.value, code, text, stored,
				)
			}
		}
	}
	if log := r.log.String(); !strings.Contains(log, "add its origin to cors_origins") {
		t.Error(log)
	}
	if code, _, _ := start(t, func(c *Config) { c.CORSOrigins = []string{"*"} }).
		send("POST", "/t", "text/plain", []byte("x"), "Origin", "https://b.example"); code != 200 {
		t.Error(code)
	}
}

func TestSlowLorisAndTooManyConnections(t *testing.T) {
	r := start(t, func(c *Config) {
		c.MaxConnections, c.HeaderTimeout, c.ReadTimeout = 20, 100*time.Millisecond, 200*time.Millisecond
	})
	var slow []net.Conn
	for i := range 15 {
		nc, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
		if i%2 == 0 {
			io.WriteString(nc, "POST /t HTTP/1.1\r\nHost:")
		} else {
			io.WriteString(nc, "POST /t HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nxx")
		}
		slow = append(slow, nc)
	}
	if code, _, _ := r.send("POST", "/t", "", []byte("x\n")); code != 200 {
		t.Fatal(code)
	}
	for _, nc := range slow {
		io.ReadAll(nc)
	}
	for range 30 {
		nc, err := net.Dial("tcp", r.addr)
		if err == nil {
			defer nc.Close()
		}
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(r.log.String(), "max_connections") {
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			t.Fatal(r.log.String())
		}
	}
	if n := len(r.sink.Records()); n != 1 {
		t.Fatalf("%d records", n)
	}
}

// A client that does not read what it is answered holds no memory.
func TestAnswersThatNobodyReads(t *testing.T) {
	r := startWith(t, nil, func(in *HTTP) { in.answerTime = 100 * time.Millisecond })
	free := r.in.memory.Free()
	nc, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("{\"index\":{}}\n{}\n", 400_000) // 15 MB of answer
	fmt.Fprintf(
		nc, "POST /x/_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body,
	)
	runtest.Until(t, "stored", func() bool { return r.sink.Appends() > 0 })
	runtest.Within(
		t, 15*time.Second, func() bool { return r.in.memory.Free() == free },
		func() string { return "the memory is held" },
	)
}

func TestTLS(t *testing.T) {
	ca := certtest.New(t)
	cert, key := ca.Issue("server")
	r := start(t, func(c *Config) {
		c.TLS = &tlsconf.Server{
			CertFile:          cert,
			KeyFile:           key,
			ClientCAFile:      ca.File,
			RequireClientCert: true,
		}
	})
	ccert, ckey := ca.Issue("client")
	post := func(c tlsconf.Client) error {
		conf, err := tlsconf.NewClient(c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		client := http.Client{
			Transport: &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true},
		}
		defer client.CloseIdleConnections()
		res, err := client.Post("https://"+r.addr+"/t", "", strings.NewReader("x"))
		if err == nil {
			res.Body.Close()
		}
		return err
	}
	if err := post(
		tlsconf.Client{CAFile: ca.File, ServerName: "server", CertFile: ccert, KeyFile: ckey},
	); err != nil ||
		len(r.sink.Records()) != 1 {
		t.Fatal(err)
	}
	for range 3 {
		if err := post(tlsconf.Client{CAFile: ca.File, ServerName: "server"}); err == nil {
			t.Fatal("let in without a certificate")
		}
	}
	if n := strings.Count(r.log.String(), "connection failed"); n > 2 {
		t.Fatalf("%d lines: %s", n, r.log.String())
	}
}

func FuzzBodies(f *testing.F) {
	const kindsSeeded = 9
	for _, s := range []string{`{"a":1}`, "{\"index\":{}}\n{}\n", `{"event":1,"time":2}`, "json=%7B%7D", "\x81\xa1a\x01", `{"resourceLogs":[]}`,
		"--b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{}\r\n--b--\r\n"} {
		for i := range kindsSeeded {
			f.Add(byte(i), byte(0), []byte(s))
		}
		f.Add(
			byte(0), byte(1),
			packed([]byte(s), func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		)
		f.Add(
			byte(1), byte(2),
			packed([]byte(s), func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
		)
		f.Add(
			byte(2),
			byte(3),
			packed(
				[]byte(s), func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
			),
		)
	}
	r := start(
		f,
		func(c *Config) { c.MaxBodySize = 1 << 20; c.MaxInflatedSize = 1 << 20; c.MaxDepth = 10 },
	)
	kinds := []struct{ path, ctype string }{
		{
			"/t",
			"application/json",
		},
		{"/t", "application/x-ndjson"},
		{"/t", "application/msgpack"},
		{"/t", "application/x-www-form-urlencoded"},
		{
			"/i/_bulk",
			"application/x-ndjson",
		},
		{"/services/collector", "application/json"},
		{"/v1/logs", "application/json"},
		{"/v1/logs", "application/x-protobuf"},
		{"/t", "multipart/form-data; boundary=b"},
	}
	encodings := []string{"", "gzip", "deflate", "zstd", "gzip, zstd"}
	handler := r.in.handler(r.sink)
	f.Fuzz(func(t *testing.T, kind, encoding byte, body []byte) {
		k := kinds[int(kind)%len(kinds)]
		sink := inputstest.New()
		handler = r.in.handler(sink)
		req, _ := http.NewRequest("POST", k.path, bytes.NewReader(body))
		req.Header.Set("Content-Type", k.ctype)
		req.Header.Set("Content-Encoding", encodings[int(encoding)%len(encodings)])
		w := &recorder{header: http.Header{}}
		handler.ServeHTTP(w, req)
		if w.code >= 500 {
			t.Fatalf("answered %d", w.code)
		}
		for _, v := range sink.Values() {
			if !json.Valid([]byte(v)) {
				t.Fatalf("%q is not JSON", v)
			}
		}
		if w.code != 0 && w.code != 200 && len(sink.Values()) > 0 {
			t.Fatalf("answered %d after %d records", w.code, len(sink.Values()))
		}
	})
}

type recorder struct {
	header http.Header
	code   int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }
func (r *recorder) WriteHeader(code int)        { r.code = code }
