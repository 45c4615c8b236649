package kafka

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Who is told that brokers refuse is not sent to look at addresses, which they have answered at.
func TestAdviceAboutBrokersThatAnswer(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("partition 3: %w", kerr.OutOfOrderSequenceNumber), "look into the brokers' logs"},
		{kerr.NotEnoughReplicas, "bring the topic's replicas back"},
		{kerr.NotEnoughReplicasAfterAppend, "bring the topic's replicas back"},
		{kerr.UnsupportedCompressionType, "set compression to one"},
		{syscall.ECONNREFUSED, "see that the server runs"},
	} {
		if got := advice(c.err); !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

// A partition without a leader is told to want its brokers back, not another address.
func TestAdviceAboutAPartitionWithoutALeader(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
	host, port, err := net.SplitHostPort(c.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	c.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.MetadataResponse)
		broker := kmsg.NewMetadataResponseBroker()
		broker.Host, broker.Port = host, int32(number)
		resp.Brokers = append(resp.Brokers, broker)
		for _, rt := range req.(*kmsg.MetadataRequest).Topics {
			topic, part := kmsg.NewMetadataResponseTopic(), kmsg.NewMetadataResponseTopicPartition()
			topic.Topic = rt.Topic
			part.Leader, part.ErrorCode = -1, kerr.LeaderNotAvailable.Code
			topic.Partitions = append(topic.Partitions, part)
			resp.Topics = append(resp.Topics, topic)
		}
		return resp, nil, true
	})
	cfg := testConfig(c)
	cfg.DeliveryTimeout = time.Second
	w, _ := newWriter(t, cfg)
	out, err := drain.NewAsyncOutput(
		w, fastRetries(), outputtest.Env(t, "output.kafka.events"),
		drain.Targets{DeadLetter: noLetters{}},
	)
	if err != nil {
		t.Fatal(err)
	}
	log := outputtest.NewMemLog("buffer")
	log.Append(lines("o", 0, 10, 120))
	go func() { _ = out.Drain(t.Context(), log.Owner()) }()
	runtest.Until(t, "it is told", func() bool {
		s := out.Status()
		return strings.Contains(s.LastError, "logs partition 0: ") &&
			strings.Contains(s.LastError, "no leader") &&
			strings.Contains(s.Do, "bring the brokers that hold it back")
	})
}
