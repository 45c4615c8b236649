package admin

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
	dto "github.com/prometheus/client_model/go"
)

type fakeAgent struct {
	mu     sync.Mutex
	status Status
	config Configuration
	tap    *Tap
}

func (f *fakeAgent) Gather() ([]*dto.MetricFamily, error) { return nil, nil }
func (f *fakeAgent) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}
func (f *fakeAgent) Configuration() Configuration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.config
}
func (f *fakeAgent) Ready() (bool, []string) { return f.status.Ready, f.status.Reasons }
func (f *fakeAgent) States() []state.PipelineState {
	var out []state.PipelineState
	for _, p := range f.status.Pipelines {
		out = append(out, p.Now)
	}
	return out
}
func (f *fakeAgent) Own() []state.Problem { return f.Status().Own }
func (f *fakeAgent) Audit(since time.Time) (r tally.Report) {
	r.Lines = []tally.Line{{Pipeline: "p", From: since}}
	return r
}
func (f *fakeAgent) Condition(string) (func(*record.Batch) *record.Batch, error) {
	return func(b *record.Batch) *record.Batch { return b }, nil
}
func (f *fakeAgent) Tap(pipeline string) *Tap {
	if pipeline == "p" {
		return f.tap
	}
	return nil
}

func serve(t *testing.T, a Agent) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(
		Handler(
			Options{Listen: "web-1.example.org:9600", Pprof: true, Anonymous: "read"}, a,
			slog.New(slog.DiscardHandler),
		),
	)
	t.Cleanup(srv.Close)
	return srv
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func batch(values ...string) *record.Batch {
	var b record.Builder
	b.Reset("app", "file", 0)
	for _, v := range values {
		b.Append(1e9, []byte("\xff"), []byte(v), []record.Header{{Key: "h", Value: []byte("v")}})
	}
	out := b.Build()
	out.At(7)
	return out
}

func TestReadinessSaysWhy(t *testing.T) {
	a := &fakeAgent{status: Status{Reasons: []string{"the disk is full", "input.x has failed"}}}
	srv := serve(t, a)
	if code, body := fetch(t, srv.URL+"/readyz"); code != 503 ||
		body != "not ready: the disk is full; input.x has failed\n" {
		t.Errorf("%d %q", code, body)
	}
	if code, _ := fetch(t, srv.URL+"/healthz"); code != 200 {
		t.Errorf("healthz %d", code)
	}
	a.status.Ready = true
	if code, _ := fetch(t, srv.URL+"/readyz"); code != 200 {
		t.Errorf("readyz %d", code)
	}
}

// A page on the web whose name was made to lead here must not read what passes.
func TestRebindingIsRefused(t *testing.T) {
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	status := func(o Options, host string) int {
		r := httptest.NewRequest("GET", "/tap?pipeline=none", nil)
		r.Host = host
		w := httptest.NewRecorder()
		Handler(o, &fakeAgent{tap: &Tap{}}, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
		return w.Code
	}
	o := Options{
		Listen:       "Web-1.example.org:9600",
		Anonymous:    "read",
		AllowedHosts: []string{"logs.example.org", "*.internal"},
	}
	for host, ok := range map[string]bool{
		"localhost:9600": true, "LOCALHOST.": true, "edge.localhost": true, "127.0.0.1:9600": true, "[::1]:9600": true, "[::1]": true, "10.1.2.3": true,
		hostname + ":9600": true, "web-1.example.org:9600": true, "logs.example.org": true, "a.b.internal:1": true, "": true,
		"evil.example": false, "evil.example:9600": false, "localhost.evil.example": false, "xinternal": false, "internal": false,
		"127.0.0.1.evil.example": false, "127.0.0.1.nip.io:9600": false, "evil-localhost": false,
	} {
		want := http.StatusForbidden
		if ok {
			want = http.StatusNotFound // there is no such pipeline
		}
		if got := status(o, host); got != want {
			t.Errorf("%q: %d, want %d", host, got, want)
		}
	}
	if got := status(
		Options{AllowedHosts: []string{"*"}, Anonymous: "read"}, "anything.example",
	); got != http.StatusNotFound {
		t.Errorf("with * a name was answered %d", got)
	}
}

func TestProfilesByChoice(t *testing.T) {
	for on, want := range map[bool]int{true: 200, false: 404} {
		srv := httptest.NewServer(
			Handler(Options{Pprof: on, Anonymous: "read"}, &fakeAgent{}, slog.New(slog.DiscardHandler)),
		)
		if code, _ := fetch(t, srv.URL+"/debug/pprof/cmdline"); code != want {
			t.Errorf("pprof = %v: %d, want %d", on, code, want)
		}
		if _, page := fetch(t, srv.URL+"/"); strings.Contains(page, "pprof") != on {
			t.Errorf("pprof = %v, and the page says otherwise", on)
		}
		srv.Close()
	}
}

// amiss is an agent with something to look at.
func amiss() *fakeAgent {
	lag := int64(42)
	return &fakeAgent{
		status: Status{
			Agent:    "<b>edge</b>",
			Sentence: "All safe. Kafka is <down>.",
			Level:    state.Critical,
			Pipelines: []Pipeline{
				{
					Name:   "p",
					State:  "running",
					Buffer: &Buffer{Bytes: 3 << 20, Blocked: true},
					Now: state.PipelineState{
						Name:   "p",
						OnDisk: 10_200,
						Stored: 31_640,
						Oldest: 2 * time.Minute,
						Full:   200 * time.Minute,
						Fill:   0.93,
						Outputs: []state.OutputState{
							{
								ID:      "output.kafka.x",
								Kind:    state.StandingBy,
								Level:   state.Warning,
								Text:    "does not <answer>",
								Waiting: lag,
								Rate:    1200,
								To:      "output.forward.standby",
							},
						},
						Problems: []state.Problem{
							{
								Component: "output.kafka.x",
								Kind:      state.StandingBy,
								Level:     state.Warning,
								Text:      "does not <answer>",
								Do:        "start the broker",
							},
							{
								Component: "input.tail.y",
								Kind:      state.WaitingBuffer,
								Level:     state.Critical,
								Text:      "waits",
							},
						},
					},
					Outputs: []Component{
						{
							ID:    "output.kafka.x",
							State: "running",
							Lag:   &lag,
							Said:  &Line{Level: "WARN", Text: "said this"},
							Overflow: &Overflow{
								State:   "overflow",
								Objects: 5,
								Bytes:   1 << 20,
							},
							Conditions: map[string]float64{"output_retries_total": 1234},
						},
					},
				},
			},
		},
	}
}

func TestPageSaysFirstWhatIsAmissInWords(t *testing.T) {
	_, body := fetch(t, serve(t, amiss()).URL+"/")
	for _, want := range []string{
		"&lt;b&gt;edge", "All safe. Kafka is &lt;down&gt;.", "3 MiB", "93% full", "10,200 records wait, the oldest for 2 min", "Room for 3 h 20 min",
		"31,640 records in the overflow", "standing by", "does not &lt;answer&gt;", "start the broker", "waiting for buffer", "5 objects (1 MiB)",
		"Batches sent again after a failure", "1,234",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("lacks %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, "said this") {
		t.Errorf("what stands among the recent errors is said of the component, too:\n%s", body)
	}
	if strings.Contains(body, "penstock_") || strings.Contains(body, "retries_total") {
		t.Errorf("a metric is called by its name:\n%s", body)
	}
	if strings.Index(body, "input.tail.y") > strings.Index(body, "start the broker") {
		t.Error("what is worse does not come first")
	}
}

// The page's changing part comes again when it has changed, and ends with its viewer.
func TestPageIsSentAgainWhenItChanges(t *testing.T) {
	a := amiss()
	srv := serve(t, a)
	resp, err := http.Get(srv.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("content type %q", kind)
	}
	scan := bufio.NewScanner(resp.Body)
	scan.Buffer(nil, 1<<20)
	next := func() (html string) {
		t.Helper()
		for event := ""; scan.Scan(); {
			if name, ok := strings.CutPrefix(scan.Text(), "event: "); ok {
				event = name
			}
			if data, ok := strings.CutPrefix(scan.Text(), "data: "); ok && event == "now" {
				if err := json.Unmarshal([]byte(data), &html); err != nil {
					t.Fatal(err)
				}
				return html
			}
		}
		t.Fatal(scan.Err())
		return ""
	}
	if html := next(); !strings.HasPrefix(html, "<header") || !strings.Contains(html, "31,640") {
		t.Errorf("%s", html)
	}
	a.mu.Lock()
	a.status.Sentence = "All is new."
	a.mu.Unlock()
	if html := next(); !strings.Contains(html, "All is new.") {
		t.Errorf("%s", html)
	}
}

// The page asks nobody else for anything, and runs nothing but its own script.
func TestPageIsOfOnePiece(t *testing.T) {
	srv := serve(t, amiss())
	for path, kind := range map[string]string{"/": "text/html", "/page.js": "text/javascript", "/style.css": "text/css"} {
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 ||
			!strings.HasPrefix(resp.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: %d %v %v", path, resp.StatusCode, resp.Header, err)
		}
		if strings.Contains(string(body), "://") {
			t.Errorf("%s leads elsewhere", path)
		}
		if csp := resp.Header.Get(
			"Content-Security-Policy",
		); !strings.Contains(csp, "script-src 'self';") {
			t.Errorf("%s", csp)
		}
	}
}

func TestTapStreamsRecords(t *testing.T) {
	a := &fakeAgent{tap: &Tap{}}
	srv := serve(t, a)
	if code, body := fetch(t, srv.URL+"/tap?pipeline=q"); code != 404 ||
		!strings.Contains(body, `"q"`) {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := fetch(t, srv.URL+"/tap?pipeline=p&n=x"); code != 400 {
		t.Errorf("n=x: %d", code)
	}
	resp, err := http.Get(srv.URL + "/tap?pipeline=p&n=3")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	// The headers came after the viewer was added.
	a.tap.Publish(batch("one", "two\xfe"))
	a.tap.Publish(batch("three", "not shown"))
	var lines []map[string]any
	scan := bufio.NewScanner(resp.Body)
	for scan.Scan() {
		var m map[string]any
		if err := json.Unmarshal(scan.Bytes(), &m); err != nil {
			t.Fatalf("%q: %v", scan.Text(), err)
		}
		lines = append(lines, m)
	}
	if len(lines) != 3 || lines[0]["value"] != "one" || lines[0]["offset"] != 7.0 ||
		lines[0]["key_base64"] != "/w==" ||
		lines[1]["value_base64"] != "dHdv/g==" ||
		lines[2]["value"] != "three" {
		t.Errorf("%v", lines)
	}
	if a.tap.viewers.Load() != nil {
		deadline := time.Now().Add(5 * time.Second)
		for a.tap.viewers.Load() != nil {
			if time.Now().After(deadline) {
				t.Fatal("the viewer is not removed")
			}
			<-time.After(time.Millisecond)
		}
	}
}

// What somebody watches is not given back.
func TestTapKeepsWhatItShows(t *testing.T) {
	tap := &Tap{}
	for _, watched := range []bool{false, true} {
		if watched {
			_, leave := tap.Watch()
			defer leave()
		}
		given := false
		b := record.Over("a", "o", nil, 0, 0, 0, func() { given = true })
		tap.Publish(b)
		if b.Recycle(); given == watched {
			t.Errorf("watched %v: given back %v", watched, given)
		}
	}
}

func TestSlowViewersMissRecordsAndHoldUpNobody(t *testing.T) {
	tap := &Tap{}
	slow, leave := tap.Watch()
	for range 100 {
		tap.Publish(batch("x", "y"))
	}
	if got := slow.Dropped(); got != 2*(100-tapQueue) {
		t.Errorf("dropped %d", got)
	}
	fast, leaveFast := tap.Watch()
	tap.Publish(batch("z"))
	if b := <-fast.C; b.Len() != 1 {
		t.Error("the other viewer misses records")
	}
	leave()
	leaveFast()
	if tap.viewers.Load() != nil {
		t.Error("viewers remain")
	}
	var none *Tap
	none.Publish(batch("x"))
}

func TestCrossSiteRequestsAreRefused(t *testing.T) {
	srv := serve(t, &fakeAgent{})
	req, err := http.NewRequest("GET", srv.URL+"/api/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	req.Header.Set("Sec-Fetch-Mode", "cors")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestServerCanBeOffAndTellsOfTakenAddresses(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	off, err := Start(Options{}, &fakeAgent{}, log)
	if err != nil || off.Addr() != "off" {
		t.Errorf("%v %v", off, err)
	}
	off.Close()
	one, err := Start(Options{Listen: "127.0.0.1:0"}, &fakeAgent{}, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Options{Listen: one.Addr()}, &fakeAgent{}, log); err == nil {
		t.Error("an address is taken twice")
	}
	// A tap in progress does not hold up the end.
	resp, err := http.Get("http://" + one.Addr() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	start := time.Now()
	one.Close()
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("closing took %v", took)
	}
}

func TestFiguresAreReadable(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, tc := range map[string]struct {
		v    float64
		want string
	}{
		"output_last_success_timestamp_seconds":          {1_799_999_880, "2 min ago"},
		"kafka_read_bytes_total":                         {2048, "2 KiB"},
		"kafka_throttled_seconds_total":                  {3, "3 s"},
		"tail_files{state=open}":                         {12, "12"},
		"kafka_path_batches_total{reason=bytes_seconds}": {5, "5"},
	} {
		if got := figure(name, tc.v, now); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestTheAuditIsOfTheTimeThatIsAskedFor(t *testing.T) {
	srv := serve(t, &fakeAgent{})
	for query, want := range map[string]time.Duration{"": 24 * time.Hour, "?since=90m": 90 * time.Minute} {
		code, body := fetch(t, srv.URL+"/api/audit"+query)
		var r tally.Report
		if err := json.Unmarshal([]byte(body), &r); err != nil || code != 200 || len(r.Lines) != 1 {
			t.Fatal(code, body, err)
		}
		if d := time.Since(r.Lines[0].From) - want; d < 0 || d > time.Minute {
			t.Errorf("%q: since %v", query, r.Lines[0].From)
		}
	}
	if code, body := fetch(t, srv.URL+"/api/audit?since=yesterday"); code != 400 ||
		!strings.Contains(body, "24h") {
		t.Error(code, body)
	}
}

// The ways that the page draws stand in its text, each with what is on it.
func TestPageSaysWhatIsOnEachWay(t *testing.T) {
	srv := serve(t, amiss())
	_, body := fetch(t, srv.URL+"/")
	got := regexp.MustCompile(`data-way="(\w+)" data-level="(\w+)" data-says="([^"]*)"`).
		FindAllStringSubmatch(body, -1)
	want := [][]string{
		{"out", "warning", "! standing by\n1,200 a second\n42 wait"},
		{"aside", "warning", "! standing by"},
	}
	for i, w := range want {
		if i >= len(got) || !slices.Equal(got[i][1:], w) {
			t.Errorf("the ways are %q, want %q", got, want)
			break
		}
	}
}

// While a buffer is being opened nothing is safe in it yet, and nothing is shown as if it were.
func TestAPipelineThatIsOpenedIsNotShownAsSafe(t *testing.T) {
	a := &fakeAgent{status: Status{Pipelines: []Pipeline{{
		Name: "p", State: "opening",
		Inputs: []Component{{ID: "input.tail.a"}}, Outputs: []Component{{ID: "output.kafka.a"}},
	}}}}
	_, html := fetch(t, serve(t, a).URL+"/")
	if strings.Contains(html, "✓") || strings.Count(html, `<p class="notice state">→ opening`) != 2 ||
		!strings.Contains(html, "Not open yet") || strings.Contains(html, "the source keeps") {
		t.Errorf("%s", html)
	}
}

// What was logged as amiss stands on the page, in words, with what to do.
func TestRecentErrorsAreShown(t *testing.T) {
	a := amiss()
	a.status.Recent = []LogGroup{
		{
			Component: "output.kafka.x", Level: "error", Message: "<b>fails</b>", Count: 1200,
			First: time.Now().Add(-2 * time.Hour), Last: time.Now().Add(-90 * time.Second),
			Error: "no <i>route", Details: "topic=<u>", Do: "mend <it>",
		},
		{Level: "warning", Message: "second", Count: 1, Last: time.Now().Add(-3 * time.Hour)},
	}
	_, html := fetch(t, serve(t, a).URL+"/")
	_, html, _ = strings.Cut(html, "Recent errors and warnings</h2>")
	at := 0
	for _, part := range []string{
		"2 kinds of messages, the last 90 s ago", "✖ error", "1,200 times, first 2 h ago, last 90 s ago",
		"<b>output.kafka.x</b> &lt;b&gt;fails&lt;/b&gt;: no &lt;i&gt;route", "topic=&lt;u&gt;",
		"mend &lt;it&gt;", "! warning", "last 3 h ago", "second", "</section>",
	} {
		i := strings.Index(html[at:], part)
		if i < 0 {
			t.Fatalf("no %s in its place: %s", part, html)
		}
		at += i
	}
}

// The configuration stands on the page, in place of what is sent anew, and by itself as text and as
// JSON; it is sent again once another one is loaded.
func TestTheConfigurationIsShown(t *testing.T) {
	a := amiss()
	a.status.Loaded = time.Now()
	a.config = Configuration{
		Loaded: a.status.Loaded, Note: "Not all is in force.",
		Files: []ConfigFile{{"/etc/a.hcl", "a = \"<b>\"\n"}, {"/etc/b.hcl", "b = (hidden)\n"}},
	}
	srv := serve(t, a)
	const want = "# Not all is in force.\n\n# /etc/a.hcl\na = \"<b>\"\n\n# /etc/b.hcl\nb = (hidden)\n"
	if code, text := fetch(t, srv.URL+"/config"); code != 200 || text != want {
		t.Errorf("%d %s", code, text)
	}
	var got Configuration
	_, text := fetch(t, srv.URL+"/api/config")
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Files) != 2 ||
		got.Files[0] != a.config.Files[0] || got.Note != a.config.Note {
		t.Errorf("%v: %s", err, text)
	}
	_, html := fetch(t, srv.URL+"/")
	_, after, ok := strings.Cut(html, `<details id="config">`)
	if !ok || !strings.Contains(after, "a = &#34;&lt;b&gt;&#34;") ||
		!strings.Contains(after, "/etc/b.hcl") || !strings.Contains(after, "Not all is in force.") {
		t.Errorf("the page: %s", html)
	}

	resp, err := http.Get(srv.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	awaitConfig := func(part string) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() != "event: config" {
				continue
			}
			if lines.Scan(); !strings.Contains(lines.Text(), part) {
				t.Fatalf("not with %s: %s", part, lines.Text())
			}
			return
		}
		t.Fatalf("the events end: %v", lines.Err())
	}
	awaitConfig("/etc/a.hcl")
	a.mu.Lock()
	a.status.Loaded = a.status.Loaded.Add(time.Second)
	a.config.Files = []ConfigFile{{"/etc/c.hcl", "c = 1\n"}}
	a.mu.Unlock()
	awaitConfig("/etc/c.hcl")
}

// What a viewer has missed is told from time to time, and not after each batch.
func TestTapTellsWhatIsMissedSeldom(t *testing.T) {
	t.Parallel()
	a := &fakeAgent{tap: &Tap{}}
	resp, err := http.Get(serve(t, a).URL + "/tap?pipeline=p&n=3&rate=2")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
				a.tap.Publish(batch("one"))
			}
		}
	}()
	begun, told, missed := time.Now(), 0, 0.0
	for scan := bufio.NewScanner(resp.Body); scan.Scan(); {
		var m map[string]any
		if err := json.Unmarshal(scan.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		if n, ok := m["dropped"]; ok {
			told++
			missed += n.(float64)
		}
	}
	if most := int(time.Since(begun)/time.Second) + 1; told == 0 || told > most || missed < 5 {
		t.Errorf("told %d times of %v records", told, missed)
	}
}
