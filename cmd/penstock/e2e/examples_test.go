package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/outputs/forward"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const examplesDir = "../../../examples"

// exampleTests has a test for each folder of examples that holds configurations.
var exampleTests = map[string]func(*world){
	"edge":               exampleEdge,
	"edge-exactly-once":  exampleEdgeExactlyOnce,
	"edge-parse":         exampleEdgeParse,
	"edge-to-forwarder":  exampleEdgeToForwarder,
	"edge-to-lake":       exampleEdgeToLake,
	"edge-two-pipelines": exampleEdgeTwoPipelines,
	"fluentd-drop-in":    exampleDropIn,
	"kafka-to-gcs":       exampleKafkaToGCS,
	"kafka-to-s3":        exampleKafkaToS3,
	"kubernetes":         exampleKubernetes,
	"parquet-for-trino":  exampleParquet,
	"secor-layout":       exampleSecor,
	"tron-forwarder":     exampleTron,
}

// TestExamples runs every example: only addresses, paths, credentials and waiting times are other
// than what stands there.
func TestExamples(t *testing.T) {
	parallel(t)
	found, err := filepath.Glob(filepath.Join(examplesDir, "*", "*.hcl"))
	if err != nil || len(found) == 0 {
		t.Fatalf("%d examples, %v", len(found), err)
	}
	manifests, err := filepath.Glob(filepath.Join(examplesDir, "kubernetes", "*.yaml"))
	if err != nil || len(manifests) == 0 {
		t.Fatalf("%d manifests, %v", len(manifests), err)
	}
	found = append(found, manifests...)
	files := map[string][]string{}
	for _, path := range found {
		folder := filepath.Base(filepath.Dir(path))
		files[folder] = append(files[folder], filepath.Base(path))
	}
	for folder := range files {
		if exampleTests[folder] == nil {
			t.Errorf("the example %s has no test", folder)
		}
	}
	for folder, test := range exampleTests {
		if files[folder] == nil {
			t.Errorf("the example %s is gone", folder)
			continue
		}
		t.Run(folder, func(t *testing.T) {
			w := &world{T: t, folder: folder, dir: t.TempDir(), ran: map[string]bool{}}
			test(w)
			for _, file := range files[folder] {
				if !w.ran[file] && !t.Failed() {
					t.Errorf("%s was not run", file)
				}
			}
		})
	}
}

var hclBlock = regexp.MustCompile("(?ms)^```hcl[^\n]*\n(.*?)^```")

// Each configuration in the documentation is valid as it stands there.
func TestReadmeConfigurations(t *testing.T) {
	parallel(t)
	docs, err := filepath.Glob("../../../*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, doc := range docs {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range hclBlock.FindAllSubmatch(text, -1) {
			n++
			path := filepath.Join(t.TempDir(), "block.hcl")
			if err := os.WriteFile(path, m[1], 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(binary, "validate", path).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s\n%s", filepath.Base(doc), err, m[1], out)
			}
		}
	}
	if n == 0 {
		t.Error("no configuration was found")
	}
}

// listening waits until somebody listens on addr.
func (w *world) listening(addr string) {
	w.Helper()
	runtest.Within(w.T, 20*time.Second, func() bool {
		c, err := net.Dial("tcp", addr)
		return err == nil && c.Close() == nil
	}, func() string { return "nobody listens on " + addr })
}

// world is what an example has around it.
type world struct {
	*testing.T
	folder, dir string
	ran         map[string]bool
	apps        []*demo.App
}

// start runs a file of the example with literals replaced, given in pairs. What it would do in a
// minute or more it does within a second.
func (w *world) start(file, name string, pairs ...string) *agent {
	w.Helper()
	w.ran[file] = true
	text, err := os.ReadFile(filepath.Join(examplesDir, w.folder, file))
	if err != nil {
		w.Fatal(err)
	}
	if filepath.Ext(file) == ".yaml" {
		text = w.ofManifest(text)
	}
	config := replaceAll(string(text), append([]string{
		"agent {", fmt.Sprintf("agent {\n  name = %q", name), // all are one host here
		"127.0.0.1:9600", "ADMIN",
		"/var/lib/penstock", filepath.Join(w.dir, name),
		"/var/log/app", w.logs(),
	}, pairs...)...)
	config = regexp.MustCompile(`\b(age|after|recover)(\s*=\s*)"\d+[smh]"`).
		ReplaceAllString(config, `$1$2"1s"`)
	config = regexp.MustCompile(`\b(idle)(\s*=\s*)"\d+[smh]"`).
		ReplaceAllString(config, `$1$2"300ms"`)
	if left := regexp.MustCompile(`"(/var/|/etc/|kafka-\d|relay-\d:|tron:|0\.0\.0\.0).*`).
		FindString(config); left != "" {
		w.Fatalf("%s/%s: %s stands in the configuration still", w.folder, file, left)
	}
	ag := newAgent(w.T, name, config)
	ag.env = []string{
		"RELAY_SHARED_KEY=between relays",
		"TRON_SHARED_KEY=for tron",
		"VISITORS_KEY=of visitors",
		"AWS_ACCESS_KEY_ID=key",
		"AWS_SECRET_ACCESS_KEY=secret",
	}
	ag.start()
	runtest.Within(w.T, 20*time.Second, func() bool {
		log, _ := os.ReadFile(ag.logPath)
		return strings.Contains(string(log), `"msg":"running"`) || !ag.running()
	}, func() string { return name + " does not start" })
	if !ag.running() {
		w.Fatalf("%s ended: %s", name, lastLines(ag.logPath, 20))
	}
	return ag
}

func (w *world) logs() string { return filepath.Join(w.dir, "logs") }

// write appends n lines to each of two logs.
func (w *world) write(n int) {
	w.Helper()
	if w.apps == nil {
		if err := os.MkdirAll(w.logs(), 0o755); err != nil {
			w.Fatal(err)
		}
		for _, source := range []string{"web", "api"} {
			app := &demo.App{
				Source: source,
				Path:   filepath.Join(w.logs(), source+".log"),
				Rand:   rand.New(rand.NewPCG(1, 1)),
				Kinds:  []demo.Rotation{demo.Rename},
			}
			w.Cleanup(func() { _ = app.Close() })
			w.apps = append(w.apps, app)
		}
	}
	for _, app := range w.apps {
		if err := app.Write(n); err != nil {
			w.Fatal(err)
		}
	}
}

// rotate renames the logs and appends n lines to new ones.
func (w *world) rotate(n int) {
	w.Helper()
	for _, app := range w.apps {
		if _, err := app.Rotate(); err != nil {
			w.Fatal(err)
		}
	}
	w.write(n)
}

// complete waits until the ledger has every line, and checks that each is there once and in order.
func (w *world) complete(ledger *demo.Ledger) {
	w.Helper()
	if b := w.arrived(ledger); b.Duplicated != 0 {
		w.Errorf("%+v", b)
	}
}

// arrived waits until the ledger has every line, and checks that they are in order.
func (w *world) arrived(ledger *demo.Ledger) demo.Balance {
	w.Helper()
	written, total := map[string]int64{}, int64(0)
	for _, app := range w.apps {
		written[app.Source] = app.Written()
		total += app.Written()
	}
	runtest.Within(
		w.T,
		60*time.Second,
		func() bool { return ledger.Distinct() >= total },
		func() string {
			return fmt.Sprintf(
				"%d of %d lines arrived: %v", ledger.Distinct(), total, ledger.Check(written).Notes,
			)
		},
	)
	b := ledger.Check(written)
	if b.Lost != 0 || b.Disordered != 0 || ledger.Strange() != 0 {
		w.Errorf("%+v", b)
	}
	return b
}

func (w *world) broker() *demo.Broker {
	w.Helper()
	b, err := demo.StartBroker(lakePartitions, []string{topic})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(b.Close)
	return b
}

func (w *world) read(addr string) *demo.Ledger {
	ledger := demo.NewLedger()
	stop := background(
		w.Context(), func(ctx context.Context) error { return readInto(ctx, addr, ledger) },
	)
	w.Cleanup(func() { _ = stop() })
	return ledger
}

// s3 returns a server and the pairs that bring an output to it.
func (w *world) s3(bucket string) (*faultyS3, []string) {
	s := newFaultyS3(w.T, rand.New(rand.NewPCG(1, 1)), bucket)
	return s, []string{
		`"eu-central-1"`,
		fmt.Sprintf("\"us-east-1\"\n  endpoint = %q\n  path_style = true", s.URL),
	}
}

func exampleEdge(w *world) {
	b := w.broker()
	s3, store := w.s3("acme-overflow")
	ledger := w.read(b.Addr())
	w.write(500)
	w.start(
		"edge.hcl",
		"edge",
		append(
			store, "kafka-1:9092", b.Addr(), "kafka-2:9092", b.Addr(), `recover = "30s"`,
			"recover = \"30s\"\n    object_age = \"1s\"",
		)...)
	w.complete(ledger)
	w.rotate(500)
	w.complete(ledger)
	if err := b.Stop(); err != nil {
		w.Fatal(err)
	}
	w.rotate(500)
	runtest.Within(
		w.T, 30*time.Second, func() bool { return len(s3.keys(w.T, "acme-overflow")) > 0 },
		func() string { return "nothing overflows into S3" },
	)
	if err := b.Start(); err != nil {
		w.Fatal(err)
	}
	w.arrived(ledger) // what was sent and not answered when failover began may come twice
	runtest.Within(
		w.T, 30*time.Second, func() bool { return len(s3.keys(w.T, "acme-overflow")) == 0 },
		func() string { return "the overflow is not emptied" },
	)
}

func exampleEdgeParse(w *world) {
	b := w.broker()
	if err := os.MkdirAll(w.logs(), 0o755); err != nil {
		w.Fatal(err)
	}
	line := func(path string, status int) string {
		return fmt.Sprintf(
			`203.0.113.7 - bob [28/Nov/2026:10:00:00 +0100] "GET %s HTTP/1.1" %d 17 "-" "curl/8"`+"\n",
			path, status,
		)
	}
	text := line("/a", 200) + line("/healthz", 200) + line("/b", 503) + "no line of nginx\n" + line("/c", 404)
	if err := os.WriteFile(filepath.Join(w.logs(), "access.log"), []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
	ag := w.start("edge.hcl", "edge", "kafka-1:9092", b.Addr())
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(b.Addr()), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		w.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(w.Context(), 30*time.Second)
	defer cancel()
	var got []string
	for len(got) < 4 && ctx.Err() == nil {
		for r := range cl.PollFetches(ctx).RecordsAll() {
			got = append(got, fmt.Sprintf("%s %s", r.Timestamp.UTC().Format(time.RFC3339), r.Value))
			for _, h := range r.Headers {
				if h.Key == "parse_error" {
					got[len(got)-1] = fmt.Sprintf("%s: %s", h.Value, r.Value)
				}
			}
		}
	}
	request := func(path string, status int, class string) string {
		return fmt.Sprintf(
			`2026-11-28T09:00:00Z {"remote_addr":"d4365e4973f0ae77","user":"bob","time":"28/Nov/2026:10:00:00 +0100","method":"GET","path":%q,"protocol":"HTTP/1.1","status":%d,"bytes":17,"user_agent":"curl/8","class":%q}`,
			path, status, class,
		)
	}
	want := []string{
		request("/a", 200, "2xx"),
		request("/b", 503, "5xx"),
		"not_combined: no line of nginx",
		request("/c", 404, "4xx"),
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			w.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			break
		}
	}
	failed := filepath.Join(w.dir, "edge", "failed.log")
	runtest.Within(w.T, 20*time.Second, func() bool {
		out, _ := os.ReadFile(failed)
		return strings.Count(string(out), "\n") == 1 && strings.Contains(string(out), `"path":"/b"`)
	}, func() string { return "failed.log is not what it should be" })
	n, err := ag.metric("http_requests_total", `class="5xx"`, `log="access.kafka.events"`)
	if err != nil || n != 1 {
		w.Errorf("%v requests failed, by the metric: %v", n, err)
	}
}

func exampleEdgeTwoPipelines(w *world) {
	b := w.broker()
	ledger := w.read(b.Addr())
	if err := os.MkdirAll(w.logs(), 0o755); err != nil {
		w.Fatal(err)
	}
	text := ""
	for i := range 40 {
		kind := map[bool]string{false: "request", true: "login"}[i%10 == 0]
		text += fmt.Sprintf(`{"source":"app","seq":%d,"kind":%q}`+"\n", i, kind)
	}
	if err := os.WriteFile(filepath.Join(w.logs(), "app.log"), []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
	w.start("edge.hcl", "edge", "kafka-1:9092", b.Addr())
	logins := filepath.Join(w.dir, "edge", "logins.log")
	count := func() (all, login int) {
		out, _ := os.ReadFile(logins)
		return strings.Count(string(out), "\n"), strings.Count(string(out), `"kind":"login"`)
	}
	runtest.Within(w.T, 30*time.Second, func() bool {
		all, login := count()
		return ledger.Distinct() == 40 && all == 4 && login == 4
	}, func() string {
		all, login := count()
		return fmt.Sprintf("%d of 40 lines, %d logins of %d of 4", ledger.Distinct(), login, all)
	})
}

func exampleEdgeToForwarder(w *world) {
	b := w.broker()
	ledger := w.read(b.Addr())
	ca := certtest.New(w.T)
	var relays []*agent
	pairs := []string{"/etc/penstock/ca.pem", ca.File}
	for i := range 3 {
		name, addr := fmt.Sprintf("relay-%d", i+1), servers.FreeAddr(w.T)
		cert, key := ca.Issue(name)
		relays = append(
			relays,
			w.start(
				"forwarder.hcl", name, "0.0.0.0:24224", addr, "/etc/penstock/relay.pem", cert,
				"/etc/penstock/relay-key.pem", key, "kafka-1:9092", b.Addr(),
			),
		)
		pairs = append(pairs, name+":24224", addr)
	}
	w.write(500)
	w.start("edge.hcl", "edge", pairs...)
	w.complete(ledger)
	received := func(relay *agent) float64 {
		n, err := relay.metric("penstock_input_records_total")
		if err != nil {
			w.Fatal(err)
		}
		return n
	}
	if n := received(relays[2]); n != 0 {
		w.Errorf("the relay that stands by has received %.0f records", n)
	}
	relays[0].kill()
	w.rotate(500)
	w.arrived(ledger) // what the dead relay had and did not acknowledge may come twice
}

func exampleEdgeToLake(w *world) {
	s3, store := w.s3("acme-lake")
	w.write(500)
	w.start("edge.hcl", "edge", store...)
	key := regexp.MustCompile(`^app/dt=\d{4}-\d\d-\d\d/hr=\d\d/.+\.ndjson\.gz$`)
	total := func() (n int64) {
		for _, app := range w.apps {
			n += app.Written()
		}
		return n
	}
	var ledger *demo.Ledger
	for range 2 {
		runtest.Within(w.T, 60*time.Second, func() bool {
			ledger = demo.NewLedger()
			for k, data := range s3.contents(w.T, "acme-lake") {
				if !key.MatchString(k) {
					w.Fatalf("a strange object: %s", k)
				}
				lines, err := objectLines(k, data)
				if err != nil {
					w.Fatal(err)
				}
				for _, line := range lines {
					ledger.See(line)
				}
			}
			return ledger.Distinct() >= total()
		}, func() string { return fmt.Sprintf("%d of %d lines archived", ledger.Distinct(), total()) })
		w.rotate(300)
	}
	if b := ledger.Check(
		map[string]int64{"web": 800, "api": 800},
	); b.Lost != 0 ||
		b.Duplicated != 0 {
		w.Errorf("%+v", b)
	}
}

func exampleDropIn(w *world) {
	listen, behind := servers.FreeAddr(w.T), servers.FreeAddr(w.T)
	fluentd := forwardPeer(w.T, behind, nil)
	w.write(300)
	w.start("penstock.hcl", "penstock", "127.0.0.1:24224", listen, "tron:24224", behind)
	w.listening(listen)
	logger := loggerClient(w.T, listen, "logger", false)
	for seq := range int64(100) {
		if err := logger.send(w.Context(), seq, 1); err != nil {
			w.Fatal(err)
		}
	}
	tags := map[string]int{}
	rotated := false
	runtest.Within(w.T, 60*time.Second, func() bool {
		clear(tags)
		for _, b := range fluentd.Batches() {
			tags[b.Tag] += b.Len()
		}
		if tags["app.web"]+tags["app.api"] == 600 && !rotated {
			rotated = true
			w.rotate(300)
		}
		return tags["app.web"] >= 600 && tags["app.api"] >= 600 && tags["app.logger"] >= 100
	}, func() string { return fmt.Sprint(tags) })
	if len(tags) != 3 || tags["app.web"] != 600 || tags["app.api"] != 600 ||
		tags["app.logger"] != 100 {
		w.Errorf("records by tag: %v", tags)
	}
}

func exampleTron(w *world) {
	ca := certtest.New(w.T)
	certFile, keyFile := ca.Issue("kafka")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		w.Fatal(err)
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}),
	)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(cluster.Close)
	listen := servers.FreeAddr(w.T)
	w.start(
		"forwarder.hcl", "tron", "0.0.0.0:24224", listen, "/etc/penstock/kafka-ca.pem", ca.File,
		"kafka-1:9093", cluster.ListenAddrs()[0],
	)

	w.listening(listen)
	client := forwardWriter(
		w.T, listen, func(c *forward.Config) { c.SharedKey, c.Peer = "for tron", "fluentd" },
	)
	var b record.Builder
	b.Reset("shop.web", "", 0)
	for i := range 200 {
		b.Append(time.Now().UnixNano(), nil, fmt.Appendf(nil, `{"seq":%d}`, i), nil)
	}
	if err := client.Write(w.Context(), b.Build()); err != nil {
		w.Fatal(err)
	}
	stranger := forwardWriter(
		w.T, listen,
		func(c *forward.Config) { c.SharedKey, c.Peer = "guessed", "fluentd"; c.AckTimeout = time.Second },
	)
	ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
	defer cancel()
	b.Reset("shop.web", "", 0)
	b.Append(1, nil, []byte(`{"seq":-1}`), nil)
	if err := stranger.Write(ctx, b.Build()); err == nil {
		w.Error("a client with another key was let in")
	}

	tlsCfg, err := tlsconf.NewClient(
		tlsconf.Client{CAFile: ca.File, MinVersion: "1.2"}, slog.New(slog.DiscardHandler),
	)
	if err != nil {
		w.Fatal(err)
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(cluster.ListenAddrs()...),
		kgo.DialTLSConfig(tlsconf.ForServer(tlsCfg, "127.0.0.1")),
		kgo.ConsumeTopics("logs-shop.web"),
	)
	if err != nil {
		w.Fatal(err)
	}
	defer cl.Close()
	seen := map[string]int{}
	runtest.Within(w.T, 30*time.Second, func() bool {
		ctx, cancel := context.WithTimeout(w.Context(), 200*time.Millisecond)
		defer cancel()
		for r := range cl.PollFetches(ctx).RecordsAll() {
			seen[strings.TrimSpace(string(r.Value))]++
		}
		return len(seen) >= 200
	}, func() string { return fmt.Sprintf("%d of 200 records arrived", len(seen)) })
	if len(seen) != 200 || seen[`{"seq":0}`] != 1 || seen[`{"seq":-1}`] != 0 {
		w.Errorf("%d records, such as %v", len(seen), seen)
	}
}
