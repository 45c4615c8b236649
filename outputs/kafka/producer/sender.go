package producer

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// sender puts the requests for one broker onto its connection, in order.
type sender struct {
	p     *Producer
	id    int32
	free  int // owned by the loop: requests that may yet be queued
	queue chan *Request
}

func (s *sender) run() {
	var wg sync.WaitGroup
	defer wg.Wait()
	for r := range s.queue {
		w, err := s.wire(r)
		if err != nil {
			s.answer(r, w, nil, err)
			continue
		}
		over := make(chan struct{})
		wg.Go(func() {
			defer close(over)
			begun := time.Now()
			resp, err := s.p.cl.Broker(int(s.id)).Request(s.p.ctx, w)
			if err == nil {
				s.p.cfg.Metrics.latency.Observe(time.Since(begun).Seconds())
			}
			s.answer(r, w, resp, err)
		})
		// The next request must be behind this one on the connection: franz-go serializes requests
		// in their order.
		select {
		case <-w.written:
		case <-over:
		}
	}
}

// wire packs what is not packed yet and arranges the batches by topic.
func (s *sender) wire(r *Request) (*wireRequest, error) {
	w := &wireRequest{
		maxVersion: s.p.maxProduce(),
		timeout:    int32(s.p.cfg.RequestTimeout.Milliseconds()),
		written:    make(chan struct{}),
	}
	if s.p.t != nil {
		w.txn = &s.p.cfg.Txn.ID
	}
	at := map[string]int{}
	bytes := 0
	for i := range r.Batches {
		b := &r.Batches[i]
		packed, err := b.Item.Batch.Packed(s.p.cfg.Codec)
		if err != nil {
			return nil, fmt.Errorf("%s partition %d: %w", b.Topic, b.Partition, err)
		}
		if b.Item.Alone {
			b.Item.Batch.Shed()
		}
		bytes += len(packed)
		j, ok := at[b.Topic]
		if !ok {
			j = len(w.topics)
			at[b.Topic] = j
			t := s.p.topics.get(b.Topic)
			if t.id == ([16]byte{}) {
				w.maxVersion = min(w.maxVersion, 12) // the cluster does not tell topic ids
			}
			w.topics = append(w.topics, wireTopic{name: b.Topic, id: t.id})
		}
		w.topics[j].partitions = append(
			w.topics[j].partitions, wireBatch{RequestBatch: *b, packed: packed},
		)
	}
	m := s.p.cfg.Metrics
	m.requests.Inc()
	m.batches.Add(float64(len(r.Batches)))
	m.bytes.Add(float64(bytes))

	return w, nil
}

func (s *sender) answer(r *Request, w *wireRequest, resp kmsg.Response, err error) {
	results := make([]Result, len(r.Batches))
	unsent := err != nil && (w == nil || !w.sent())
	for i := range results {
		results[i].Err, results[i].Unsent = err, unsent
		if err == nil {
			results[i].Err = errNoAnswer
		}
	}
	if pr, ok := resp.(*kmsg.ProduceResponse); ok && err == nil {
		w.read(r, pr, results)
	}
	s.p.post(answered{r, results, s})
}

var errNoAnswer = errors.New("the broker's answer leaves the partition out")

// read finds each batch's outcome in the response.
func (w *wireRequest) read(r *Request, resp *kmsg.ProduceResponse, results []Result) {
	index := make(map[Key]int, len(r.Batches))
	names := make(map[[16]byte]string, len(w.topics))
	for i := range r.Batches {
		index[r.Batches[i].Key] = i
	}
	for i := range w.topics {
		names[w.topics[i].id] = w.topics[i].name
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		name := t.Topic
		if resp.Version >= 13 {
			name = names[t.TopicID]
		}
		for j := range t.Partitions {
			rp := &t.Partitions[j]
			at, ok := index[Key{name, rp.Partition}]
			if !ok {
				continue
			}
			res := Result{Code: rp.ErrorCode, Appended: rp.BaseOffset}
			if rp.ErrorMessage != nil {
				res.Message = *rp.ErrorMessage
			}
			for _, e := range rp.ErrorRecords {
				re := RecordError{Index: int(e.RelativeOffset)}
				if e.ErrorMessage != nil {
					re.Message = *e.ErrorMessage
				}
				res.Records = append(res.Records, re)
			}
			results[at] = res
		}
	}
}
