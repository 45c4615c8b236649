package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What init writes from Kafka to Kafka copies topics under their names, with keys, headers and
// times, and what a partition held stays in its order.
func TestInitMakesAMirror(t *testing.T) {
	parallel(t)
	topics := []string{"app-logs", "web.access"}
	var addr []string
	for range 2 {
		b, err := demo.StartBroker(3, topics)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		addr = append(addr, b.Addr())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want := produceForMirror(ctx, t, addr[0], topics)

	config := filepath.Join(t.TempDir(), "penstock.hcl")
	out, err := exec.Command(
		binary, "init", config, "--from", "kafka", "--to", "kafka", "--brokers", addr[0],
		"--topic", "app-logs,web.access", "--to-brokers", addr[1],
		"--data-dir", filepath.Join(filepath.Dir(config), "data"),
	).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	port := []byte(servers.FreeAddr(t))
	a := newAgent(t, "mirror", string(bytes.ReplaceAll(text, []byte("127.0.0.1:9600"), port)))
	a.start()

	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr[1]), kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	got := map[string][]string{}
	for n := 0; n < 2*mirrored; {
		for r := range cl.PollFetches(ctx).RecordsAll() {
			from := r.Topic + string(r.Key)
			got[from] = append(got[from], mirrorLine(r))
			n++
		}
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records came", n, 2*mirrored)
		}
	}
	for from, lines := range want {
		if !slices.Equal(got[from], lines) {
			t.Errorf("%s: got %d, %q; want %d, %q", from, len(got[from]), got[from], len(lines), lines)
		}
	}
}

const mirrored = 60

func mirrorLine(r *kgo.Record) string {
	return fmt.Sprintf("%s %s %s %v", r.Timestamp.UTC(), r.Key, r.Value, r.Headers)
}

// produceForMirror returns what it has produced, by topic and key.
func produceForMirror(
	ctx context.Context, t *testing.T, addr string, topics []string,
) map[string][]string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	lines := map[string][]string{}
	at := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	for i := range mirrored {
		for _, topic := range topics {
			r := &kgo.Record{
				Topic: topic, Key: fmt.Appendf(nil, "k%d", i%7), Value: fmt.Appendf(nil, "v%d", i),
				Timestamp: at.Add(time.Duration(i) * time.Second),
				Headers:   []kgo.RecordHeader{{Key: "h", Value: fmt.Append(nil, i)}},
			}
			if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
			lines[topic+string(r.Key)] = append(lines[topic+string(r.Key)], mirrorLine(r))
		}
	}
	return lines
}
