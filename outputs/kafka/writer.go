package kafka

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka/producer"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"
)

// Writer produces batches to Kafka. It implements outputs.AsyncWriter, outputs.Prober and
// outputs.Router.
//
// Once a batch has failed, those behind it in the same partition and round fail too: nothing of a
// partition overtakes. What may have been appended does not fail until it is known not to be,
// however long its partition takes nothing.
type Writer struct {
	*shared
	session *Session // whose batches this one writes; nil outside of transactions
	room    *semaphore.Weighted
	prod    *producer.Producer
	parking *parking

	mu       sync.Mutex // guards what follows, and the order of sends
	open     map[producer.Key]*accumulator
	limits   map[string]int      // bytes a batch may have, by topic, learnt from refusals
	mappings map[string]*mapping // by topic
	sticky   int
	timer    *time.Timer
	flushed  time.Time // when a pile last went that was not full
	scratch  scratch
	closed   bool
}

// recordSettings say what a record becomes: its topic, key and headers, how it is compressed and
// which path it takes. They never change.
type recordSettings struct {
	codec            record.Codec
	topic            *template.Bound[dialect.Subject]
	key              *template.Bound[dialect.Subject] // nil: records keep theirs
	headers          []record.Header
	byHash           bool
	small            int    // smallBatch, but for tests
	recordPathReason string // why the record path is taken for all batches; "" if it is not
}

func newRecordSettings(cfg *Config, agent string) (recordSettings, error) {
	s := recordSettings{
		headers:          staticHeaders(cfg.Headers),
		small:            smallBatch,
		byHash:           cfg.byHash(),
		recordPathReason: cfg.perRecord(),
	}
	var err error
	if s.codec, err = record.ParseCodec(cfg.Compression); err != nil {
		return s, fmt.Errorf("compression: %w", err)
	}
	if s.topic, err = dialect.Bind(cfg.Topic, agent); err != nil {
		return s, fmt.Errorf("topic: %w", err)
	}
	if !cfg.Key.IsZero() {
		if s.key, err = dialect.Bind(cfg.Key, agent); err != nil {
			return s, fmt.Errorf("key: %w", err)
		}
	}
	return s, nil
}

// shared is what an output has once: the writer outside of transactions and those of its sessions
// share it. New makes it; after the start only what is safe for concurrent use changes.
type shared struct {
	cfg Config
	env outputs.Env
	recordSettings

	cl            *kgo.Client
	left          sync.WaitGroup // see kafkaclient.Ask
	reach         *kafkaclient.Reach
	silence       *kafkaclient.Answers
	metrics       *metrics
	producing     *producer.Metrics
	failing       *failureLog
	retention     *retention
	absent        *absent
	report        func(error)
	loggedReasons sync.Map     // reasons for the record path that were logged
	delivered     atomic.Int64 // when something last was, in nanoseconds since the Unix epoch
}

// newWriter returns one that does not run yet.
func (s *shared) newWriter(session *Session, sticky int) *Writer {
	return &Writer{
		shared: s, session: session, sticky: sticky,
		room:     semaphore.NewWeighted(s.cfg.BufferBytes),
		open:     map[producer.Key]*accumulator{},
		limits:   map[string]int{},
		mappings: map[string]*mapping{},
		scratch:  scratch{parked: map[string]*parked{}},
	}
}

type scratch struct {
	key         []byte
	headers     []record.Header
	parked      map[string]*parked // of the delivery at hand, by topic
	accumulated int                // the size that batches have had of late
}

// New returns a writer. It connects to nothing yet.
func New(cfg Config, env outputs.Env) (*Writer, error) {
	settings, err := newRecordSettings(&cfg, env.Agent)
	if err != nil {
		return nil, err
	}
	opts, silence, err := cfg.Watched(env.Agent, env.Log, env.Metrics)
	if err != nil {
		return nil, err
	}
	s := &shared{
		cfg:            cfg,
		env:            env,
		recordSettings: settings,
		metrics:        newMetrics(env.Metrics),
		reach:          cfg.NewReach(),
		silence:        silence,
	}
	s.failing = newFailureLog(env.Log, func() time.Time { return time.Unix(0, s.delivered.Load()) })
	s.reach.OnFailure = s.failing.unreachable
	s.absent = &absent{
		after:   cfg.missingAfter(),
		log:     env.Log,
		output:  env.Name,
		metrics: s.metrics,
		topics:  map[string]*absence{},
	}
	if s.recordPathReason == "" {
		env.Log.Info("batches go to Kafka as they lie (direct path)")
	} else {
		env.Log.Info("batches go to Kafka record by record", "because", s.recordPathReason)
	}
	if err := s.connect(opts); err != nil {
		return nil, err
	}
	w := s.newWriter(nil, rand.IntN(1<<16))
	w.run(s.producerOptions())
	return w, nil
}

// connect makes the client.
func (s *shared) connect(opts []kgo.Opt) (err error) {
	opts = append(
		opts,
		kgo.WithHooks(s.reach),
		kgo.RetryBackoffFn(kafkaclient.RetryBackoff(time.Second)),
		kgo.ProduceRequestTimeout(s.cfg.RequestTimeout),
	)
	if s.cfg.AllowAutoTopicCreation {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	if s.cfg.Delivery == ExactlyOnce {
		opts = append(opts, kgo.MaxVersions(producer.TxnVersions()))
	}
	if s.cl, err = kgo.NewClient(opts...); err != nil {
		return err
	}
	s.retention = newRetention(s.cl)
	s.producing = producer.NewMetrics(s.env.Metrics)
	return nil
}

// producerOptions are those of a producer outside of transactions.
func (s *shared) producerOptions() producer.Options {
	cfg := &s.cfg
	return producer.Options{
		Config: producer.Config{
			Inflight:        min(cfg.MaxInFlight, 5),
			RequestBytes:    int(max(4<<20, cfg.BatchMaxBytes)),
			DeliveryTimeout: cfg.DeliveryTimeout,
			BackoffMin:      50 * time.Millisecond,
			BackoffMax:      time.Second,
			Spread:          fault.Spread,
		},
		Codec:          s.codec,
		RequestTimeout: cfg.RequestTimeout,
		MaxAge:         cfg.MetadataMaxAge,
		AutoCreate:     cfg.AllowAutoTopicCreation,
		Requests:       cfg.MaxInFlight,
		ConnectError:   s.reach.Err,
		IsFailing:      func() bool { return !s.Failure().Since.IsZero() },
		Log:            s.env.Log,
		Metrics:        s.producing,
	}
}

// run starts the producer.
func (w *Writer) run(o producer.Options) {
	w.timer = time.AfterFunc(time.Hour, w.flushLingering)
	w.timer.Stop()
	w.parking = newParking(w)
	o.Left = &w.left
	w.prod = producer.New(w.cl, o, events{w})
}

// Start implements outputs.AsyncWriter. It waits for room.
func (w *Writer) Start(ctx context.Context, b *record.Batch, done func(error)) {
	size := min(int64(b.Size())+1, w.cfg.BufferBytes)
	if err := w.room.Acquire(ctx, size); err != nil {
		done(err)
		return
	}
	free := sync.OnceFunc(func() { w.room.Release(size) })
	d := &delivery{
		ctx:    ctx,
		round:  outputs.RoundOf(ctx),
		b:      b,
		left:   b.Len(),
		onFree: free,
		onDone: func(err error) {
			free()
			done(err)
		},
	}
	if w.cfg.Format == formatMsgpack {
		d.b = asMaps(b)
	}
	if b.Len() == 0 {
		d.onDone(nil)
		return
	}
	reason := w.recordPathReason
	if reason == "" {
		var sent bool
		if reason, sent = w.direct(ctx, d, nil); sent {
			return
		}
		if _, logged := w.loggedReasons.LoadOrStore(reason, true); !logged {
			w.env.Log.Info(
				"some batches go record by record", "because", reason, "means", reasons[reason],
			)
		}
	}
	w.metrics.byRecord.WithLabelValues(reason).Inc()
	w.records(ctx, d)
}

// Failure implements outputs.FailureReporter.
func (s *shared) Failure() outputs.Failure {
	f, silent := s.failing.state(s.reach.Err()), s.silence.Silence()
	if silent.Since.IsZero() {
		return f
	}
	if f.Since.IsZero() || silent.Since.Before(f.Since) {
		f.Since = silent.Since
	}
	f.Error, f.Do = silent.Why, silent.Do // a timeout says less
	return f
}

// Report implements outputs.Reporter.
func (w *Writer) Report(tell func(error)) { w.report = tell }

// Topic implements outputs.Router. It returns "" where the record does not say.
func (w *Writer) Topic(b *record.Batch, r *record.Record) string {
	if b.Topic != "" {
		return b.Topic
	}
	name, err := w.topic.Append(nil, dialect.Subject{Batch: b, Record: r})
	if err != nil || sanitizeTopic(name) != nil {
		return ""
	}
	return string(name)
}

// Close gives back what is not delivered and closes the connections.
func (w *Writer) Close() error {
	w.stop()
	w.retention.close()
	w.cl.Close()
	w.left.Wait()
	return nil
}

// stop gives back what is not delivered.
func (w *Writer) stop() {
	w.mu.Lock()
	w.closed = true
	w.timer.Stop()
	piles := w.open
	w.open = map[producer.Key]*accumulator{}
	w.mu.Unlock()
	w.parking.close()
	for _, p := range piles {
		p.content.finish(producer.ErrClosed)
	}
	w.prod.Close()
}

// pickSpread returns the partition for a batch when nothing ties it to one.
func (w *Writer) pickSpread(n int, next bool) int {
	if next {
		if w.cfg.Partitioner == "sticky" {
			w.sticky = rand.IntN(1 << 16)
		} else {
			w.sticky++
		}
	}
	return w.sticky % n
}

// limit returns the most bytes a batch for topic may have. w.mu is held.
func (w *Writer) limit(topic string) int {
	if n, ok := w.limits[topic]; ok {
		return n
	}
	return int(w.cfg.BatchMaxBytes)
}

// lowerLimit takes note of a size that the brokers refuse for a topic.
func (w *Writer) lowerLimit(topic string, size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := max(size/2, smallBatch); n < w.limit(topic) {
		w.limits[topic] = n
		w.env.Log.Warn(
			"a broker refuses batches as large as these; smaller ones are sent from now on",
			"topic", topic, "refused", size, "now", n,
			"do", "set batch_max_bytes to the topic's max.message.bytes, or raise that",
		)
	}
}

func (w *Writer) spread() bool { return w.cfg.spreads() }
