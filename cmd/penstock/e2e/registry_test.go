package e2e

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/twmb/franz-go/pkg/kgo"
)

// framed is a value as somebody else's serializer wrote it.
type framed struct {
	kind, frame string
	value       []byte
	headers     []record.Header
}

// orderJSON is what is in each of the Avro values, and eventPart in those of Protobuf.
const (
	orderJSON = `{"id":"f81d4fae-7dec-11d0-a765-00a0c91e6bf6","at":"2026-01-02T03:04:05.678901Z",` +
		`"day":"2026-01-02","price":"-123.45","to":{"city":"Bern"},"tags":{"k":7}}`
	eventPart = `{"s":"a\"ü\n","i64":-9223372036854775808,"u64":18446744073709551615,"raw":"AP8=",` +
		`"level":"WARN","counts":{"k":1},"parts":{"-4":{"name":"p"}},"flags":{"true":"ERR"},` +
		`"number":9,"at":"2026-01-02T03:04:05.678Z","took":"-1.5s","wrapped":0,` +
		`"doc":{"a":1.5,"b":null,"c":["x",true],"d":{"e":"f"}},` +
		`"any":{"@type":"type.googleapis.com/acme.Other","x":"o"},` +
		`"point":{"x":1,"extra":{"z":"g"},"p":[1,2]},"strange":77}`
)

// events is where a message of Protobuf and its descriptors are.
const events = "../../../spool/format/decode/testdata"

// serialized runs a program that registers schemas and prints values.
func serialized(t *testing.T, name string, args ...string) (out []framed) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, said.Bytes())
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		f := framed{kind: fields[0], frame: fields[1], value: unhex(fields[2])}
		for _, h := range fields[3:] {
			key, value, _ := strings.Cut(h, "=")
			f.headers = append(f.headers, record.Header{Key: key, Value: unhex(value)})
		}
		out = append(out, f)
	}
	return out
}

// check decodes the value with schemas from a registry's API.
func (f *framed) check(t *testing.T, url string) {
	t.Helper()
	c := decode.Default()
	c.Type, c.Frame = f.kind, f.frame
	if f.kind != "json" {
		c.Registry = &decode.Registry{}
		c.Registry.SetDefaults()
		c.Registry.URLs = []string{url}
	}
	d, err := decode.New(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.AppendJSON(nil, f.value, f.headers)
	if err != nil {
		t.Errorf("%s %s of %s: %v", f.kind, f.frame, url, err)
		return
	}
	want := map[string]string{"avro": orderJSON, "protobuf": eventPart, "json": `{"n":1,"s":"x"}`}
	var g, w map[string]any
	if err := errors.Join(
		json.Unmarshal(got, &g), json.Unmarshal([]byte(want[f.kind]), &w),
	); err != nil {
		t.Fatal(err)
	}
	for name, v := range w {
		if !reflect.DeepEqual(g[name], v) {
			t.Errorf("%s %s of %s: %s is %v, want %v", f.kind, f.frame, url, name, g[name], v)
		}
	}
}

// lacks asks an API, which answers, for schemas that there are not.
func lacks(t *testing.T, url, frame string) {
	t.Helper()
	c := decode.Default()
	c.Frame, c.Registry = frame, &decode.Registry{}
	c.Registry.SetDefaults()
	c.Registry.URLs = []string{url}
	var report preflight.Report
	c.Registry.Preflight(t.Context(), frame, &report)
	for _, f := range report.Findings() {
		if f.Level != preflight.OK {
			t.Errorf("%+v", f)
		}
	}
	for _, c.Type = range []string{"avro", "protobuf"} {
		d, err := decode.New(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{"\x00\x00\x0f\x00\x00\x00\x00\x00\x00", "\x00\xff\xff\xff\xff\xff\xff\xff\xff"} {
			_, err := d.AppendJSON(nil, []byte(value), nil)
			if err == nil || errors.Is(err, decode.ErrUnavailable) {
				t.Errorf("%s of %s, %q: %v; want an error that is for good", c.Type, url, value, err)
			}
		}
	}
}

// TestRegistriesOfOthers decodes what the serializers of Apicurio and of Confluent write, in each
// of their frames and with references, by the schemas that they have registered with real servers.
func TestRegistriesOfOthers(t *testing.T) {
	home := needs(t, "PENSTOCK_REGISTRY", "Apicurio Registry")
	python := os.Getenv("PENSTOCK_PYTHON")
	var began sync.WaitGroup
	registries := map[string]*servers.Registry{}
	var mu sync.Mutex
	for _, version := range []string{"2", "3"} {
		began.Go(func() {
			r, err := servers.NewRegistry(t.TempDir(), version)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			registries[version] = r
			t.Cleanup(r.Close)
		})
	}
	if began.Wait(); t.Failed() {
		return
	}
	classes := filepath.Join(home, "serdes", "*") + string(filepath.ListSeparator) +
		"testdata/registry"
	var newer []framed
	for version, r := range registries {
		values := serialized(t, "java", "-XX:TieredStopAtLevel=1", "-cp", classes,
			"testdata/registry/Frames.java", r.URL("registry/v2"), events)
		if len(values) != 12 {
			t.Fatalf("Apicurio's serializers write %d values", len(values))
		}
		for _, f := range values {
			f.check(t, r.URL("registry/v2"))
			if version == "3" {
				f.check(t, r.URL("registry/v3"))
			}
		}
		lacks(t, r.URL("registry/v2"), "apicurio")
		lacks(t, r.URL("registry/v"+version), "apicurio_global")
		lacks(t, r.URL("ccompat/v7"), "confluent")
		if version == "3" {
			newer = values
		}
		if python == "" {
			continue
		}
		of := serialized(t, python, interop("registry_frames.py"), r.URL("ccompat/v7"), events)
		if len(of) != 3 {
			t.Fatalf("Confluent's serializers write %d values", len(of))
		}
		for _, f := range of {
			f.check(t, r.URL("ccompat/v7"))
			if f.kind == "avro" { // the id is that of the content: here, of a schema that refers to another
				f.frame = "apicurio"
				f.check(t, r.URL("registry/v"+version))
			}
		}
	}
	if python != "" {
		parquetOfRegistry(t, python, registries["3"], newer)
	}
}

// registryLake archives a topic by the schemas of its values.
const registryLake = `
input "kafka" "TOPIC" {
  brokers = ["BROKER"]
  topics  = ["TOPIC"]
  group   = "lake-TOPIC"
}

output "local" "TOPIC" {
  directory = "DIR/lake"
  path      = "${topic}"
  decode "TOPIC" {
    frame = "FRAME"
    registry { urls = ["REGISTRY"] }
  }
  format "parquet" { schema = "registry" }
  roll { age = "300ms" }
}

pipeline "TOPIC" {
  from = [input.kafka.TOPIC]
  to   = [output.local.TOPIC]
}
`

// parquetOfRegistry has an agent write values of two topics to Parquet, with the registry's
// schemas, and somebody else read it.
func parquetOfRegistry(t *testing.T, python string, r *servers.Registry, values []framed) {
	t.Helper()
	broker, err := demo.StartBroker(1, []string{"avro", "protobuf"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	dir := t.TempDir()
	config := "agent {\n  data_dir = \"DIR/data\"\n  admin { listen = \"ADMIN\" }\n}\n"
	for topic, frame := range map[string]string{"avro": "apicurio", "protobuf": "apicurio_headers"} {
		config += replaceAll(registryLake, "TOPIC", topic, "FRAME", frame)
		for _, f := range values {
			if f.kind != topic || f.frame != frame {
				continue
			}
			record := &kgo.Record{Topic: topic, Value: f.value}
			for _, h := range f.headers {
				record.Headers = append(record.Headers, kgo.RecordHeader(h))
			}
			if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := newAgent(t, "lake", replaceAll(
		config, "DIR", dir, "BROKER", broker.Addr(), "REGISTRY", r.URL("registry/v3"),
	))
	a.start()
	files := func(topic string) []string {
		found, _ := filepath.Glob(filepath.Join(dir, "lake", topic, "*.parquet"))
		return found
	}
	runtest.Until(t, "both topics are archived", func() bool {
		return len(files("avro")) > 0 && len(files("protobuf")) > 0
	})
	const read = `import sys, pyarrow.parquet as p
r = p.read_table(sys.argv[1]).to_pylist()[0]
print(*(r[n] for n in sys.argv[2:]), sep="\n")`
	for topic, want := range map[string]map[string]string{
		"avro": {
			"at":    "2026-01-02 03:04:05.678901+00:00",
			"day":   "2026-01-02",
			"price": "-123.45",
			"to":    "{'city': 'Bern'}",
		},
		"protobuf": {"i64": "-9223372036854775808", "u64": "18446744073709551615", "level": "WARN"},
	} {
		names := slices.Sorted(maps.Keys(want))
		args := append([]string{"-c", read, files(topic)[0]}, names...)
		out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			if i >= len(names) || line != want[names[i]] {
				t.Errorf("%s: %v is\n%s", topic, names, out)
				break
			}
		}
	}
}
