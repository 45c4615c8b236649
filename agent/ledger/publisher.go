package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/prometheus/client_golang/prometheus"
)

// Config says where pages go.
type Config struct {
	Place    Place
	Prefix   string
	Interval time.Duration
	Keep     time.Duration // pages of older hours are deleted
	Do       string        // what to do when publishing fails
}

// passTimeout bounds one round of publishing.
const passTimeout = time.Minute

// Publisher writes an agent's pages at intervals.
type Publisher struct {
	cfg   Config
	agent string
	// pages returns those of all pipelines whose counts are at hand, by hour, with that of now.
	pages func(now time.Time) []Page
	// published is told of pages that are in their place.
	published func(*Page)

	last    map[string]lastPage // by key
	swept   time.Time           // the last hour whose old pages were deleted
	log     fault.FailureLog
	written prometheus.Counter
	failed  prometheus.Counter
}

type lastPage struct {
	sum   [sha256.Size]byte
	hour  time.Time
	state *State // kept for pages that are written each time
}

// NewPublisher returns a publisher of an agent's pages.
func NewPublisher(
	cfg Config, agent string, pages func(now time.Time) []Page, published func(*Page),
	log *slog.Logger,
) *Publisher {
	return &Publisher{
		cfg: cfg, agent: agent, pages: pages, published: published, last: map[string]lastPage{},
		log: fault.FailureLog{
			Log: log, What: "publishing the counts of the audit",
			Do: cfg.Do,
		},
		written: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "penstock_audit_pages_total",
			Help: "Pages of counts that were published for the audit.",
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "penstock_audit_publish_failures_total",
			Help: "Rounds of publishing counts for the audit that failed.",
		}),
	}
}

// Collectors are the metrics of publishing.
func (p *Publisher) Collectors() []prometheus.Collector {
	return []prometheus.Collector{p.written, p.failed}
}

// Run publishes until ctx ends, and once more then. It begins at a random time, so that agents that
// start together do not publish together.
func (p *Publisher) Run(ctx context.Context) {
	for wait := rand.N(p.cfg.Interval); fault.Sleep(ctx, wait) == nil; {
		p.round(ctx, passTimeout)
		wait = fault.Spread(p.cfg.Interval)
	}
	p.round(context.WithoutCancel(ctx), time.Second)
}

func (p *Publisher) round(ctx context.Context, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	now := time.Now()
	err := p.Publish(ctx, now)
	if err == nil {
		err = p.sweep(ctx, now.UTC().Truncate(time.Hour))
	}
	if err != nil {
		p.failed.Inc()
		p.log.Failed(err)
		return
	}
	p.log.Worked()
}

// Publish writes all pages that have changed, and those of this hour.
func (p *Publisher) Publish(ctx context.Context, now time.Time) error {
	this := now.UTC().Truncate(time.Hour)
	var behind []Page
	for _, page := range p.pages(now) {
		if page.Hour.Equal(this) {
			behind = append(behind, page)
			continue
		}
		if err := p.put(ctx, &page, now, false); err != nil {
			return err
		}
	}
	for i := range behind { // they say that all of the others are as of now
		if err := p.put(ctx, &behind[i], now, true); err != nil {
			return err
		}
	}
	for key, l := range p.last {
		if now.Sub(l.hour) > p.cfg.Keep {
			delete(p.last, key)
		}
	}
	return nil
}

func (p *Publisher) put(ctx context.Context, page *Page, now time.Time, always bool) error {
	key := page.key(p.cfg.Prefix)
	content, err := json.Marshal(page)
	if err != nil {
		return err
	}
	last, sum := p.last[key], sha256.Sum256(content)
	if last.sum == sum && !always {
		p.published(page)
		return nil
	}
	page.Format, page.Every = format, p.cfg.Interval
	page.Published, page.Before = now, last.state
	data, err := page.encode()
	if err != nil {
		return err
	}
	if err := p.cfg.Place.Put(ctx, key, data, now); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	state := page.State
	p.last[key] = lastPage{sum, page.Hour, &state}
	p.written.Inc()
	p.published(page)
	return nil
}

// sweep deletes this agent's pages that are too old, once an hour. What an agent leaves that is
// gone for days is for a rule of the bucket.
func (p *Publisher) sweep(ctx context.Context, this time.Time) error {
	if p.swept.Equal(this) {
		return nil
	}
	hours := 3
	if p.swept.IsZero() {
		hours = 24
	}
	for i := range hours {
		hour := this.Add(-p.cfg.Keep - time.Duration(i+1)*time.Hour)
		mine := path.Join(hourPrefix(p.cfg.Prefix, hour), p.agent) + "/"
		if err := p.cfg.Place.Remove(ctx, mine); err != nil {
			return fmt.Errorf("deleting old pages: %w", err)
		}
	}
	p.swept = this
	return nil
}
