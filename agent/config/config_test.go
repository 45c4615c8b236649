package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/template"
)

type tailConfig struct {
	Paths    []string      `hcl:"paths" doc:"Globs."`
	Exclude  []string      `hcl:"exclude,optional" doc:"Globs."`
	Max      int64         `hcl:"max_line_size,optional" unit:"bytes" doc:"Size."`
	Interval time.Duration `hcl:"interval,optional" doc:"Time."`
	Start    string        `hcl:"start_at,optional" oneof:"beginning|end" doc:"Where."`
}

func (c *tailConfig) Validate() error {
	var errs []error
	for i, p := range c.Paths {
		if !filepath.IsAbs(p) {
			errs = append(errs, fmt.Errorf("paths[%d]: %q must be absolute", i, p))
		}
	}
	if c.Max < 1024 {
		errs = append(errs, errors.New("max_line_size: must be at least 1KiB"))
	}
	return errors.Join(errs...)
}

type tlsConfig struct {
	CA  string `hcl:"ca_file,optional" doc:"File."`
	Min string `hcl:"min_version,optional" oneof:"1.2|1.3" doc:"Version."`
}

func (c *tlsConfig) SetDefaults() { c.Min = "1.2" }

type saslConfig struct {
	Mechanism string `hcl:"mechanism,label" oneof:"plain|scram" doc:"Mechanism."`
	User      string `hcl:"user" doc:"User."`
	Password  string `hcl:"password" secret:"true" doc:"Password."`
}

type server struct {
	Host   string `hcl:"host" doc:"Host."`
	Weight int    `hcl:"weight,optional" doc:"Weight."`
}

func (s *server) SetDefaults() { s.Weight = 60 }

type kafkaConfig struct {
	Brokers []string          `hcl:"brokers" doc:"Brokers."`
	Topic   template.Template `hcl:"topic,optional" doc:"Topic."`
	Ratio   float64           `hcl:"ratio,optional" doc:"Ratio."`
	Flag    bool              `hcl:"flag,optional" doc:"Flag."`
	Count   int               `hcl:"count,optional" doc:"Count."`
	Limit   *int              `hcl:"limit,optional" doc:"Limit."`
	Headers map[string]string `hcl:"headers,optional" doc:"Headers."`
	Roll    struct {
		Size int64         `hcl:"size,optional" unit:"bytes" doc:"Size."`
		Age  time.Duration `hcl:"age,optional" doc:"Age."`
	} `hcl:"roll,block" doc:"Roll."`
	TLS     *tlsConfig  `hcl:"tls,block" doc:"TLS."`
	SASL    *saslConfig `hcl:"sasl,block" doc:"SASL."`
	Servers []server    `hcl:"server,block" doc:"Servers."`
}

func (c *kafkaConfig) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("brokers: must name at least one"))
	}
	if c.Roll.Size < 1<<10 {
		errs = append(errs, fmt.Errorf("roll.size: %d is too small", c.Roll.Size))
	}
	if c.SASL != nil {
		errs = append(errs, fmt.Errorf("sasl: password %q is weak", c.SASL.Password))
	}
	return errors.Join(errs...)
}

type commonConfig struct {
	Failover *struct {
		To string `hcl:"to" ref:"output" doc:"Target."`
	} `hcl:"failover,block" doc:"Failover."`
}

type emptyConfig struct{}

type bufferConfig struct {
	MaxSize int64  `hcl:"max_size,optional" unit:"bytes" doc:"Size."`
	Policy  string `hcl:"policy,optional" oneof:"block|overflow|drop_oldest" doc:"Policy."`
}

func (b *bufferConfig) Validate() error {
	if b.MaxSize < 1<<20 {
		return errors.New("max_size: must be at least 1MiB")
	}
	return nil
}

// dropConfig warns of what its common struct lacks.
type dropConfig struct{}

type ifConfig struct {
	If string `hcl:"if,optional" doc:"Condition."`
}

func (c *dropConfig) WarningsWith(common any) error {
	if common.(*ifConfig).If == "" {
		return errors.New("it discards every record")
	}
	return nil
}

func testCatalogue() *Catalogue {
	common := func() any { return &commonConfig{} }
	return &Catalogue{
		Components: []Component{
			{
				Kind:    Input,
				Type:    "tail",
				Doc:     "Files.",
				Default: func() any { return &tailConfig{Max: 1 << 20, Interval: time.Second} },
			},
			{
				Kind:    Input,
				Type:    "kafka",
				Doc:     "Topics.",
				Default: func() any { return &emptyConfig{} },
				Source:  true,
			},
			{Kind: Output, Type: "kafka", Doc: "Kafka.", Common: common, Default: func() any {
				c := &kafkaConfig{Topic: template.MustParse("${tag}"), Headers: map[string]string{}}
				c.Roll.Size, c.Roll.Age = 128<<20, time.Hour
				return c
			}},
			{Kind: Output, Type: "s3", Doc: "S3.", Default: func() any { return &emptyConfig{} }},
			{
				Kind:    Filter,
				Type:    "grep",
				Doc:     "Grep.",
				Default: func() any { return &emptyConfig{} },
			},
			{
				Kind: Filter, Type: "drop", Doc: "Drop.", Default: func() any { return &dropConfig{} },
				Common: func() any { return &ifConfig{} },
			},
		},
		Buffer: func() any { return &bufferConfig{MaxSize: 1 << 30, Policy: "block"} },
	}
}

func loadText(t *testing.T, text string, opts Options) (*Config, *Report) {
	t.Helper()
	t.Chdir(t.TempDir())
	text = strings.ReplaceAll(text, "DATA", filepath.Join(t.TempDir(), "data"))
	if err := os.WriteFile("penstock.hcl", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if opts.Env == nil {
		opts.Env = func(string) (string, bool) { return "", false }
	}
	return Load([]string{"penstock.hcl"}, testCatalogue(), opts)
}

const good = `
agent {
  data_dir         = "DATA"
  name             = "edge-${lower("A")}"
  memory_limit     = "256MiB"
  shutdown_timeout = "1m30s"
  log { level = "debug" }
}
variable "brokers" { default = ["a:1"] }
variable "size" {
  default = 5
  description = "A number."
}
locals {
  both = concat(var.brokers, [local.last])
  last = env("LAST", "z:9")
}
input "tail" "app" {
  paths    = ["/var/log/*.log", "/srv/${var.size}.log"]
  interval = "2d12h"
  start_at = "end"
}
output "kafka" "events" {
  brokers = local.both
  topic   = "logs-${tag}-${var.size}-${header["x"]}"
  ratio   = 0.25
  count   = "7"
  limit   = 3
  headers = { a = "b", "c" = 5 }
  roll { size = "1.5KiB" }
  tls {}
  server { host = "one" }
  server {
    host   = "two"
    weight = 1
  }
  failover { to = output.s3.overflow }
}
output "s3" "overflow" {}
filter "grep" "noise" {}
pipeline "app" {
  from   = [input.tail.app]
  filter = [filter.grep.noise]
  buffer { max_size = 2097152 }
  route {
    match = ["app.{a,b}.**"]
    to    = [output.kafka.events]
  }
  otherwise = [output.s3.overflow]
}
`

func TestEveryKindOfAttributeIsRead(t *testing.T) {
	cfg, report := loadText(t, good, Options{Env: func(name string) (string, bool) {
		return map[string]string{"LAST": "y:8", "PENSTOCK_VAR_size": "12"}[name], name != "PENSTOCK_VAR_brokers"
	}})
	if cfg == nil || report.Errors()+report.Warnings() > 0 {
		t.Fatalf("%v", report)
	}
	a := cfg.Agent
	if a.Name != "edge-a" || a.MemoryLimit != 256<<20 || a.ShutdownTimeout != 90*time.Second ||
		a.Log.Level != "debug" ||
		a.Log.Format != "auto" ||
		a.Admin.Listen != "127.0.0.1:9600" {
		t.Errorf("agent %+v", a)
	}
	tail := cfg.Find("input.tail.app").Config.(*tailConfig)
	if !slices.Equal(tail.Paths, []string{"/var/log/*.log", "/srv/12.log"}) ||
		tail.Interval != 60*time.Hour ||
		tail.Start != "end" ||
		tail.Max != 1<<20 {
		t.Errorf("tail %+v", tail)
	}
	inst := cfg.Find("output.kafka.events")
	k := inst.Config.(*kafkaConfig)
	if !slices.Equal(k.Brokers, []string{"a:1", "y:8"}) || k.Ratio != 0.25 || k.Count != 7 || k.Limit == nil || *k.Limit != 3 ||
		k.Headers["c"] != "5" || k.Roll.Size != 1536 || k.Roll.Age != time.Hour ||
		k.TLS == nil ||
		k.TLS.Min != "1.2" ||
		k.SASL != nil {
		t.Errorf("kafka %+v", k)
	}
	if got := k.Topic.String(); got != `logs-${tag}-12-${header["x"]}` {
		t.Errorf("topic %s", got)
	}
	if len(k.Servers) != 2 || k.Servers[0] != (server{"one", 60}) ||
		k.Servers[1] != (server{"two", 1}) {
		t.Errorf("servers %+v", k.Servers)
	}
	if to := inst.Common.(*commonConfig).Failover.To; to != "output.s3.overflow" ||
		len(inst.Refs) != 1 {
		t.Errorf("failover to %q, refs %v", to, inst.Refs)
	}
	p := cfg.Pipelines[0]
	if p.Buffer.(*bufferConfig).MaxSize != 2<<20 || p.Buffer.(*bufferConfig).Policy != "block" ||
		p.Source ||
		!slices.Equal(p.Outputs(), []string{"output.kafka.events", "output.s3.overflow"}) ||
		!slices.Equal(p.Filter, []string{"filter.grep.noise"}) {
		t.Errorf("pipeline %+v", p)
	}
}

// Every mistake stands in testdata/mistakes.txt with the text that people get to see.
func TestMistakesAreReportedAsPeopleSeeThem(t *testing.T) {
	golden := filepath.Join("testdata", "mistakes.txt")
	raw, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	golden, err = filepath.Abs(golden)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, section := range strings.Split(string(raw), "=== ")[1:] {
		title, rest, _ := strings.Cut(section, "\n")
		text, want, _ := strings.Cut(rest, "--- \n")
		want = strings.TrimRight(want, "\n")
		t.Run(title, func(t *testing.T) {
			cfg, report := loadText(t, text, Options{Env: func(name string) (string, bool) {
				v, ok := map[string]string{"SECRET": "hunter2hunter2", "PIN": "42"}[name]
				return v, ok
			}})
			if (cfg == nil) != (report.Errors() > 0) {
				t.Errorf("config %v with %d errors", cfg, report.Errors())
			}
			got := strings.TrimRight(report.Error(), "\n")
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret is printed:\n%s", got)
			}
			if strings.Contains(
				strings.Join(append(report.Lines(true), report.Lines(false)...), "\n"), "hunter2",
			) {
				t.Error("a secret is printed in a log line")
			}
			if got != want && !runtest.Update() {
				t.Errorf("got\n%s\n\nwant\n%s", got, want)
			}
			fmt.Fprintf(&out, "=== %s\n%s--- \n%s\n\n", title, text, got)
		})
	}
	if runtest.Update() {
		if err := os.WriteFile(golden, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDirectoryIsOneConfiguration(t *testing.T) {
	dir := t.TempDir()
	i := strings.Index(good, "output \"kafka\"")
	for name, text := range map[string]string{"10-a.hcl": good[:i], "20-b.hcl": good[i:], "README": "not HCL {{{"} {
		text = strings.ReplaceAll(text, "DATA", filepath.Join(dir, "data"))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, report := Load(
		[]string{dir},
		testCatalogue(),
		Options{
			Vars: map[string]string{"brokers": `["v:1"]`},
			Env:  func(string) (string, bool) { return "", false },
		},
	)
	if cfg == nil {
		t.Fatal(report)
	}
	if got := cfg.Find("output.kafka.events").Config.(*kafkaConfig).Brokers; !slices.Equal(
		got, []string{"v:1", "z:9"},
	) {
		t.Errorf("brokers %v", got)
	}
	if _, report := Load(
		[]string{filepath.Join(dir, "missing")}, testCatalogue(), Options{},
	); report.Errors() == 0 {
		t.Error("a missing file is no error")
	}
}

func TestFileFunctionIsRelativeToTheConfigFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(
		filepath.Join(dir, "brokers"), []byte("hidden-broker:1\n"), 0o600,
	); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(good, "DATA", filepath.Join(dir, "data"))
	text = strings.ReplaceAll(text, "= local.both", `= [file("brokers")]`)
	if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, report := Load([]string{filepath.Join(dir, "a.hcl")}, testCatalogue(), Options{})
	if cfg == nil {
		t.Fatal(report)
	}
	if got := cfg.Find("output.kafka.events").Config.(*kafkaConfig).Brokers; !slices.Equal(
		got, []string{"hidden-broker:1"},
	) {
		t.Errorf("brokers %q", got)
	}
	text = strings.ReplaceAll(text, `[file("brokers")]`, `[file("brokers")]
  flag = file("brokers")`)
	if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, report := Load([]string{dir}, testCatalogue(), Options{}); report.Errors() == 0 ||
		strings.Contains(report.Error(), "hidden-broker") {
		t.Errorf("the file's content is printed, or no mistake found: %v", report)
	}
}

func TestFingerprintIgnoresPlaces(t *testing.T) {
	one, r := loadText(t, good, Options{})
	if one == nil {
		t.Fatal(r)
	}
	two, _ := loadText(t, "\n\n# moved\n"+good, Options{})
	other, _ := loadText(t, strings.Replace(good, "logs-", "log-", 1), Options{})
	fp := func(c *Config) string {
		i := c.Find("output.kafka.events")
		return Fingerprint(i.Config, i.Common)
	}
	if fp(one) != fp(two) {
		t.Error("moving a block changes its fingerprint")
	}
	if fp(one) == fp(other) {
		t.Error("another topic has the same fingerprint")
	}
}

func TestTagPatternsMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, yes, no string
	}{
		{"app.*", "app.web app.", "app app.web.x xapp.web"},
		{"app.**", "app app.web app.web.x", "apple x.app"},
		{"**", "a a.b.c", ""},
		{"**.err", "err a.err a.b.err", "a.error berr"},
		{"{a,b}.x", "a.x b.x", "c.x a,b.x"},
		{"{a,b.*}", "a b.c", "b"},
		{"a.+(", "a.+(", "a.b"},
		{"a*.b", "abc.b a.b", "a.c.b"},
	} {
		tags, err := CompileTags([]string{"never", c.pattern})
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range strings.Fields(c.yes) {
			if !tags.Match(tag) {
				t.Errorf("%s does not match %s", c.pattern, tag)
			}
		}
		for _, tag := range strings.Fields(c.no) {
			if tags.Match(tag) {
				t.Errorf("%s matches %s", c.pattern, tag)
			}
		}
	}
	for _, bad := range []string{"", "{a", "a}"} {
		if _, err := CompileTags([]string{bad}); err == nil {
			t.Errorf("%q compiles", bad)
		}
	}
}

func TestSizesAndDurationsAreParsed(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "128MiB": 128 << 20, "1.5 kb": 1500, "2G": 2 << 30, "10B": 10, "7": 7} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "MiB", "-1", "-1MiB", "1.5", "12XB", "9e30", "NaN", "infMiB"} {
		if n, err := ParseSize(bad); err == nil && bad != "1.5" {
			t.Errorf("ParseSize(%q) = %d", bad, n)
		}
	}
	for text, want := range map[string]time.Duration{"1d": 24 * time.Hour, "1d2h": 26 * time.Hour, "90s": 90 * time.Second, "-1s": -time.Second} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "5", "1y", "d", "1dd", "1d5"} {
		if d, err := ParseDuration(bad); err == nil {
			t.Errorf("ParseDuration(%q) = %v", bad, d)
		}
	}
	for n, want := range map[int64]string{0: "0", 1536: "1.5KiB", 128 << 20: "128MiB", 3 << 30: "3GiB", 1000: "1000", 1_000_000: "1MB"} {
		if got := FormatSize(n); got != want {
			t.Errorf("FormatSize(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestReferenceNamesTypesAndDefaults(t *testing.T) {
	var b strings.Builder
	if err := testCatalogue().WriteReference(&b, "output.kafka", 100); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"brokers  (list of strings; required)\n    Brokers.\n",
		"topic  (template; default \"${tag}\")\n",
		"    size  (size; default \"128MiB\")\n",
		"    min_version  (\"1.2\" or \"1.3\"; default \"1.2\")\n",
		"sasl \"plain\"|\"scram\" { }  (optional)\n",
		"    password  (string; required; secret)\n",
		"server { }  (any number)\n",
		"failover { }  (optional)\n",
		"    to  (reference to an output; required)\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q in\n%s", want, b.String())
		}
	}
	if err := testCatalogue().WriteReference(&b, "output.kafak", 100); err == nil ||
		!strings.Contains(err.Error(), `"output.kafka"`) {
		t.Errorf("%v", err)
	}
	if missing := testCatalogue().MissingDocs(); missing != nil {
		t.Errorf("no docs: %v", missing)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(good)
	f.Add(`output "kafka" "x" { brokers = [var.a, local.b`)
	f.Add("pipeline \"a\" {\n from = [input[0].x.y]\n to = output.kafka.x\n}")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(dir, "fuzz.hcl")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, report := Load([]string{file}, testCatalogue(), Options{})
		if cfg == nil && report.Errors() == 0 {
			t.Error("no config and no error")
		}
		_ = report.Error()
	})
}

func TestMemoryPreset(t *testing.T) {
	const read = "output \"kafka\" \"x\" {\n  brokers = [\"a:1\"]\n  topic = \"t\"\n}\ninput %s \"in\" {\n%s}\npipeline \"p\" {\n  from = [input.%s.in]\n  to = [output.kafka.x]\n}\n"
	source := fmt.Sprintf(read, `"kafka"`, "", "kafka")
	buffered := fmt.Sprintf(read, `"tail"`, "  paths = [\"/var/log/x\"]\n", "tail")
	for text, want := range map[string]int64{
		source: 240 << 20, buffered: 128 << 20, "agent { memory_limit = \"128MiB\" }\n" + source: 128 << 20, "agent { memory_limit = 0 }\n" + source: 0,
	} {
		cfg, report := loadText(t, text, Options{})
		if cfg == nil {
			t.Fatalf("%v", report)
		}
		if got := cfg.Agent.MemoryLimit; got != want {
			t.Errorf("%d with\n%s\nwant %d", got, text, want)
		}
	}
}
