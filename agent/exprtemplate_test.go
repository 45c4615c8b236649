package agent

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/kafka"
	"github.com/tinylib/msgp/msgp"
)

// destinations returns where the output of a configuration puts a record.
func destinations(t *testing.T, text, name string) func(*record.Batch, *record.Record) string {
	t.Helper()
	cfg, report := loadReal(t, text)
	if cfg == nil {
		t.Fatal(report)
	}
	where, err := cfg.Find(name).Config.(destinationBinder).BindDestination("edge-1", 0)
	if err != nil {
		t.Fatal(err)
	}
	return func(b *record.Batch, r *record.Record) string {
		pairs, err := where(b, r)
		if err != nil {
			return "dead letter: " + err.Error()
		}
		var out []string
		for _, p := range pairs {
			out = append(out, p[0]+"="+p[1])
		}
		return strings.Join(out, " ")
	}
}

func TestExpressionsInTopicAndKey(t *testing.T) {
	t.Parallel()
	where := destinations(t, `
output "kafka" "k" {
  brokers = ["127.0.0.1:9092"]
  topic   = "logs-${expr("field.level in ['error', 'fatal'] ? 'alerts' : lower(field.team)")}"
  key     = expr("field.user.id + '@' + tag[0]")
}`, "output.kafka.k")
	for value, want := range map[string]string{
		`{"level":"error","user":{"id":"u1"}}`:               "topic=logs-alerts key=u1@app",
		`{"level":"info","team":"Shop","user":{"id":"u 2"}}`: "topic=logs-shop key=u 2@app",
	} {
		r := record.Record{Value: []byte(value)}
		if got := where(&record.Batch{Tag: "app.web"}, &r); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
	got := where(&record.Batch{Tag: "app.web"}, &record.Record{Value: []byte("text")})
	if !strings.HasPrefix(got, "dead letter: ") || !strings.Contains(got, "expr(") {
		t.Errorf("a record that gives no topic: %s", got)
	}
}

// The path of an archive is made of what the payload is decoded to.
func TestExpressionsInThePathOfAnArchive(t *testing.T) {
	t.Parallel()
	packed := msgp.AppendMapHeader(nil, 2)
	packed = msgp.AppendString(msgp.AppendString(packed, "team"), "Shop")
	packed = msgp.AppendInt(msgp.AppendString(packed, "n"), 12)
	for name, c := range map[string]struct {
		decode string
		value  []byte
	}{
		"json": {"", []byte(`{"team":"Shop","n":12}`)}, "msgpack": {`decode "msgpack" {}`, packed},
	} {
		where := destinations(t, `
output "local" "lake" {
  directory = "/tmp/none"
  path      = "${expr("lower(field.team) + (field.n > 10 ? '/large' : '/small')")}/dt=${strftime("%Y")}"
  `+c.decode+`
}`, "output.local.lake")
		r := record.Record{Value: c.value, Time: 1764374400e9}
		if got := where(&record.Batch{Tag: "app.web"}, &r); got != "path=shop%2Flarge/dt=2025" {
			t.Errorf("%s: %s", name, got)
		}
		r.Value = []byte("text")
		if got := where(&record.Batch{Tag: "app.web"}, &r); !strings.HasPrefix(got, "dead letter") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Batches go to Kafka as they lie while all that an expression looks at is theirs.
func TestAnExpressionOverTheBatchLeavesBatchesWhole(t *testing.T) {
	t.Parallel()
	for topic, want := range map[string]bool{
		`logs-${expr("lower(tag[0])")}`: true, `logs-${expr("lower(field.team)")}`: false,
		`logs-${expr("tag == 'x' ? 'y' : header.app")}`: false,
	} {
		cfg, report := loadReal(t, `
output "kafka" "k" {
  brokers = ["127.0.0.1:9092"]
  topic   = "`+topic+`"
}`)
		if cfg == nil {
			t.Fatal(report)
		}
		c := cfg.Find("output.kafka.k").Config.(*kafka.Config)
		if whole := c.BatchCompression() != ""; whole != want {
			t.Errorf("%s: batches go whole: %v", topic, whole)
		}
	}
}

// Two configs with other expressions are two: a reload takes the new one.
func TestAChangedExpressionIsAChangedConfig(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, e := range []string{"lower(tag)", "upper(tag)", "lower(origin)"} {
		cfg, report := loadReal(t, `
output "kafka" "k" {
  brokers = ["127.0.0.1:9092"]
  topic   = "${expr("`+e+`")}"
}`)
		if cfg == nil {
			t.Fatal(report)
		}
		print := config.Fingerprint(cfg.Find("output.kafka.k").Config)
		if seen[print] != "" {
			t.Errorf("%s and %s have one fingerprint", e, seen[print])
		}
		seen[print] = e
	}
}

// A mistake in a template's expression is told with its place, and what to write instead.
func TestMistakesInExpressionsOfTemplates(t *testing.T) {
	t.Parallel()
	for template, want := range map[string][]string{
		`expr("lower(fild.x)")`:                   {"p.hcl:4", "unknown name fild"},
		`"a-${expr("lower(")}"`:                   {"p.hcl:4", "unexpected token"},
		`expr("split(tag, '.')")`:                 {"p.hcl:4", "gives a list, not text", "join("},
		`expr(lower(field.level))`:                {"p.hcl:4", "in quotes", `expr("lower(field.level)")`},
		`"${lower(field.level)}-x"`:               {"p.hcl:4", `Write ${expr("lower(field.level)")}`},
		`"${field.level == "error" ? "a" : "b"}"`: {"p.hcl:4", `${expr("field.level == 'error' ? 'a' : 'b'")}`},
		`expr()`:                                 {"p.hcl:4", "takes one text", `expr("lower(field.level)")`},
		`"${expr("field['a'] matches '\\d')")}"`: {"p.hcl:4", "invalid char escape"},
		`"${upper(local.none)}"`:                 {"p.hcl:4", "local"},
	} {
		_, text := loadReal(t, `
output "kafka" "k" {
  brokers = ["127.0.0.1:9092"]
  topic = `+template+`
}`)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("topic = %s: the report lacks %q:\n%s", template, w, text)
			}
		}
	}
	for attribute, want := range map[string]string{
		`path = "${expr("string(time.Hour())")}/x"`:                "strftime",
		`dead_letter_path = "${expr("field.team")}"`:               "may look at tag, origin and agent",
		`file_name = "${log}_${start}${expr("tag")}${ext}"`:        "is not known",
		`path = "x/${expr("field.level ?? [1]")}/${expr("tag)")}"`: "p.hcl:4",
	} {
		_, text := loadReal(t, `
output "local" "lake" {
  directory = "/tmp/none"
  `+attribute+`
}`)
		if !strings.Contains(text, want) {
			t.Errorf("%s: the report lacks %q:\n%s", attribute, want, text)
		}
	}
}
