package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/penstock/penstock/outputs/kafka/producer"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Probe implements outputs.Prober: it looks the topic up and asks a leader of it for a sign of
// life.
func (w *Writer) Probe(ctx context.Context) error {
	_, err := kafkaclient.Ask(ctx, &w.left, func() (struct{}, error) {
		return struct{}{}, w.probe(ctx)
	})
	return err
}

func (w *Writer) probe(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	name, constant := w.cfg.Topic.Constant()
	if constant {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		req.Topics = append(req.Topics, t)
		req.AllowAutoTopicCreation = w.cfg.AllowAutoTopicCreation
	}
	resp, err := req.RequestWith(ctx, w.cl)
	if err != nil {
		return err
	}
	leader := int32(-1)
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return &producer.TopicError{
				Topic: name, Err: err, Asked: w.cfg.AllowAutoTopicCreation,
			}
		}
		for _, p := range t.Partitions {
			if p.Leader < 0 {
				return fmt.Errorf("partition %d of topic %q has no leader", p.Partition, name)
			}
			leader = p.Leader
		}
	}
	if leader < 0 && len(resp.Brokers) > 0 {
		leader = resp.Brokers[0].NodeID
	}
	if leader < 0 {
		return errors.New("the cluster names no brokers")
	}
	alive := kmsg.NewPtrApiVersionsRequest()
	alive.ClientSoftwareName, alive.ClientSoftwareVersion = "penstock", "1"
	_, err = w.cl.Broker(int(leader)).Request(ctx, alive)
	return err
}
