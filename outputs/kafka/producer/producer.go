package producer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrClosed is the error of items that were not delivered when the producer was closed.
var ErrClosed = errors.New("producer closed")

// Options configure a Producer. All fields but AutoCreate are required.
type Options struct {
	Config
	Codec          record.Codec  // for batches that are not packed yet
	RequestTimeout time.Duration // how long a broker may wait for its replicas
	MaxAge         time.Duration // of metadata
	AutoCreate     bool          // let brokers create missing topics
	Requests       int           // requests in flight per broker
	Unreachable    func() error  // why no broker can be connected to, nil if not known
	Log            *slog.Logger
	Metrics        *Metrics
	Txn            *TxnOptions // of a transactional producer; then Config.Transactional is set too
}

// Producer runs a Machine over a kgo.Client. Its methods are safe for concurrent use.
type Producer struct {
	cl     *kgo.Client
	cfg    Options
	events Events
	topics topics

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	inbox   []any // added, answered, identified, found
	wake    chan struct{}
	stale   bool
	closing bool

	// Owned by the loop.
	m        *Machine
	t        *Txn // nil if not transactional
	calls    calls
	start    time.Time
	brokers  map[int32]*sender
	fetching bool
	fetched  int64
	wg       sync.WaitGroup
}

type (
	added struct {
		key Key
		it  *Item
	}
	answered struct {
		r       *Request
		results []Result
		from    *sender
	}
	identified struct {
		key   Key
		id    int64
		epoch int16
		err   error
	}
	found struct {
		topics map[string]topic
		err    error
	}
)

// minFetch is the least time between two metadata requests.
const minFetch = 250 * time.Millisecond

// New starts a producer. It uses cl for its connections alone and does not close it.
func New(cl *kgo.Client, opts Options, events Events) *Producer {
	p := &Producer{
		cl: cl, cfg: opts, events: events,
		topics: topics{autoCreate: opts.AutoCreate, known: map[string]*topic{}},
		done:   make(chan struct{}), wake: make(chan struct{}, 1), start: time.Now(),
		brokers: map[int32]*sender{}, fetched: math.MinInt64 / 2,
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.m = NewMachine(opts.Config, events)
	if opts.Txn != nil {
		p.t = NewTxn(p.m, opts.Config, opts.Txn.Events)
		p.calls = calls{cl: cl, o: opts.Txn, timeout: opts.RequestTimeout + 5*time.Second}
	}
	go p.run()
	return p
}

// Send queues an item. It does not block. Items of one partition are delivered in the order of the
// calls.
func (p *Producer) Send(k Key, it *Item) {
	if !p.post(added{k, it}) {
		p.events.Failed(it, ErrClosed)
	}
}

// Close gives back everything that is not delivered and waits until nothing of the producer runs
// any more.
func (p *Producer) Close() {
	p.cancel()
	<-p.done
}

func (p *Producer) post(ev any) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	p.inbox = append(p.inbox, ev)
	p.signal()
	return true
}

// Refresh has the topics looked up anew.
func (p *Producer) Refresh() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stale = true
	p.signal()
}

func (p *Producer) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Producer) now() int64 { return int64(time.Since(p.start)) }

func (p *Producer) run() {
	defer close(p.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-p.wake:
		case <-timer.C:
		case <-p.ctx.Done():
			p.shutdown()
			return
		}
		p.mu.Lock()
		inbox, stale := p.inbox, p.stale
		p.inbox, p.stale = nil, false
		p.mu.Unlock()
		for _, ev := range inbox {
			p.take(ev)
		}
		timer.Reset(p.drive(stale))
	}
}

func (p *Producer) take(ev any) {
	switch e := ev.(type) {
	case added:
		p.m.Add(e.key, e.it, p.now())
		p.lead(e.key, p.topics.get(e.key.Topic).leaders)
	case answered:
		e.from.free++
		p.m.Done(e.r, e.results, p.now())
	case settling:
		p.t.Settle(p.now())
	case cutting:
		p.m.Cut()
	case committing:
		p.t.Commit(e.position, e.metadata, p.now())
	case breaking:
		p.t.Break(e.err)
	case called:
		p.t.Answer(e.c, e.a, p.now())
	case identified:
		p.m.Identify(e.key, e.id, e.epoch, e.err, p.now())
	case found:
		p.fetching = false
		p.topics.store(e.topics, e.err)
		for name, t := range e.topics {
			p.looked(name, t.err)
			for _, part := range p.m.all {
				if part.Topic == name && t.err == nil {
					p.lead(part.Key, t.leaders)
				}
			}
		}
	}
}

// lead tells the machine what the metadata says of a partition.
func (p *Producer) lead(k Key, leaders []int32) {
	switch {
	case int(k.Partition) < len(leaders):
		p.m.SetLeader(k, leaders[k.Partition])
	case len(leaders) > 0:
		p.m.Vanish(k)
	}
}

// looked passes on what the metadata says of a topic.
func (p *Producer) looked(name string, err error) {
	var k *kerr.Error
	switch {
	case err == nil:
		p.events.Present(name)
	case errors.As(err, &k) && p.events.Denied(name, err, true):
		p.m.Reject(name, Result{Code: k.Code})
	}
}

// drive does what is due and returns how long nothing will be.
func (p *Producer) drive(stale bool) time.Duration {
	now := p.now()
	p.m.Expire(now)
	if p.t != nil {
		if c := p.t.Next(now); c != nil {
			p.wg.Go(func() { p.post(called{c, p.calls.do(p.ctx, c)}) })
		}
	}
	for _, k := range p.m.Identities(now) {
		p.wg.Go(func() { p.identify(k) })
	}
	for _, b := range p.m.Leaders() {
		s := p.brokers[b]
		if s == nil {
			s = &sender{
				p:     p,
				id:    b,
				free:  p.cfg.Requests,
				queue: make(chan *Request, p.cfg.Requests),
			}
			p.brokers[b] = s
			p.wg.Go(s.run)
		}
		for s.free > 0 {
			r := p.m.Next(b, now)
			if r == nil {
				break
			}
			s.free--
			s.queue <- r
		}
	}
	wake := p.m.Wake()
	if p.t != nil {
		wake = min(wake, p.t.Wake())
	}
	if p.m.NeedMetadata() || stale || now-p.fetched > int64(p.cfg.MaxAge) {
		switch next := p.fetched + int64(minFetch); {
		case p.fetching, now < next:
			p.mu.Lock()
			p.stale = true // when the time comes
			p.mu.Unlock()
			if !p.fetching {
				wake = min(wake, next)
			}
		default:
			p.fetching, p.fetched = true, now
			p.wg.Go(func() {
				ctx, cancel := context.WithTimeout(p.ctx, p.cfg.DeliveryTimeout)
				defer cancel()
				t, err := p.topics.fetch(ctx, p.cl)
				p.post(found{t, err})
			})
		}
	}
	wake = min(wake, p.fetched+int64(p.cfg.MaxAge)+1)
	return max(time.Millisecond, time.Duration(wake-p.now()))
}

func (p *Producer) identify(k Key) {
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg.DeliveryTimeout)
	defer cancel()
	req := kmsg.NewPtrInitProducerIDRequest()
	req.ProducerID, req.ProducerEpoch = -1, -1
	resp, err := req.RequestWith(ctx, p.cl)
	if err == nil && resp.ErrorCode != 0 {
		err = &Error{Code: resp.ErrorCode}
	}
	if err != nil {
		p.post(identified{key: k, err: err})
		return
	}
	p.post(identified{key: k, id: resp.ProducerID, epoch: resp.ProducerEpoch})
}

func (p *Producer) shutdown() {
	p.mu.Lock()
	p.closing = true
	inbox := p.inbox
	p.inbox = nil
	p.mu.Unlock()
	for _, s := range p.brokers {
		close(s.queue)
	}
	p.wg.Wait()
	for _, ev := range inbox {
		p.take(ev)
	}
	p.m.Close(ErrClosed)
	if p.t != nil && p.t.open {
		// Readers of committed records would wait for it until it times out. If this fails they do.
		ctx, cancel := context.WithTimeout(context.Background(), closeWait)
		defer cancel()
		p.calls.do(ctx, &Call{Kind: CallInit})
	}
}

// closeWait is how long a producer that is closed tries to end its transaction.
const closeWait = 2 * time.Second

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
