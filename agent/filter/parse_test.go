package filter

import (
	"bytes"
	"cmp"
	"encoding/json"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func newParse(t testing.TB, change func(*ParseConfig)) *Parse {
	t.Helper()
	c := DefaultParse()
	change(&c)
	f, err := NewParse(c, Env{Name: "filter.parse.x", Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// lines runs a filter over values with a time and returns the records that come out.
func lines(t testing.TB, f Filter, near time.Time, values ...string) []record.Record {
	t.Helper()
	var b record.Builder
	b.Reset("app", "/var/log/x.log", 0)
	for _, v := range values {
		b.Append(near.UnixNano(), nil, []byte(v), nil)
	}
	seq, err := Chain{f}.Apply(b.Build()).Batch.Records()
	if err != nil {
		t.Fatal(err)
	}
	var out []record.Record
	for r := range seq {
		out = append(out, r.Clone())
	}
	return out
}

var near = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// Lines as the formats' own documentation shows them.
func TestParseFormats(t *testing.T) {
	for _, c := range []struct{ format, in, want, at string }{
		{"json", `{"a":1,"b.c":[2]}`, `{"a":1,"b.c":[2]}`, ""},
		{"apache_common", `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326`,
			`{"remote_addr":"127.0.0.1","user":"frank","time":"10/Oct/2000:13:55:36 -0700","method":"GET","path":"/apache_pb.gif","protocol":"HTTP/1.0","status":200,"bytes":2326}`, "2000-10-10T20:55:36Z"},
		{"apache_combined", `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"`,
			`{"remote_addr":"127.0.0.1","user":"frank","time":"10/Oct/2000:13:55:36 -0700","method":"GET","path":"/apache_pb.gif","protocol":"HTTP/1.0","status":200,"bytes":2326,"referer":"http://www.example.com/start.html","user_agent":"Mozilla/4.08 [en] (Win98; I ;Nav)"}`, "2000-10-10T20:55:36Z"},
		{"nginx", `93.180.71.3 - - [17/May/2015:08:05:32 +0000] "\x16\x03\x01" 400 0 "-" "a \"b\" \\ c" "10.1.1.1"`,
			`{"remote_addr":"93.180.71.3","time":"17/May/2015:08:05:32 +0000","request":"\u0016\u0003\u0001","status":400,"bytes":0,"user_agent":"a \"b\" \\ c","rest":"\"10.1.1.1\""}`, "2015-05-17T08:05:32Z"},
		{"nginx", `::1 - John Doe [17/May/2015:08:05:32 +0000] "-" 408 - "-" "-"`,
			`{"remote_addr":"::1","user":"John Doe","time":"17/May/2015:08:05:32 +0000","status":408}`, "2015-05-17T08:05:32Z"},
		{"apache_vhost", `www.example.org:443 10.0.0.1 - - [17/May/2015:08:05:32 +0000] "GET / HTTP/1.1" 304 - "-" "curl"`,
			`{"vhost":"www.example.org:443","remote_addr":"10.0.0.1","time":"17/May/2015:08:05:32 +0000","method":"GET","path":"/","protocol":"HTTP/1.1","status":304,"user_agent":"curl"}`, ""},
		{"nginx_error", `2026/11/28 10:00:01 [error] 31#31: *7 open() "/usr/share/nginx/html/x" failed (2: No such file or directory), client: 172.17.0.1, server: localhost, request: "GET /x, y HTTP/1.1", host: "localhost:8080"`,
			`{"time":"2026/11/28 10:00:01","level":"error","pid":31,"tid":31,"connection":7,"message":"open() \"/usr/share/nginx/html/x\" failed (2: No such file or directory)","client":"172.17.0.1","server":"localhost","request":"GET /x, y HTTP/1.1","host":"localhost:8080"}`, "2026-11-28T10:00:01Z"},
		{"nginx_error", `2026/11/28 10:00:01 [notice] 1#1: start worker processes`,
			`{"time":"2026/11/28 10:00:01","level":"notice","pid":1,"tid":1,"message":"start worker processes"}`, ""},
		{"apache_error", `[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187:52442] AH00128: File does not exist: /usr/local/apache2/htdocs/favicon.ico`,
			`{"time":"Fri Sep 09 10:42:29.902022 2011","module":"core","level":"error","pid":35708,"tid":4328636416,"client":"72.15.99.187:52442","code":"AH00128","message":"File does not exist: /usr/local/apache2/htdocs/favicon.ico"}`, "2011-09-09T10:42:29.902022Z"},
		{"apache_error", `[Wed Oct 11 14:32:52 2000] [error] [client 127.0.0.1] client denied by server configuration: /export/home/live/ap/htdocs/test`,
			`{"time":"Wed Oct 11 14:32:52 2000","level":"error","client":"127.0.0.1","message":"client denied by server configuration: /export/home/live/ap/htdocs/test"}`, "2000-10-11T14:32:52Z"},
		{"klog", `I1025 00:15:15.525108       1 controller_utils.go:116] "Pod status updated" pod="kube-system/kubedns" status="ready"`,
			`{"level":"info","time":"1025 00:15:15.525108","thread":1,"file":"controller_utils.go","line":116,"message":"\"Pod status updated\" pod=\"kube-system/kubedns\" status=\"ready\""}`, "2026-10-25T00:15:15.525108Z"},
		{"cri", `2026-11-28T01:02:03.123456789Z stdout F hello  world`, `{"time":"2026-11-28T01:02:03.123456789Z","stream":"stdout","log":"hello  world"}`, "2026-11-28T01:02:03.123456789Z"},
		{"cri", `2026-11-28T01:02:03.1+01:00 stderr P x`, `{"time":"2026-11-28T01:02:03.1+01:00","stream":"stderr","partial":true,"log":"x"}`, "2026-11-28T00:02:03.1Z"},
		{"cri", `2026-11-28T01:02:03Z stdout F `, `{"time":"2026-11-28T01:02:03Z","stream":"stdout","log":""}`, ""},
		{"docker", `{"log":"a \"b\"\n","stream":"stdout","time":"2026-11-28T01:02:03.1Z"}`, `{"log":"a \"b\"","stream":"stdout","time":"2026-11-28T01:02:03.1Z"}`, "2026-11-28T01:02:03.1Z"},
		{"docker", `{"log":"part","stream":"stderr","attrs":{"tag":"x"},"time":"2026-11-28T01:02:03.1Z"}`,
			`{"log":"part","partial":true,"stream":"stderr","attrs":{"tag":"x"},"time":"2026-11-28T01:02:03.1Z"}`, ""},
		{"logfmt", `level=info msg="a \"b\"" ok n=`, `{"level":"info","msg":"a \"b\"","ok":true,"n":""}`, ""},
		{"logfmt", `a="\x1b[31m\u00e9\"\a" b="\/x" c="\q"`, `{"a":"\u001b[31mé\"\u0007","b":"/x","c":"\\q"}`, ""},
		{"logfmt", "a=\"\xff\\n\"", `{"a":"\\xff\n"}`, ""},
		{"syslog", `Jan  1 00:00:00 web-1 cron: x`, `{"hostname":"web-1","app_name":"cron","message":"x","time":"2027-01-01T00:00:00Z"}`, "2027-01-01T00:00:00Z"},
		{"key_value", `a=1 b="x y" c=`, `{"a":"1","b":"x y","c":""}`, ""},
		{"query", `/search?q=a%20b+c&tag=x&tag=y&bad=%zz&empty#top`, `{"q":"a b c","tag":["x","y"],"bad":"%zz","empty":""}`, ""},
		{"syslog", `<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.`,
			`{"facility":"local4","severity":"notice","priority":165,"hostname":"192.0.2.1","app_name":"myproc","proc_id":"8710","message":"%% It's time to make the do-nuts.","time":"2003-08-24T05:14:15.000003-07:00"}`, "2003-08-24T12:14:15.000003Z"},
		{"syslog", `Nov 28 11:59:59 web-1 sshd[42]: Accepted`, `{"hostname":"web-1","app_name":"sshd","proc_id":"42","message":"Accepted","time":"2026-11-28T11:59:59Z"}`, "2026-11-28T11:59:59Z"},
		{"postgres", `2026-11-28 10:00:00.123 UTC,"bob","shop",1234,"[local]",656,3,"SELECT",2026-11-28 09:00:00 UTC,3/4,0,LOG,00000,"duration: 1 ms  plan: ""Query Text"": ""SELECT 1""",,,,,,"select ""a""",,,"psql","client backend",,-4611686018427387904`,
			`{"log_time":"2026-11-28 10:00:00.123 UTC","user_name":"bob","database_name":"shop","process_id":1234,"connection_from":"[local]","session_id":"656","session_line_num":3,"command_tag":"SELECT","session_start_time":"2026-11-28 09:00:00 UTC","virtual_transaction_id":"3/4","transaction_id":0,"error_severity":"LOG","sql_state_code":"00000","message":"duration: 1 ms  plan: \"Query Text\": \"SELECT 1\"","query":"select \"a\"","application_name":"psql","backend_type":"client backend","query_id":"-4611686018427387904"}`, "2026-11-28T10:00:00.123Z"},
	} {
		f := newParse(t, func(p *ParseConfig) { p.Format, p.Time = c.format, true })
		out := lines(t, f, near, c.in)
		if len(out) != 1 || string(out[0].Value) != c.want {
			t.Errorf("%s: %s\ngot  %s\nwant %s", c.format, c.in, out[0].Value, c.want)
		}
		if c.at != "" && out[0].When().Format(time.RFC3339Nano) != c.at {
			t.Errorf(
				"%s: %s: at %s, want %s", c.format, c.in, out[0].When().Format(time.RFC3339Nano),
				c.at,
			)
		}
	}
}

// What is not of a format is told so, and never half of it taken.
func TestParseFormatsRefuse(t *testing.T) {
	for format, texts := range map[string][]string{
		"json": {"", "1", `{"a":1`, `{"a":1} x`}, "cri": {"", "2026-11-28T01:02:03Z stdout X a", "x stdout F a", "2026-11-28T01:02:03Z other F a"},
		"docker": {`{"stream":"stdout"}`, "text"}, "klog": {"", "I1025 00:15:15.525108", "X1025 00:15:15.525108  1 a.go:1] x"},
		"nginx":         {"", "[", `1.2.3.4 - - [x] "GET`, `1.2.3.4 - - [t] "GET / HTTP/1.1" abc 1 "-" "-"`, `1.2.3.4 - - [t] "GET / HTTP/1.1" 200 1`},
		"apache_common": {`1.2.3.4 - - [t] "GET / HTTP/1.1" 200 1 "-" "-"`}, "apache_error": {"", "[x] y", "[Fri Sep 09 10:42:29 2011]"},
		"nginx_error": {"", `2026/11/28 10:00:01 [error] x`}, "syslog": {"", "no time"}, "query": {"", "abc"}, "key_value": {"", "abc", "a=1 b"},
		"logfmt": {"", "words only", `a="open`}, "postgres": {"", `a,"b`, "1,2,3"},
	} {
		f := newParse(t, func(p *ParseConfig) { p.Format, p.OnFailure = format, "mark" })
		for _, in := range texts {
			out := lines(t, f, near, in)
			if reason, ok := out[0].Header(
				MarkHeader,
			); !ok || len(reason) == 0 ||
				string(out[0].Value) != in {
				t.Errorf("%s: %q became %s, header %q", format, in, out[0].Value, reason)
			}
		}
	}
}

// What the fields cannot be put into stays as it was, with the time that it had.
func TestParseOfAFieldOfNoJSON(t *testing.T) {
	f := newParse(t, func(p *ParseConfig) { p.Format, p.Field, p.Time = "cri", "log", true })
	const in = `{"log":"2026-01-02T03:04:05Z stdout F x","cut o`
	out := lines(t, f, near, in)
	if string(out[0].Value) != in || !out[0].When().Equal(near) {
		t.Errorf("%s at %v", out[0].Value, out[0].When())
	}
}

// Where there is no object for what was parsed, or for its text, neither is lost.
func TestParseIntoWhatIsNoObject(t *testing.T) {
	for _, c := range []struct{ field, into, keep, value, want string }{
		{"m", "x.y", "", `{"m": "a=1","x":5, "m":2}`, ""},
		{"m", "", "a.raw", `{"x":5,"m":"a=1"}`, ""},
		{"", "", "a.raw", `a=1`, ""},
		{"m", "x.y", "m.raw", `{"m":"a=1","x":{"z":1}}`, `{"x":{"z":1,"y":{"a":"1"}},"m":{"raw":"a=1"}}`},
		{"", "x.y", "raw", `a=1`, `{"x":{"y":{"a":"1"}},"raw":"a=1"}`},
	} {
		f := newParse(t, func(p *ParseConfig) {
			p.Format, p.Field, p.Into, p.Keep = "logfmt", c.field, c.into, c.keep
			p.OnFailure = "mark"
		})
		out := lines(t, f, near, c.value)
		reason, failed := out[0].Header(MarkHeader)
		if want := cmp.Or(c.want, c.value); string(out[0].Value) != want ||
			failed != (c.want == "") || failed && string(reason) != "no_object" {
			t.Errorf("%s\ngot  %s, %s\nwant %s", c.value, out[0].Value, reason, want)
		}
	}
}

func TestParseCSV(t *testing.T) {
	columns := newParse(
		t, func(p *ParseConfig) { p.Format, p.Columns = "csv", []string{"a", "b", "c"} },
	)
	header := newParse(
		t, func(p *ParseConfig) { p.Format, p.Header, p.OnFailure = "csv", true, "mark" },
	)
	tsv := newParse(t, func(p *ParseConfig) { p.Format, p.Columns = "tsv", []string{"a", "b"} })
	for _, c := range []struct {
		f    *Parse
		in   []string
		want string
	}{
		{columns, []string{`1,"x ""Query Text"", y",`}, `{"a":"1","b":"x \"Query Text\", y","c":""}`},
		{columns, []string{"1,\"two\nlines\",3\r"}, `{"a":"1","b":"two\nlines","c":"3"}`},
		{columns, []string{"1,2", "1,2,3,4", `1,"2,3`, `1,"2"x,3`}, "1,2 | 1,2,3,4 | 1,\"2,3 | 1,\"2\"x,3"},
		{columns, []string{"a,b,c"}, `{"a":"a","b":"b","c":"c"}`},
		{header, []string{"id,name", `7,"bob"`, "id,name", "8,eve"}, `{"id":"7","name":"bob"} | {"id":"8","name":"eve"}`},
		{tsv, []string{"x\t\"y\""}, `{"a":"x","b":"\"y\""}`},
	} {
		var got []string
		for _, r := range lines(t, c.f, near, c.in...) {
			got = append(got, string(r.Value))
		}
		if s := strings.Join(got, " | "); s != c.want {
			t.Errorf("%q\ngot  %s\nwant %s", c.in, s, c.want)
		}
	}
}

// IIS writes #Fields again when its configuration changes; lines that are delivered again are read
// by the names that held for them.
func TestParseW3CWithFieldsThatChange(t *testing.T) {
	f := newParse(
		t, func(p *ParseConfig) { p.Format, p.Time, p.OnFailure = "w3c", true, "mark" },
	).ForLog("x")
	in := []string{
		"GET /before-any 200",
		"#Software: Microsoft Internet Information Services 10.0",
		"#Version: 1.0",
		"#Date: 2026-11-28 00:00:01",
		"#Fields: date time c-ip cs-method cs-uri-stem sc-status",
		"2026-11-28 00:00:02 10.0.0.1 GET /a 200",
		"#Fields: date time cs-method cs-uri-stem cs(User-Agent) sc-status time-taken",
		"2026-11-28 00:00:03 GET /b Mozilla/5.0+(X11) - 15",
		"2026-11-28 00:00:04 GET /c",
	}
	want := `GET /before-any 200 | ` +
		`{"date":"2026-11-28","time":"00:00:02","c-ip":"10.0.0.1","cs-method":"GET","cs-uri-stem":"/a","sc-status":"200"} | ` +
		`{"date":"2026-11-28","time":"00:00:03","cs-method":"GET","cs-uri-stem":"/b","cs(User-Agent)":"Mozilla/5.0+(X11)","time-taken":"15"} | ` +
		"2026-11-28 00:00:04 GET /c"
	for range 2 {
		var got []string
		out := lines(t, f, near, in...)
		for _, r := range out {
			got = append(got, string(r.Value))
		}
		if s := strings.Join(got, " | "); s != want {
			t.Errorf("got\n%s\nwant\n%s", s, want)
		}
		if at := out[1].When().Format(time.RFC3339); at != "2026-11-28T00:00:02Z" {
			t.Error(at)
		}
	}
}

// After a restart, lines are read by the names that stand before them in the log, which are not
// read again.
func TestParseKnowsColumnsAfterARestart(t *testing.T) {
	dir := t.TempDir()
	open := func() Chain {
		f, err := NewParse(
			ParseConfig{Format: "w3c", OnFailure: "mark"},
			Env{Dir: dir, Metrics: prometheus.NewRegistry()},
		)
		if err != nil {
			t.Fatal(err)
		}
		return Chain{f}.ForLog("p.kafka.x")
	}
	c := open()
	c.Apply(at(0, "0 #Fields: a b", "0 1 2", "0 #Fields: b a", "0 3 4"))
	for range 2 {
		if got := passedOf(t, c, at(1, "0 1 2")) + " " + passedOf(t, c, at(4, "0 5 6")); got != `1:{"a":"1","b":"2"} 4:{"b":"5","a":"6"}` {
			t.Error(got)
		}
		c = open()
	}
	// The buffer has been replaced, and its positions begin anew.
	c.Apply(at(0, "0 #Fields: z y"))
	c = open()
	if got := passedOf(t, c, at(1, "0 1 2")) + " " + passedOf(t, c, at(4, "0 5 6")); got != `1:{"z":"1","y":"2"} 4:{"z":"5","y":"6"}` {
		t.Error(got)
	}
}

// A line of 31 December that is read on 1 January is of the year before.
func TestParseSyslogAtTheTurnOfTheYear(t *testing.T) {
	f := newParse(
		t, func(p *ParseConfig) { p.Format, p.Time, p.Zone = "syslog", true, "Europe/Berlin" },
	)
	out := lines(
		t, f, time.Date(2027, 1, 1, 0, 0, 3, 0, time.UTC), "<13>Dec 31 23:59:59 h app: last",
		"<13>Jan  1 01:00:02 h app: first",
	)
	for i, want := range []string{"2026-12-31T22:59:59Z", "2027-01-01T00:00:02Z"} {
		if got := out[i].When().Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", out[i].Value, got, want)
		}
	}
}

func TestParseGrok(t *testing.T) {
	f := newParse(t, func(p *ParseConfig) {
		p.Format, p.Pattern = "grok", `^%{IP:client} %{WORD:method} %{ORDER:[order][id]} %{NUMBER:ms:float} (?<rest>.*)$`
		p.Definitions = map[string]string{"ORDER": "ord-%{INT:n:int}"}
	})
	out := lines(t, f, near, "10.0.0.1 GET ord-17 1.50 x y")
	if got, want := string(
		out[0].Value,
	), `{"client":"10.0.0.1","method":"GET","order.id":"ord-17","n":17,"ms":1.50,"rest":"x y"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f = newParse(t, func(p *ParseConfig) { p.Format, p.Pattern = "grok", `%{COMBINEDAPACHELOG}` })
	out = lines(
		t, f, near,
		`127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326 "http://x/" "curl"`,
	)
	if !bytes.HasPrefix(out[0].Value, []byte(`{"source.address":"127.0.0.1"`)) ||
		!bytes.Contains(out[0].Value, []byte(`"http.response.status_code":200`)) {
		t.Errorf("%s", out[0].Value)
	}
	for pattern, want := range map[string]string{
		"%{NOPE:x}": "there is no pattern %{NOPE}", "%{IP}": "takes no field", "%{IP:x:date}": "the types are", "%{A:x}": "contains itself", "(%{IP:x}": "regular expression",
	} {
		c := ParseConfig{
			Format:      "grok",
			Pattern:     pattern,
			Definitions: map[string]string{"A": "%{A}"},
			OnFailure:   "pass",
		}
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), "pattern: ") ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestParseFallsThrough(t *testing.T) {
	f := newParse(t, func(p *ParseConfig) {
		p.Formats, p.Patterns = []string{
			"json",
			"regex",
			"logfmt",
		}, []string{
			`^(?P<n>\d+)$`,
			`^<(?P<w>\w+)>$`,
		}
	})
	var got []string
	for _, r := range lines(t, f, near, `{"a":1}`, "12", "<x>", "k=v", "nothing of all") {
		got = append(got, string(r.Value))
	}
	if s := strings.Join(
		got, " | ",
	); s != `{"a":1} | {"n":"12"} | {"w":"x"} | {"k":"v"} | nothing of all` {
		t.Error(s)
	}
}

func TestParseKeepsIntoAndTypes(t *testing.T) {
	f := newParse(t, func(p *ParseConfig) {
		p.Format, p.Field, p.Into, p.Keep = "logfmt", "msg", "kv", "raw"
		p.Types = map[string]string{
			"a": "int",
			"b": "bool",
			"c": "float",
			"d": "string",
			"e": "int",
		}
	})
	out := lines(t, f, near, `{"x":1,"msg":"a=007 b=yes c=1.50 d=5 e=abc"}`)
	if got, want := string(
		out[0].Value,
	), `{"x":1,"kv":{"a":7,"b":true,"c":1.50,"d":"5","e":"abc"},"raw":"a=007 b=yes c=1.50 d=5 e=abc"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := testutil.ToFloat64(f.untyped); n != 1 {
		t.Errorf("%v fields are counted as of another type, want 1", n)
	}
	f = newParse(t, func(p *ParseConfig) {
		p.Format, p.Types = "json", map[string]string{
			"status": "int",
			"n.m":    "string",
			"gone":   "int",
		}
	})
	for in, want := range map[string]string{
		`{"status":"200","n":{"m":1.0},"s":"200"}`: `{"status":200,"n":{"m":"1.0"},"s":"200"}`,
		// Null is of any type, and names may repeat.
		`{"status":null,"n":{"m":null}}`:               `{"status":null,"n":{"m":null}}`,
		`{"status":1,"n":{},"status":"2","n":{"m":3}}`: `{"status":1,"n":{},"status":2,"n":{"m":"3"}}`,
	} {
		if out = lines(t, f, near, in); string(out[0].Value) != want {
			t.Errorf("got  %s\nwant %s", out[0].Value, want)
		}
	}
	f = newParse(t, func(p *ParseConfig) { p.Format, p.AutoTypes = "logfmt", true })
	out = lines(
		t, f, near,
		`a=1 b=-2.50 c=007 d=1e5 e=true f=18446744073709551615 g=18446744073709551616 h=-9223372036854775808 i=0.1234567890123456 j=-0 k=1. l=NaN`,
	)
	if got, want := string(
		out[0].Value,
	), `{"a":1,"b":-2.50,"c":"007","d":"1e5","e":true,"f":18446744073709551615,"g":"18446744073709551616","h":-9223372036854775808,"i":"0.1234567890123456","j":"-0","k":"1.","l":"NaN"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Every number of 64 bits comes out with the digits that it came in with.
func TestParseKeepsEveryNumber(t *testing.T) {
	rng := runtest.Rand(t)
	auto := newParse(t, func(p *ParseConfig) { p.Format, p.AutoTypes = "logfmt", true })
	typed := newParse(
		t,
		func(p *ParseConfig) { p.Format, p.Types = "logfmt", map[string]string{"n": "int", "m": "int"} },
	)
	for range 2000 {
		n := strconv.FormatInt(int64(rng.Uint64()>>rng.IntN(64))*int64(1-2*rng.IntN(2)), 10)
		m := strconv.FormatUint(rng.Uint64()>>rng.IntN(64), 10)
		for _, f := range []*Parse{auto, typed} {
			out := lines(t, f, near, "n="+n+" m="+m)
			if got, want := string(out[0].Value), `{"n":`+n+`,"m":`+m+`}`; got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	}
}

// A hostile text costs memory in proportion to its length, or is refused; time is linear in it,
// too.
func TestParseOfHostileTexts(t *testing.T) {
	const n = 1 << 20
	for format, unit := range map[string]string{
		"logfmt": "a= ", "key_value": "a= ", "query": "a&b=", "json": `"a":1,`, "csv": ",", "w3c": "- ", "nginx": `\"`, "nginx_error": `, a: "x"`, "apache_error": "[x] ",
		"syslog": `[a x="1"]`, "postgres": `""`, "docker": `"log":"x\n",`, "klog": "] ", "cri": "P:F ",
	} {
		text := strings.Repeat(unit, n/len(unit))
		switch format {
		case "json", "docker":
			text = "{" + strings.TrimSuffix(text, ",") + "}"
		case "query":
			text = "?" + text
		case "nginx":
			text = `1 - - [t] "` + text + `" 200 1 "-" "-"`
		case "nginx_error":
			text = "2026/11/28 10:00:01 [error] 31#31: m, client: 1" + text
		case "apache_error":
			text = "[Fri Sep 09 10:42:29 2011] [error] " + text
		case "syslog":
			text = "<13>1 - - - - - " + text + " m"
		case "klog":
			text = "I1025 00:15:15.525108       1 a.go:116" + text
		case "cri":
			text = "2026-11-28T01:02:03Z stdout P " + text
		}
		f := newParse(t, func(p *ParseConfig) {
			p.Format, p.AutoTypes = format, format != "json" && format != "docker"
			if format == "csv" || format == "w3c" {
				p.Columns = []string{"a", "b"}
			}
		})
		var b record.Builder
		b.Reset("app", "o", 0)
		b.Append(0, nil, []byte(text), nil)
		in := b.Build()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := costtest.CPU()
		Chain{f}.Apply(in)
		took := costtest.CPU() - start
		runtime.ReadMemStats(&after)
		if grown := int(after.TotalAlloc - before.TotalAlloc); grown > 16*n {
			t.Errorf("%s: %d MiB were allocated for a text of 1 MiB", format, grown>>20)
		}
		if took > 2*time.Second {
			t.Errorf("%s: took %v", format, took)
		}
	}
}

func TestParseRefusesToTheDeadLetter(t *testing.T) {
	reg := prometheus.NewRegistry()
	f, err := NewParse(
		ParseConfig{Format: "json", Types: map[string]string{"a": "int"}, OnFailure: "dead_letter"},
		Env{Name: "filter.parse.p", Metrics: reg},
	)
	if err != nil {
		t.Fatal(err)
	}
	in := batch(`{"a":"1"}`, "text", `{"a":2}`)
	out := Chain{f}.Apply(in)
	if got := strings.Join(values(t, out.Batch), " "); got != `100:{"a":1} 102:{"a":2}` {
		t.Error(got)
	}
	if len(out.Refused) != 1 || string(out.Refused[0].Record.Value) != "text" ||
		out.Refused[0].Record.Offset != 101 ||
		out.Refused[0].Reason != "filter.parse.p: not parsed: not_json" {
		t.Errorf("%+v", out.Refused)
	}
	if n := testutil.ToFloat64(f.failures.WithLabelValues("not_json")); n != 1 {
		t.Errorf("%v failures are counted", n)
	}
}

func TestParseMistakes(t *testing.T) {
	for want, c := range map[string]ParseConfig{
		"format: say how":        {},
		"pattern: has a meaning": {Format: "json", Pattern: "x"},
		"columns: names no":      {Format: "csv", Delimiter: ","},
		"delimiter: ":            {Format: "csv", Delimiter: ";;", Columns: []string{"a"}},
		"zone: ":                 {Format: "json", Zone: "Nowhere"},
		"types: a: \"date\"":     {Format: "json", Types: map[string]string{"a": "date"}},
		"pair_separator: ":       {Format: "key_value"},
		"patterns[1]: ":          {Format: "regex", Patterns: []string{"(?P<a>x)", "("}},
		"header: has a meaning":  {Format: "json", Header: true},
	} {
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s...", c, err, want)
		}
	}
}

// Whatever the text, every format makes well-formed JSON of it or leaves it alone.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 1 "-" "\x16\"b"`, `I1025 00:15:15.525108       1 a.go:116] m`,
		"2026-11-28T01:02:03Z stdout P a", `{"log":"a\n","stream":"x","":{}}`, `a=1 b="x\"" c`, "a=\"\xff\\", `a,"b""",c`, "#Fields: a b", "1 \"x\"",
		"2026/11/28 10:00:01 [error] 31#31: *7 m, client: 1, request: \"x\"", "[Fri Sep 09 10:42:29 2011] [a:b] [pid 1:tid 2] [client x] AH00128: m", "?a=%20&a=2&b",
		"Nov 28 11:59:59 web-1 sshd[42]: Accepted", "<13>1 - - - - - -",
		"Mozilla/5.0 (iPad; U; Android 4; de-de; X Build/a; CrOS x86_64 1) [FBAN/F;FBAV/1] http://x/y MSIE 7 rv:1",
	} {
		f.Add([]byte(s))
	}
	var filters []*Parse
	for _, format := range strings.Split("json|logfmt|key_value|query|csv|tsv|w3c|nginx|nginx_error|apache_common|apache_combined|apache_vhost|apache_error|syslog|klog|cri|docker|postgres|user_agent|grok", "|") {
		filters = append(filters, newParse(f, func(p *ParseConfig) {
			p.Format, p.AutoTypes, p.Time, p.OnFailure = format, true, true, "discard"
			switch format {
			case "csv", "tsv":
				p.Columns = []string{"a", "b", "c"}
			case "w3c":
				p.Columns = []string{"date", "time"}
			case "grok":
				p.Pattern = "%{WORD:a} %{IP:b}"
			}
		}))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, p := range filters {
			for _, r := range lines(t, p.ForLog("x"), near, string(text)) {
				if !json.Valid(r.Value) {
					t.Errorf("%s: %q gives %q", p.cfg.Format, text, r.Value)
				}
			}
		}
	})
}

var benchLines = map[string]string{
	"nginx":      `93.180.71.3 - - [17/May/2015:08:05:32 +0000] "GET /downloads/product_1?id=17 HTTP/1.1" 304 2326 "https://example.org/start.html" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`,
	"json":       `{"time":"2026-11-28T01:02:03.123Z","level":"info","status":"200","took":"0.125","msg":"request served","path":"/api/v1/things","user":{"id":17,"name":"bob"}}`,
	"cri":        `2026-11-28T01:02:03.123456789Z stdout F {"level":"info","msg":"request served","path":"/api/v1/things","status":200}`,
	"logfmt":     `time=2026-11-28T01:02:03Z level=info msg="request served" path=/api/v1/things status=200 took=0.125`,
	"syslog":     `<165>1 2026-08-24T05:14:15.000003Z web-1.example.org nginx 8710 access - GET /api/v1/things HTTP/1.1 200 1234 "curl"`,
	"klog":       `I1025 00:15:15.525108       1 controller_utils.go:116] "Pod status updated" pod="kube-system/kubedns" status="ready"`,
	"docker":     `{"log":"{\"level\":\"info\",\"msg\":\"request served\"}\n","stream":"stdout","time":"2026-11-28T01:02:03.123456789Z"}`,
	"user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
	"postgres":   `2026-11-28 10:00:00.123 UTC,"bob","shop",1234,"[local]",656,3,"SELECT",2026-11-28 09:00:00 UTC,3/4,0,LOG,00000,"duration: 1 ms  plan: ""Query Text"": ""SELECT 1""",,,,,,"select ""a""",,,"psql","client backend",,1`,
}

func BenchmarkParse(b *testing.B) {
	for format, line := range benchLines {
		f := newParse(b, func(p *ParseConfig) {
			p.Format = format
			if format == "json" {
				p.Types = map[string]string{"status": "int", "took": "float"}
			}
		})
		benchFilter(b, format, f, line)
	}
	benchFilter(b, "nginx_regex", newParse(b, func(p *ParseConfig) {
		p.Format = "regex"
		p.Pattern = `^(?P<remote>[^ ]*) (?P<host>[^ ]*) (?P<user>[^ ]*) \[(?P<time>[^\]]*)\] "(?P<method>\S+)(?: +(?P<path>[^\"]*?)(?: +\S*)?)?" (?P<code>[^ ]*) (?P<size>[^ ]*)(?: "(?P<referer>[^\"]*)" "(?P<agent>[^\"]*)")?$`
	}), benchLines["nginx"])
}
