package kafka

import (
	"context"
	"crypto/tls"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// look looks for what a preflight is to find, one line each.
func look(t *testing.T, c Config, want ...string) {
	t.Helper()
	lookWith(t, c.Preflight, want...)
}

func lookWith(
	t *testing.T, preflights func(context.Context, preflight.Env, *preflight.Report),
	want ...string,
) {
	t.Helper()
	env := preflight.Env{
		Name: "output.kafka.events", Agent: "edge-1", Pipelines: []string{"app"},
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}
	var r preflight.Report
	preflights(t.Context(), env, &r)
	var lines []string
	for _, f := range r.Findings() {
		lines = append(lines, f.Level.String()+" "+f.Target+": "+f.Text+" -> "+f.Do)
	}
	for _, w := range want {
		found := false
		for _, l := range lines {
			head, tail, _ := strings.Cut(w, "...")
			found = found || strings.HasPrefix(l, head) && strings.Contains(l, tail)
		}
		if !found {
			t.Errorf("not found: %q", w)
		}
	}
	if t.Failed() {
		t.Log("\n" + strings.Join(lines, "\n"))
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, nil, kfake.NumBrokers(3), kfake.SeedTopics(6, "logs", "app-web"))
	cfg := testConfig(cluster)
	look(t, cfg, "ok cluster: 3 brokers of 3 answer", "warning topic logs: min.insync.replicas is 1")

	cfg.Brokers = append(cfg.Brokers, "127.0.0.1:1")
	look(
		t, cfg, "ok cluster: 3 brokers of 3 answer",
		"warning broker 127.0.0.1:1: ...connection refused -> see that the server runs",
	)
	cfg.Brokers = []string{"127.0.0.1:1"}
	look(t, cfg, "failed broker 127.0.0.1:1: ...connection refused")

	cfg = testConfig(cluster)
	cfg.Topic = template.MustParse("log")
	look(t, cfg, "failed topic log: there is no such topic -> create it, or set allow_auto_topic_creation")
	cfg.AllowAutoTopicCreation = true
	look(t, cfg, "warning topic log: there is no such topic; the brokers will be asked")

	cfg = testConfig(cluster)
	cfg.Topic = template.MustParse("app-${tag[1]}")
	look(t, cfg, "ok topics app-*: 1 topic")
	cfg.Topic = template.MustParse("ap.${tag[1]}")
	look(t, cfg, "warning topics ap.*: no topic that this user may see fits")

	cfg = testConfig(cluster)
	cfg.Delivery = ExactlyOnce
	look(
		t, cfg, "ok group penstock.edge-1.app.kafka.events: may be used",
		"ok transactional id penstock.edge-1.app.kafka.events: ",
	)
	cfg.BatchMaxBytes = 8 << 20
	look(t, cfg, "warning topic logs: max.message.bytes is ")
}

// On a cluster that has had no group, the first question for a coordinator has one made.
func TestPreflightWaitsForACoordinator(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, nil, kfake.NumBrokers(1), kfake.SeedTopics(1, "logs"))
	for range 3 {
		cluster.ControlKey(int16(kmsg.FindCoordinator), func(req kmsg.Request) (kmsg.Response, error, bool) {
			in := req.(*kmsg.FindCoordinatorRequest)
			resp := in.ResponseKind().(*kmsg.FindCoordinatorResponse)
			resp.ErrorCode = kerr.CoordinatorNotAvailable.Code
			for _, key := range in.CoordinatorKeys {
				c := kmsg.NewFindCoordinatorResponseCoordinator()
				c.Key, c.ErrorCode = key, kerr.CoordinatorNotAvailable.Code
				resp.Coordinators = append(resp.Coordinators, c)
			}
			return resp, nil, true
		})
	}
	cfg := testConfig(cluster)
	cfg.Delivery = ExactlyOnce
	look(
		t, cfg, "ok group penstock.edge-1.app.kafka.events: may be used",
		"ok transactional id penstock.edge-1.app.kafka.events: ",
	)
}

// Credentials and rights: what a user may not do is told before anything is sent.
func TestPreflightOfRights(t *testing.T) {
	t.Parallel()
	allow := func(kind kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{
			Resource: kind, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral,
			Operation: op, Allow: true,
		}
	}
	topic := kmsg.ACLResourceTypeTopic
	cluster := startCluster(
		t, nil, kfake.SeedTopics(1, "readable", "writable", "hidden"), kfake.EnableSASL(),
		kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "pw"),
		kfake.User(
			"PLAIN", "edge", "pw", allow(topic, "readable", kmsg.ACLOperationDescribe),
			allow(topic, "writable", kmsg.ACLOperationWrite),
		),
	)
	cfg := testConfig(cluster)
	cfg.SASL = &kafkaclient.SASL{Mechanism: "PLAIN", Username: "edge", Password: "pw"}
	for name, want := range map[string]string{
		"readable": "failed topic readable: this user may not write it -> give this user Write",
		"writable": "warning topic writable: 1 replica",
		"hidden":   "failed topic hidden: ...give this user write access",
	} {
		cfg.Topic = template.MustParse(name)
		look(t, cfg, "ok cluster: 1 broker of 1 answer, with PLAIN", want)
	}
	cfg.Topic, cfg.Delivery = template.MustParse("writable"), ExactlyOnce
	look(
		t, cfg, "failed topic writable: with exactly_once positions are stored for it",
		"failed transactional id penstock.edge-1.app.kafka.events: TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
	)
	look(t, cfg, "failed group penstock.edge-1.app.kafka.events: ...give this user Read on the group")
	cfg.SASL.Password = "wrong"
	look(t, cfg, "failed broker ...check the sasl block: ")
	cfg.SASL = nil
	look(t, cfg, "failed broker ...check that tls and sasl are as the brokers expect")
}

func TestPreflightOfTLS(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	cert, err := tls.LoadX509KeyPair(ca.Issue("broker"))
	if err != nil {
		t.Fatal(err)
	}
	cluster := startCluster(
		t, nil, kfake.SeedTopics(1, "logs"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}),
	)
	cfg := testConfig(cluster)
	cfg.TLS = &tlsconf.Client{MinVersion: "1.2", CAFile: ca.File}
	look(t, cfg, "ok cluster: 1 broker of 1 answer, with TLS")
	cfg.TLS.CAFile = certtest.New(t).File
	look(t, cfg, "failed broker ...-> name the authority that has signed")
	cfg.TLS.CAFile, cfg.TLS.ServerName = ca.File, "another"
	look(t, cfg, "failed broker ...server_name = ")
	cfg.TLS = nil
	look(t, cfg, "failed broker ...")
}

// What would keep the counts of the audit from being published, or from being there when they are
// compared, is told.
func TestPreflightOfTheAuditsTopic(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, nil, kfake.NumBrokers(3), kfake.SeedTopics(2, "audit"))
	cfg := testConfig(cluster)
	looks := func(topic string, settings map[string]string, want ...string) {
		t.Helper()
		alter(t, cluster, topic, settings)
		lookWith(t, func(ctx context.Context, env preflight.Env, r *preflight.Report) {
			cfg.PreflightAudit(ctx, env, topic, 8*24*time.Hour, r)
		}, want...)
	}
	looks("none", nil, "failed topic none: ...create it")
	looks("audit", nil, "warning topic audit: cleanup.policy is delete: ",
		"warning topic audit: it keeps counts for 168h0m0s, and audit.keep is 192h0m0s -> set retention.ms on the topic to 691200000")
	looks("audit", map[string]string{
		"cleanup.policy": "compact,delete", "max.message.bytes": "500000",
	}, "failed topic audit: max.message.bytes is 500000")
	looks("audit", map[string]string{
		"cleanup.policy": "compact,delete", "retention.ms": "691200000",
		"min.insync.replicas": "2", "max.message.bytes": "1048588",
	}, "ok topic audit: may be written to, 2 partitions, 3 replicas")
}

// alter sets settings of a topic.
func alter(t *testing.T, cluster *kfake.Cluster, topic string, settings map[string]string) {
	t.Helper()
	if len(settings) == 0 {
		return
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var altered []kadm.AlterConfig
	for name, value := range settings {
		altered = append(altered, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
	}
	resp, err := kadm.NewClient(cl).AlterTopicConfigs(t.Context(), altered, topic)
	if err == nil {
		_, err = resp.On(topic, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}
