package kafka

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topics that are missing or may not be read, and a group that may not be joined, are told.
func TestPreflight(t *testing.T) {
	t.Parallel()
	allow := func(kind kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{
			Resource: kind, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral,
			Operation: op, Allow: true,
		}
	}
	topic := kmsg.ACLResourceTypeTopic
	cluster := kfake.MustCluster(
		kfake.NumBrokers(1), kfake.SeedTopics(2, "logs", "seen", "hidden"), kfake.EnableSASL(),
		kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "pw"),
		kfake.User(
			"PLAIN", "lake", "pw", allow(topic, "logs", kmsg.ACLOperationRead),
			allow(topic, "seen", kmsg.ACLOperationDescribe),
			allow(topic, "absent", kmsg.ACLOperationRead),
			allow(kmsg.ACLResourceTypeGroup, "mine", kmsg.ACLOperationRead),
		),
	)
	t.Cleanup(cluster.Close)
	cfg := Default()
	cfg.Brokers, cfg.Group = cluster.ListenAddrs(), "mine"
	cfg.SASL = &kafkaclient.SASL{Mechanism: "PLAIN", Username: "lake", Password: "pw"}
	cfg.Topics = []string{"logs", "seen", "hidden", "absent"}
	look := func() string {
		var r preflight.Report
		cfg.Preflight(t.Context(), preflight.Env{
			Name: "input.kafka.in", Agent: "lake-1", Log: slog.New(slog.DiscardHandler),
			Metrics: prometheus.NewRegistry(),
		}, &r)
		var out []string
		for _, f := range r.Findings() {
			out = append(out, f.Level.String()+" "+f.Target+": "+f.Text)
		}
		return strings.Join(out, "\n") + "\n"
	}
	check := func(want ...string) {
		t.Helper()
		got := look()
		for _, w := range want {
			if !strings.Contains(got, w+"\n") {
				t.Errorf("not told: %s\n%s", w, got)
			}
		}
	}
	check(
		"ok cluster: 1 broker of 1 answer, with PLAIN", "ok topic logs: may be read, 2 partitions",
		"failed topic seen: this user may not read it",
		"failed topic hidden: this user may not look at it, or whether there is one",
		"warning topic absent: there is no such topic", "ok group mine: may be used",
	)
	cfg.Topics, cfg.TopicsRegex, cfg.Group = nil, []string{"^lo"}, "theirs"
	check(`ok topics_regex ["^lo"]: 1 topic`)
	if got := look(); !strings.Contains(got, "failed group theirs: ") {
		t.Errorf("the group is not told of:\n%s", got)
	}
	cfg.TopicsRegex = []string{"^nothing"}
	check(`warning topics_regex ["^nothing"]: no topic that this user may see matches now`)
}
