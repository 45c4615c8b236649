package producer

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/network/kafkaclient"
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
	ConnectError   func() error  // why no broker can be connected to, nil if not known
	IsFailing      func() bool   // what is sent now is not taken; nil if not known
	Log            *slog.Logger
	Metrics        *Metrics
	// for requests that were given up while a connection was set up: they end with the client
	Left *sync.WaitGroup
	Txn  *TxnOptions // of a transactional producer; then Config.Transactional is set too
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

	inbox inbox // how all others reach the loop

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

// minFetch is the least time between two metadata requests.
const minFetch = 250 * time.Millisecond

// New starts a producer. It uses cl for its connections alone and does not close it.
func New(cl *kgo.Client, opts Options, events Events) *Producer {
	p := &Producer{
		cl: cl, cfg: opts, events: events,
		topics: topics{autoCreate: opts.AutoCreate, known: map[string]*topic{}},
		done:   make(chan struct{}), inbox: newInbox(), start: time.Now(),
		brokers: map[int32]*sender{}, fetched: math.MinInt64 / 2,
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.m = NewMachine(opts.Config, events)
	if opts.Txn != nil {
		p.t = NewTxn(p.m, opts.Config, opts.Txn.Events)
		p.calls = calls{
			cl: cl, left: opts.Left, o: opts.Txn, timeout: opts.RequestTimeout + 5*time.Second,
		}
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
// any more, but for what Options.Left waits for.
func (p *Producer) Close() {
	p.cancel()
	<-p.done
}

func (p *Producer) post(e event) bool { return p.inbox.post(e) }

// Refresh has the topics looked up anew.
func (p *Producer) Refresh() { p.inbox.refresh() }

func (p *Producer) now() int64 { return int64(time.Since(p.start)) }

func (p *Producer) run() {
	defer close(p.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-p.inbox.wake:
		case <-timer.C:
		case <-p.ctx.Done():
			p.shutdown()
			return
		}
		events, stale := p.inbox.take()
		for _, e := range events {
			e.apply(p)
		}
		timer.Reset(p.drive(stale))
	}
}

// updateLeader tells the machine what the metadata says of a partition.
func (p *Producer) updateLeader(k Key, leaders []int32) {
	switch {
	case int(k.Partition) < len(leaders):
		p.m.SetLeader(k, leaders[k.Partition])
	case len(leaders) > 0:
		p.m.Vanish(k)
	}
}

// onTopicLookup passes on what the metadata says of a topic.
func (p *Producer) onTopicLookup(name string, err error) {
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
			p.inbox.refreshLater() // when the time comes
			if !p.fetching {
				wake = min(wake, next)
			}
		default:
			p.fetching, p.fetched = true, now
			p.wg.Go(func() {
				ctx, cancel := context.WithTimeout(p.ctx, p.cfg.DeliveryTimeout)
				defer cancel()
				t, err := kafkaclient.Ask(
					ctx, p.cfg.Left, func() (map[string]topic, error) {
						return p.topics.fetch(ctx, p.cl)
					},
				)
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
	resp, err := kafkaclient.Ask(
		ctx, p.cfg.Left, func() (*kmsg.InitProducerIDResponse, error) {
			return req.RequestWith(ctx, p.cl)
		},
	)
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
	left := p.inbox.close()
	for _, s := range p.brokers {
		close(s.queue)
	}
	p.wg.Wait()
	for _, e := range left {
		e.apply(p)
	}
	p.m.Close(ErrClosed)
	if p.t != nil && p.t.open {
		// Readers of committed records would wait for it until it times out. If this fails they do.
		wait := closeWait
		if p.cfg.IsFailing != nil && p.cfg.IsFailing() {
			wait = closeWait / 10
		}
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		p.calls.do(ctx, &Call{Kind: CallInit})
	}
}

// closeWait is how long a producer that is closed tries to end its transaction.
const closeWait = 2 * time.Second
