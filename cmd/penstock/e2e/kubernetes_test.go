package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/inputs/kubernetes/kubernetestest"
	"github.com/penstock/penstock/outputs/forward"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.yaml.in/yaml/v3"
)

// ofManifest returns the configuration that a manifest's ConfigMap holds, and checks that the agent
// is told to run where it is mounted.
func (w *world) ofManifest(text []byte) []byte {
	w.Helper()
	var config string
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var object struct {
			Kind string
			Data map[string]string
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct{ Args []string }
					}
				}
			}
		}
		if err := d.Decode(&object); err != nil {
			break // the end, or what the test below does not find
		}
		for _, data := range object.Data {
			config += data
		}
		for _, c := range object.Spec.Template.Spec.Containers {
			if !slices.Equal(c.Args, []string{"run", "/etc/penstock"}) {
				w.Errorf("a %s has the arguments %q", object.Kind, c.Args)
			}
		}
	}
	if config == "" {
		w.Fatal("there is no ConfigMap")
	}
	return []byte(config)
}

func exampleKubernetes(w *world) {
	pod := []string{
		`name     = env("POD_NAME")`, "", `name     = env("NODE_NAME")`, "", "0.0.0.0:9600", "ADMIN",
	}
	w.Run("edge", func(t *testing.T) {
		edge := &world{T: t, folder: w.folder, dir: t.TempDir(), ran: w.ran}
		b := edge.broker()
		if err := os.MkdirAll(edge.logs(), 0o755); err != nil {
			t.Fatal(err)
		}
		api := kubernetestest.New(false)
		t.Cleanup(api.Close) // once the agent, whose watch it would wait for, has stopped
		api.Put(kubernetestest.Pod{Namespace: "shop", Name: "web-0", UID: "u0", Node: "node-1"})
		file := filepath.Join(edge.logs(), "web-0_shop_web-"+strings.Repeat("0a", 32)+".log")
		text := "2026-01-31T12:00:00Z stdout P a line \n2026-01-31T12:00:00Z stdout F in parts\n" +
			"2026-01-31T12:00:01Z stderr F Traceback (most recent call last):\n" +
			"2026-01-31T12:00:01Z stderr F   File \"a.py\", line 1\n" +
			"2026-01-31T12:00:01Z stderr F ValueError: x\n"
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		edge.start("edge.yaml", "edge", append(pod,
			`kubernetes { node = env("NODE_NAME") }`,
			fmt.Sprintf("kubernetes {\n  node = \"node-1\"\n  server = %q\n}", api.URL),
			"kafka.kafka.svc:9092", b.Addr(), "/var/log/containers", edge.logs())...)
		got := readValues(t, b.Addr(), 2)
		want := []string{
			"Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: x", "a line in parts",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		if len(api.Watches()) == 0 {
			t.Error("the node's pods are not watched")
		}
	})
	w.Run("forwarder", func(t *testing.T) {
		relay := &world{T: t, folder: w.folder, dir: t.TempDir(), ran: w.ran}
		b := relay.broker()
		addr := servers.FreeAddr(t)
		relay.start("forwarder.yaml", "forwarder", append(pod,
			"kafka.kafka.svc:9092", b.Addr(), "0.0.0.0:24224", addr)...)
		relay.listening(addr)
		client := forwardWriter(t, addr, func(c *forward.Config) {
			c.SharedKey, c.Peer = "between relays", "fluentd"
		})
		var batch record.Builder
		batch.Reset("shop.web", "", 0)
		batch.Append(time.Now().UnixNano(), nil, []byte(`{"seq":1}`), nil)
		if err := client.Write(t.Context(), batch.Build()); err != nil {
			t.Fatal(err)
		}
		if got := readValues(t, b.Addr(), 1); !slices.Equal(got, []string{`{"seq":1}`}) {
			t.Errorf("got %q", got)
		}
	})
	w.Run("consumer", func(t *testing.T) {
		lake := &world{T: t, folder: w.folder, dir: t.TempDir(), ran: w.ran}
		s3, store := lake.s3("acme-lake")
		objects, produced := lake.archive(
			"penstock-lake",
			func(t *testing.T) map[string][]byte { return s3.contents(t, "acme-lake") },
			// the feed's records tell times of their own
			append(append(store, pod...), `format "ndjson" {}`,
				"format \"ndjson\" {}\n  time { field = \"ts\" }\n  roll { age = \"1s\" }")...)
		if wrong := checkLake(objects, produced); wrong != nil {
			t.Error(wrong)
		}
	})
}

// readValues returns n values of the topic, sorted.
func readValues(t *testing.T, addr string, n int) []string {
	t.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got []string
	for len(got) < n && ctx.Err() == nil {
		for r := range cl.PollFetches(ctx).RecordsAll() {
			got = append(got, string(r.Value))
		}
	}
	slices.Sort(got)
	return got
}
