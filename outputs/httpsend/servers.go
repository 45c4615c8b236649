package httpsend

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

const (
	// maxRetryAfter bounds what a server may ask for with Retry-After.
	maxRetryAfter = time.Minute
	// trialTime is what a server that was down gets to take a request, before another one does.
	trialTime = 10 * time.Second
	// A server that is down is left alone for firstRest, doubled up to longestRest.
	firstRest, longestRest = 5 * time.Second, 2 * time.Minute
)

// server is one of the URLs, with connections of its own: what its certificate has to show depends
// on it.
type server struct {
	url    string
	client *http.Client

	// Guarded by the sender's mu.
	retryAfter time.Time     // nothing is sent before: it asked for that
	isDown     bool          // it failed since it last answered
	rest       fault.Backoff // for how long it is left alone then, while others are well
	restUntil  time.Time
}

// target is a server that a request goes to.
type target struct {
	*server
	onTrial bool // others are well, and take the request unless it does in time
}

func (s *Sender) pauseFor(to *server, after string) {
	var d time.Duration
	if n, err := strconv.Atoi(after); err == nil {
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(after); err == nil {
		d = time.Until(t)
	}
	d = min(d, maxRetryAfter)
	s.mu.Lock()
	defer s.mu.Unlock()
	if until := time.Now().Add(d); d > 0 && until.After(to.retryAfter) {
		to.retryAfter = until
	}
}

// targets returns the servers that have not asked to be left alone, in the order in which they are
// tried. It waits until there is one.
func (s *Sender) targets(ctx context.Context) ([]target, error) {
	for {
		some, wait := s.targetsNow()
		if len(some) > 0 {
			return some, nil
		}
		if err := fault.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// targetsNow returns those that are willing now, and how long it is until the next will be. Those
// that are well come first, in turn, and those that are down last: one that has hung would hold up
// every request that it gets. Of these one that has rested goes first, on trial.
func (s *Sender) targetsNow() (some []target, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	wait = maxRetryAfter
	var trial *server
	var well, down []target
	for _, to := range s.servers {
		switch {
		case to.retryAfter.After(now):
			wait = min(wait, to.retryAfter.Sub(now))
		case !to.isDown:
			well = append(well, target{server: to})
		case trial == nil && !to.restUntil.After(now):
			trial = to
		default:
			down = append(down, target{server: to})
		}
	}
	switch {
	case trial != nil && len(well) > 0:
		trial.restUntil = now.Add(trialTime) // for other requests
		some = append(some, target{trial, true})
	case trial != nil:
		down = append(down, target{server: trial})
	}
	some = append(append(some, s.inTurn(well)...), s.inTurn(down)...)
	s.next++
	return some, wait
}

// inTurn begins with another one each time.
func (s *Sender) inTurn(list []target) []target {
	if len(list) == 0 {
		return nil
	}
	first := int(s.next) % len(list)
	return append(list[first:len(list):len(list)], list[:first]...)
}

// failed notes that a server took nothing, and is in trouble itself.
func (s *Sender) failed(to *server, err error) {
	s.mu.Lock()
	to.isDown = true
	to.restUntil = time.Now().Add(to.rest.Next())
	s.mu.Unlock()
	if len(s.servers) > 1 { // else its output says so
		s.downs.Failed(to.url, err, "server", to.url)
	}
}

func (s *Sender) worked(to *server) {
	s.mu.Lock()
	was := to.isDown
	to.isDown, to.rest.Failures = false, 0
	s.mu.Unlock()
	if was {
		s.downs.Worked(to.url)
	}
}
