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

// retention knows how long topics keep records, so that a record which would be expired at once can
// be given the current time. Safe for concurrent use.
type retention struct {
	cl  *kgo.Client
	ctx context.Context // ends with the writer
	end context.CancelFunc
	wg  sync.WaitGroup

	mu    sync.Mutex
	known map[string]*retentionAnswer
}

func newRetention(cl *kgo.Client) *retention {
	r := &retention{cl: cl, known: map[string]*retentionAnswer{}}
	r.ctx, r.end = context.WithCancel(context.Background())
	return r
}

type retentionAnswer struct {
	asked chan struct{} // closed once the first answer has come, or its time is over
	age   time.Duration // 0: for ever, or not known
	until time.Time     // ask again
}

// Records younger than worthWaiting do not wait for the first answer about their topic.
const worthWaiting = time.Minute

// A batch whose times are this near to the topic's retention is looked at record by record.
const margin = time.Hour

// maxAge returns the age beyond which records of b get the current time on their way to topic; 0 if
// none do.
func (w *Writer) maxAge(ctx context.Context, topic string, b *record.Batch) time.Duration {
	if w.cfg.MaxRecordAge > 0 {
		return w.cfg.MaxRecordAge
	}
	return w.retention.of(ctx, topic, time.Since(time.Unix(0, b.MaxTime())) >= worthWaiting)
}

// tooOld reports whether some records of b may be older than age. Within a batch times hardly
// differ.
func tooOld(b *record.Batch, age time.Duration) bool {
	return age > 0 && time.Since(time.Unix(0, b.MaxTime())) > age-min(age/2, margin)
}

// of returns what is known, and asks in the background once that is stale. If nothing is known yet,
// it waits for the answer if wait says so.
func (r *retention) of(ctx context.Context, topic string, wait bool) time.Duration {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.known[topic]
	if k == nil {
		k = &retentionAnswer{asked: make(chan struct{})}
		r.known[topic] = k
	}
	if !now.Before(k.until) && r.ctx.Err() == nil {
		// perhaps this user may not see it; then times are kept as they are
		k.until = now.Add(time.Minute)
		r.wg.Go(func() { r.renew(topic, k) })
	}
	if wait {
		r.mu.Unlock()
		select {
		case <-k.asked:
		case <-ctx.Done():
		case <-r.ctx.Done():
		}
		r.mu.Lock()
	}
	return k.age
}

// close ends what is being asked.
func (r *retention) close() {
	r.mu.Lock()
	r.end() // nobody begins to ask between this and the wait
	r.mu.Unlock()
	r.wg.Wait()
}

// renew asks once.
func (r *retention) renew(topic string, k *retentionAnswer) {
	age, err := r.ask(topic)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		k.age, k.until = age, time.Now().Add(10*time.Minute)
	}
	select {
	case <-k.asked:
	default:
		close(k.asked)
	}
}

func (r *retention) ask(topic string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(r.ctx, 5*time.Second)
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
				if ms, err := strconv.ParseInt(v, 10, 64); err == nil && ms > 0 &&
					ms < int64(1<<62)/1e6 {
					age = time.Duration(ms) * time.Millisecond
				}
			}
		}
	}
	return age, nil
}
