package kafka

import (
	"context"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/time/rate"
)

// Input is an inputs.Source: the partitions of topics, shared with the other members of a consumer
// group.
type Input struct {
	cfg     Config
	env     inputs.Env
	opts    []kgo.Opt // to reach the cluster
	metrics *metrics
	start   startAt
	limit   *rate.Limiter // nil: none
	now     atomic.Pointer[session]
	answers answers
	refused refusals
	gone    atomic.Int64 // records that retention took before they were read
	silence *kafkaclient.Answers
}

// New returns an input. It connects to nothing yet.
func New(cfg Config, env inputs.Env) (*Input, error) {
	opts, silence, err := cfg.Watched(env.Agent, env.Log, env.Metrics)
	if err != nil {
		return nil, err
	}
	in := &Input{cfg: cfg, env: env, metrics: newMetrics(env.Metrics), silence: silence}
	env.Metrics.MustRegister(lagCollector{in})
	reach := cfg.NewReach()
	reach.OnFailure = func(err error) {
		in.answers.failed(err)
		in.metrics.logFailure(env.Log, "a broker cannot be connected to; trying again", err)
	}
	in.opts = append(
		opts,
		kgo.WithHooks(reach, &in.answers),
		kgo.RetryBackoffFn(kafkaclient.RetryBackoff(2*time.Second)),
	)
	if in.start, err = cfg.start(); err != nil {
		return nil, err
	}
	if cfg.RateLimit > 0 {
		in.limit = rate.NewLimiter(rate.Limit(cfg.RateLimit), int(min(cfg.RateLimit, 1<<20)))
	}
	return in, nil
}

// Run implements inputs.Source. Every log is a *Lease.
func (in *Input) Run(
	ctx context.Context, handle func(ctx context.Context, log record.Log) error,
) error {
	s := &session{
		in:      in,
		handle:  handle,
		leases:  newLeases(),
		wake:    make(chan struct{}, 1),
		suspect: make(chan struct{}, 1),
		ready:   make(chan struct{}),
	}
	in.now.Store(s)
	defer in.now.CompareAndSwap(s, nil)
	return s.run(ctx)
}

// readerOptions are those of the client that reads.
func (in *Input) readerOptions(inflater *inflater) []kgo.Opt {
	level := kgo.ReadCommitted()
	if in.cfg.Isolation == "read_uncommitted" {
		level = kgo.ReadUncommitted()
	}
	opts := append(in.opts[:len(in.opts):len(in.opts)],
		kgo.FetchIsolationLevel(level),
		kgo.FetchMaxBytes(int32(in.cfg.FetchBytes)),
		kgo.FetchMaxPartitionBytes(int32(max(in.cfg.FetchBytes/4, 1<<10))),
		kgo.FetchMaxWait(in.cfg.FetchWait),
		// what an offset out of range means is decided here
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.KeepControlRecords(), // they tell where a gap ends
		kgo.WithPools(inflater), kgo.WithDecompressor(inflater),
	)
	if in.cfg.Rack != "" {
		opts = append(opts, kgo.Rack(in.cfg.Rack))
	}
	return opts
}

// memberOptions are those of the client that is the group's member.
func (in *Input) memberOptions(protocol string, guard *heartbeats) []kgo.Opt {
	opts := append(in.opts[:len(in.opts):len(in.opts)],
		kgo.ConsumerGroup(in.cfg.Group),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(in.cfg.SessionTimeout),
		kgo.HeartbeatInterval(in.cfg.HeartbeatInterval),
		kgo.RebalanceTimeout(in.cfg.RebalanceTimeout),
		kgo.WithHooks(guard),
	)
	if protocol == "consumer" {
		opts = append(opts, kgo.Balancers(kgo.StickyBalancer()), kgo.ServerSideBalancer())
	} else {
		opts = append(opts, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	}
	if in.cfg.InstanceID != "" {
		opts = append(opts, kgo.InstanceID(in.cfg.InstanceID))
	}
	if in.cfg.Rack != "" {
		opts = append(opts, kgo.Rack(in.cfg.Rack))
	}
	if len(in.cfg.TopicsRegex) == 0 {
		return append(opts, kgo.ConsumeTopics(in.cfg.Topics...))
	}
	patterns := append([]string(nil), in.cfg.TopicsRegex...)
	for _, t := range in.cfg.Topics {
		patterns = append(patterns, "^"+regexp.QuoteMeta(t)+"$")
	}
	// Brokers that match patterns themselves match their own topics, too: the group's commits would
	// be records to commit. With something to leave out the client does it.
	exclude := append([]string(nil), in.cfg.ExcludeRegex...)
	for _, t := range internalTopics {
		if match(in.cfg.TopicsRegex, t) {
			exclude = append(exclude, "^"+t+"$")
		}
	}
	return append(
		opts, kgo.ConsumeRegex(), kgo.ConsumeTopics(patterns...),
		kgo.ConsumeExcludeTopics(exclude...),
	)
}

// internalTopics are those that brokers write to.
var internalTopics = []string{"__consumer_offsets", "__transaction_state", "__share_group_state"}

// protocol finds out which group protocol to speak. It retries until the cluster answers.
func (in *Input) protocol(ctx context.Context, cl *kgo.Client) (string, error) {
	if in.cfg.Protocol != "auto" {
		return in.cfg.Protocol, nil
	}
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "penstock", "1"
	for {
		resp, err := req.RequestWith(ctx, cl)
		if err == nil {
			for _, k := range resp.ApiKeys {
				if k.ApiKey == int16(kmsg.ConsumerGroupHeartbeat) && k.MaxVersion >= 1 {
					return "consumer", nil
				}
			}
			return "classic", nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		in.metrics.logFailure(in.env.Log, "the brokers do not answer", err)
		if err := fault.Sleep(ctx, fault.Spread(time.Second)); err != nil {
			return "", err
		}
	}
}
