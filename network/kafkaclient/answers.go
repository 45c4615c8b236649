package kafkaclient

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	suspectAfter = 2 * time.Second // of which nothing was heard
	// silentAfter is how long the question whether it is there may go unanswered.
	silentAfter  = 1400 * time.Millisecond
	longestPause = 8 * time.Second  // between questions that are answered while requests are not
	questionFor  = 30 * time.Second // then it is asked over another connection
	forgetAfter  = 30 * time.Second // of which nothing is asked any more
	workLasts    = 15 * time.Second // until what timed out is asked for again
)

// Answers knows which brokers say nothing: those that hang, and those behind something that
// swallows what is sent. What is refused or reset is a failure, and for others to tell.
//
// Fetches, joins, what is produced and what ends a transaction may rightly wait: for records, the
// other members, replicas, a coordinator's other work. So a broker from which nothing has come for
// a while is asked, over a connection of its own, something that brokers answer at once.
//
// It is a hook of all clients made of its options. Safe for concurrent use.
type Answers struct {
	dial     dialFunc
	question []byte
	log      *slog.Logger
	begun    time.Time

	mu      sync.Mutex
	brokers map[string]*watchedBroker // by address
	heard   time.Duration             // when any last answered a request
	clients map[*kgo.Client]bool
	stop    func() // ends what runs, and waits for it

	wake chan struct{} // there is a broker to look after, where there was none
}

// watchedBroker is what is known of one; its times are since Answers.begun, and 0 if there is none.
type watchedBroker struct {
	waiting, work int           // requests, and those that records wait for
	used, worked  time.Duration // when there last were any
	asked         time.Duration // the first request since it was heard of
	silent        time.Duration // since when it says nothing, once that is known

	// the question whether it is there
	open      time.Duration // since when
	notBefore time.Duration
	pause     time.Duration
	connected bool
	conn      net.Conn // kept for the next one
}

// Silence is what is known of brokers that say nothing.
type Silence struct {
	Since     time.Time // zero while there are none
	Why, Do   string
	AllOfThem bool // no other broker has answered since
}

func newAnswers(dial dialFunc, client string, log *slog.Logger) *Answers {
	req := kmsg.NewPtrApiVersionsRequest() // version 0: the one that every broker knows
	return &Answers{
		dial: dial, log: log, begun: time.Now(),
		brokers: map[string]*watchedBroker{}, clients: map[*kgo.Client]bool{},
		wake: make(chan struct{}, 1),
		question: kmsg.NewRequestFormatter(kmsg.FormatterClientID(client)).
			AppendRequest(nil, req, 0),
	}
}

// now is never 0.
func (a *Answers) now() time.Duration { return time.Since(a.begun) + 1 }

// Silence tells which brokers say nothing that records wait for, or that there is no other.
func (a *Answers) Silence() Silence {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	var since time.Duration
	connected, held, now := false, false, a.now()
	for address, b := range a.brokers {
		if b.silent == 0 {
			continue
		}
		names = append(names, address)
		connected = connected || b.connected
		held = held || b.work > 0 || now-b.worked < workLasts
		if since == 0 || b.silent < since {
			since = b.silent
		}
	}
	all := a.heard < since+suspectAfter
	if names == nil || !all && !held {
		return Silence{}
	}
	slices.Sort(names)
	s := Silence{Since: a.begun.Add(since), AllOfThem: all}
	s.Why, s.Do = explain(strings.Join(names, ", "), connected)
	return s
}

func explain(names string, connected bool) (why, do string) {
	if connected {
		return names + " says nothing to what it is sent", "look whether its process hangs, or " +
			"something on the way swallows what is sent"
	}
	return names + " neither takes nor refuses connections", "look whether its host is up, and for " +
		"firewalls on the way"
}

// OnNewClient implements kgo.HookNewClient.
func (a *Answers) OnNewClient(cl *kgo.Client) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.clients[cl] = true; len(a.clients) > 1 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		timer := time.NewTimer(suspectAfter)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			case <-a.wake:
			}
			if next := a.look(ctx, &running); next > 0 {
				timer.Reset(next)
			}
		}
	})
	a.stop = func() {
		cancel()
		running.Wait()
	}
}

// OnClientClosed implements kgo.HookClientClosed.
func (a *Answers) OnClientClosed(cl *kgo.Client) {
	a.mu.Lock()
	last := a.clients[cl] && len(a.clients) == 1
	delete(a.clients, cl)
	stop := a.stop
	a.mu.Unlock()
	if !last {
		return
	}
	stop()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.clients) > 0 {
		return
	}
	for address, b := range a.brokers {
		a.forget(address, b)
	}
}

func (a *Answers) forget(address string, b *watchedBroker) {
	if b.conn != nil {
		b.conn.Close()
	}
	delete(a.brokers, address)
}

// connect is a kgo.Dialer: what hangs here is a request without an answer, too.
func (a *Answers) connect(ctx context.Context, network, address string) (net.Conn, error) {
	a.sent(address, true)
	conn, err := a.dial(ctx, network, address)
	a.ended(address, true, err != nil && !isTimeout(err))
	return conn, err
}

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (a *Answers) OnBrokerWrite(
	meta kgo.BrokerMetadata, key int16, n int, _, _ time.Duration, _ error,
) {
	if n > 0 {
		a.sent(addressOf(meta), isWork(key))
	}
}

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (a *Answers) OnBrokerE2E(meta kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	if e.BytesWritten == 0 {
		return
	}
	err := e.Err()
	a.ended(addressOf(meta), isWork(key), err == nil || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNRESET))
	if err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.heard = a.now()
	}
}

// sent takes note of a request.
func (a *Answers) sent(address string, work bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.brokers[address]
	if b == nil {
		b = &watchedBroker{}
		if a.brokers[address] = b; len(a.brokers) == 1 {
			select {
			case a.wake <- struct{}{}:
			default:
			}
		}
	}
	b.waiting++
	if work {
		b.work++
	}
	if b.asked == 0 {
		b.asked = a.now()
	}
}

// ended takes note of the end of a request, and whether the broker showed that it is there.
func (a *Answers) ended(address string, work, isThere bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, now := a.brokers[address], a.now()
	if b == nil {
		return
	}
	b.waiting, b.used = max(b.waiting-1, 0), now
	if work {
		b.work, b.worked = max(b.work-1, 0), now
	}
	if isThere {
		b.pause = 0
		a.isThere(address, b, now)
	}
}

// isThere takes note that the broker was heard of. a.mu is held.
func (a *Answers) isThere(address string, b *watchedBroker, now time.Duration) {
	if b.silent != 0 {
		a.log.Info(
			"the broker answers again", "broker", address,
			"after", (now - b.silent).Round(time.Millisecond).String(),
		)
	}
	b.silent, b.asked = 0, 0
	if b.waiting > 0 {
		b.asked = now
	}
}

// look asks those brokers whether they are there from which nothing has come for a while. It
// returns when to look again, 0 if there is nobody to look after.
func (a *Answers) look(ctx context.Context, running *sync.WaitGroup) (next time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	for address, b := range a.brokers {
		switch {
		case b.open != 0:
			unheard := b.asked != 0 && b.asked < b.open // since it was asked
			if b.silent == 0 && unheard && now-b.open >= silentAfter {
				b.silent = b.asked
				why, do := explain(address, b.connected)
				a.log.Warn(
					"a broker does not answer; it is asked again until it does", "error", why,
					"for", (now - b.asked).Round(time.Millisecond).String(), "do", do,
				)
			}
		case b.conn != nil && now-b.notBefore > longestPause:
			b.conn.Close() // it may be dead by the time it is needed
			b.conn = nil
		case b.waiting == 0 && now-b.used >= forgetAfter:
			a.forget(address, b)
		case b.asked != 0 && now-b.asked >= suspectAfter && now > b.notBefore:
			b.open = now
			running.Go(func() { a.ask(ctx, address, b) })
		}
	}
	if len(a.brokers) == 0 {
		return 0
	}
	due := now + suspectAfter // what is asked by then is not due before
	for _, b := range a.brokers {
		switch {
		case b.open != 0 && now < b.open+silentAfter:
			due = min(due, b.open+silentAfter)
		case b.open == 0 && b.asked != 0:
			due = min(due, max(b.asked+suspectAfter, b.notBefore+1))
		}
	}
	return max(due-now, time.Millisecond)
}

// ask asks a broker whether it is there.
func (a *Answers) ask(ctx context.Context, address string, b *watchedBroker) {
	conn, err := b.conn, error(nil)
	if conn == nil {
		conn, err = a.dial(ctx, "tcp", address)
	}
	if err == nil {
		a.mu.Lock()
		b.connected = true
		a.mu.Unlock()
		err = a.exchange(ctx, conn)
	}
	if err != nil && conn != nil {
		conn.Close()
		conn = nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b.open, b.conn, b.connected = 0, conn, conn != nil
	if isTimeout(err) {
		return
	}
	now := a.now()
	b.pause = min(max(2*b.pause, suspectAfter), longestPause)
	b.notBefore = now + b.pause
	a.isThere(address, b, now) // also when it refuses
}

func (a *Answers) exchange(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(questionFor)); err != nil {
		return err
	}
	if _, err := conn.Write(a.question); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(size[:])))
	return err
}

func addressOf(meta kgo.BrokerMetadata) string {
	return net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port)))
}

// isWork tells what records wait for from what any broker can be asked.
func isWork(key int16) bool {
	switch kmsg.Key(key) {
	case kmsg.Metadata, kmsg.ApiVersions, kmsg.FindCoordinator, kmsg.SASLHandshake,
		kmsg.SASLAuthenticate:
		return false
	}
	return true
}

// isTimeout reports an error of this side alone.
func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, context.Canceled)
}
