package kafka

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// retention knows how long topics keep records, so that a record which would be expired at once can be given the current time. Safe for
// concurrent use.
type retention struct {
	cl *kgo.Client

	mu    sync.Mutex
	known map[string]kept
}

type kept struct {
	age   time.Duration // 0: for ever, or not known
	until time.Time     // ask again
}

// oldEnough is the age below which nobody asks for a topic's retention.
const oldEnough = time.Hour

// maxAge returns the age beyond which records of b get the current time on their way to topic; 0 if none do.
func (w *Writer) maxAge(ctx context.Context, topic string, b *record.Batch) time.Duration {
	if w.cfg.MaxRecordAge > 0 {
		return w.cfg.MaxRecordAge
	}
	if time.Since(time.Unix(0, b.MaxTime())) < oldEnough {
		return 0
	}
	return w.retention.of(ctx, topic)
}

// tooOld tells whether some records of b may be older than age. Within a batch times hardly differ.
func tooOld(b *record.Batch, age time.Duration) bool {
	return age > 0 && time.Since(time.Unix(0, b.MaxTime())) > age-min(age/2, oldEnough)
}

func (r *retention) of(ctx context.Context, topic string) time.Duration {
	now := time.Now()
	r.mu.Lock()
	k, ok := r.known[topic]
	r.mu.Unlock()
	if ok && now.Before(k.until) {
		return k.age
	}
	age, err := r.ask(ctx, topic)
	k = kept{age, now.Add(10 * time.Minute)}
	if err != nil {
		k.until = now.Add(time.Minute) // perhaps this user may not see it; then times are kept as they are
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[topic] = k
	return k.age
}

func (r *retention) ask(ctx context.Context, topic string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req := kmsg.NewPtrDescribeConfigsRequest()
	res := kmsg.NewDescribeConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	res.ConfigNames = []string{"retention.ms", "cleanup.policy", "message.timestamp.type"}
	req.Resources = append(req.Resources, res)
	resp, err := req.RequestWith(ctx, r.cl)
	if err != nil {
		return 0, err
	}
	age := time.Duration(0)
	for i := range resp.Resources {
		for _, c := range resp.Resources[i].Configs {
			if c.Value == nil {
				continue
			}
			switch v := *c.Value; c.Name {
			case "cleanup.policy":
				if !strings.Contains(v, "delete") {
					return 0, nil
				}
			case "message.timestamp.type":
				if v == "LogAppendTime" {
					return 0, nil
				}
			case "retention.ms":
				if ms, err := strconv.ParseInt(v, 10, 64); err == nil && ms > 0 && ms < int64(1<<62)/1e6 {
					age = time.Duration(ms) * time.Millisecond
				}
			}
		}
	}
	return age, nil
}
