package servers

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

func TestClusterKeepsWhatWasAcknowledged(t *testing.T) {
	c, err := NewCluster(t.TempDir())
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.Addrs()...), kgo.DefaultProduceTopic("t"), kgo.ConsumeTopics("t"),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(ctx, 1, 3, nil, "t"); err != nil {
		t.Fatal(err)
	}
	sent := 0
	send := func(when string) {
		t.Helper()
		if err := cl.ProduceSync(ctx, kgo.StringRecord(when)).FirstErr(); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		sent++
	}
	send("before")
	c.Kill(1)
	send("without broker 1")
	if err := errors.Join(c.Start(1), c.Freeze(2)); err != nil {
		t.Fatal(err)
	}
	if err := answers(ctx, c, 2, 500*time.Millisecond); err == nil {
		t.Fatal("a frozen broker answers")
	}
	if err := c.Thaw(2); err != nil {
		t.Fatal(err)
	}
	if err := answers(ctx, c, 2, 20*time.Second); err != nil {
		t.Fatalf("a thawed broker: %v", err)
	}
	c.Kill(Controller)
	send("without the controller")
	if err := errors.Join(c.Start(Controller), c.Stop(3)); err != nil {
		t.Fatal(err)
	}
	send("without broker 3")
	if err := c.StartAll(); err != nil {
		t.Fatal(err)
	}
	secured(t, c, adm, "t")
	sent++
	for got := 0; got < sent; {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records: %v", got, sent, ctx.Err())
		}
		got += fs.NumRecords()
	}
}

// answers asks one broker alone for something.
func answers(ctx context.Context, c *Cluster, id int, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()[id-1]))
	if err != nil {
		return err
	}
	defer cl.Close()
	return cl.Ping(ctx)
}

// secured produces as the user, who may do what ACLs allow.
func secured(t *testing.T, c *Cluster, adm *kadm.Client, topic string) {
	t.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.SecuredAddrs()...),
		kgo.DefaultProduceTopic(topic),
		kgo.MetadataMinAge(100*time.Millisecond),
		kgo.SASL(
			plain.Auth{User: ClusterUser, Pass: ClusterPassword}.AsMechanism(),
		),
		kgo.RecordDeliveryTimeout(10*time.Second),
		kgo.UnknownTopicRetries(-1),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord("denied")).
		FirstErr(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Fatalf("without an ACL: %v", err)
	}
	user := "User:" + ClusterUser
	allow := kadm.NewACLs().
		Allow(user).
		AllowHosts("*").
		Topics(topic).
		Operations(kadm.OpAll).
		ResourcePatternType(kadm.ACLPatternLiteral)
	if _, err := adm.CreateACLs(t.Context(), allow); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		err := cl.ProduceSync(t.Context(), kgo.StringRecord("allowed")).FirstErr()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("with an ACL: %v", err)
		}
	}
}
