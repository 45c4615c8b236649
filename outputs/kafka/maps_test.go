package kafka

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack/msgpacktest"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/twmb/franz-go/pkg/kfake"
)

// With format = "msgpack" what an input has kept in msgpack is the same bytes in the topic, on both
// paths, and everything else becomes a map.
func TestFormatMsgpack(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		rng := runtest.Rand(t)
		c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
		cfg := testConfig(c)
		cfg.Format = "msgpack"
		change(&cfg)
		w, reg := newWriter(t, cfg)
		now := time.Now().UnixNano() // older records would take the record path
		var want [][]byte
		var kept record.Builder
		kept.Reset("app", "o", 0)
		kept.SetForm(record.Msgpack)
		for i := range 1000 {
			want = append(want, msgpacktest.Map(rng, 4))
			kept.Append(now+int64(i)*1e6, nil, want[i], nil)
		}
		first := kept.Build()
		if _, err := first.PackedAsKept(w.codec); err != nil {
			t.Fatal(err)
		}
		first.Shed() // as it is in a buffer
		long := strings.Repeat("x", smallBatch)
		var values [][]byte
		for in, out := range map[string]string{
			`{"a":1.5}`:               "\x81\xa1a\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00",
			"text":                    "\x81\xa7message\xa4text",
			"":                        "\x81\xa7message\xa0",
			fmt.Sprintf("[%q]", long): "\x81\xa7message\xda\x40\x04[\"" + long + "\"]",
		} {
			values, want = append(values, []byte(in)), append(want, []byte(out))
		}
		values, want = append(values, nil), append(want, nil) // deletes a key
		var others record.Builder
		others.Reset("app", "o", 0)
		for _, v := range values {
			others.Append(now, []byte("k"), v, nil)
		}
		second := others.Build()
		second.At(int64(first.Len()))
		mustDeliver(t, w, first, second)
		got := consume(t, c, "logs", len(want))
		if len(got) != len(want) {
			t.Fatalf("%d records, want %d", len(got), len(want))
		}
		for i, r := range got {
			if !bytes.Equal(r.Value, want[i]) || (r.Value == nil) != (want[i] == nil) {
				t.Fatalf("%d is %x, want %x", i, r.Value, want[i])
			}
		}
		if n := counter(
			t, reg, "penstock_kafka_path_batches_total", map[string]string{"path": path},
		); n != 2 {
			t.Errorf("%v batches took the %s path", n, path)
		}
	})
}

func TestFormatMsgpackLooksIntoNoRecord(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		topic, key, want string
	}{
		{"logs-${tag[0]}", "${tag}", ""},
		{"logs-${field.app}", "", "topic: "},
		{"logs", "${field.user}", "key: "},
	} {
		cfg := Default()
		cfg.Brokers = []string{"127.0.0.1:1"}
		cfg.Format = "msgpack"
		cfg.Topic = template.MustParse(c.topic)
		if c.key != "" {
			cfg.Key = template.MustParse(c.key)
		}
		err := cfg.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
