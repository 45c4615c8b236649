package spool

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/spool/format"
)

const (
	minBackoff = 200 * time.Millisecond
	maxBackoff = 30 * time.Second
)

// pause sleeps before attempt n+1, with jitter, or until ctx ends.
func pause(ctx context.Context, n int) error {
	if n <= 0 {
		return ctx.Err()
	}
	back := backoff(n)
	return back.Wait(ctx)
}

// backoff returns the waits from the one before attempt n+1 on.
func backoff(n int) fault.Backoff {
	return fault.Backoff{Min: minBackoff, Max: maxBackoff, Half: true, Failures: n - 1}
}

// failureLogs is what an archiver says, once and then at intervals, of what may fail and is tried
// again, of dead letters and of names that are taken. Each part is safe for concurrent use.
type failureLogs struct {
	store, commit, disk, log, decode, complete *failureLog

	deadLetters *deadLetterLog
	conflicts   *conflicts
}

// failureLog is of one kind of work; a log or an object is what has the key.
type failureLog struct {
	fault.KeyedLog[string]
	what, do string
}

func newFailureLogs(m *metrics, env Env, dir string) *failureLogs {
	f := &failureLogs{}
	say := func(reason, what, do string) *failureLog {
		stuck := m.stuck.WithLabelValues(reason)
		return &failureLog{what: what, do: do, KeyedLog: fault.KeyedLog[string]{
			Log:   env.Log,
			Fails: what + " fails, trying again until it works",
			Works: what + " works again",
			Do:    func(error) string { return do },
			OnChange: func(failing bool) {
				value := 0.0
				if failing {
					value = 1
				}
				stuck.Set(value)
			},
		}}
	}
	f.store = say(
		"store", "uploading to the object store",
		"check that the store is reachable and that the credentials may write there; nothing is lost, reading stops when the spool is full",
	)
	f.commit = say(
		"commit", "committing a position",
		"check the log's broker; nothing is lost, no cut is uploaded before its intent is known to be stored",
	)
	f.disk = say(
		"disk", "writing a working file",
		"free space in "+dir+" or lower spool.disk; nothing is lost, reading goes on when there is space",
	)
	f.complete = say(
		"complete", "telling that a partition is complete",
		"see the error; it is tried again, and archiving goes on",
	)
	f.decode = say(
		"decode", "decoding a record",
		"check that the schema registry is reachable; nothing is lost, the log waits",
	)
	f.log = say(
		"log", "making a begun cut again",
		"the log ends before the position up to which a cut was begun: if the topic was made anew, set the group's offsets by hand",
	)
	f.conflicts = newConflicts(env.Log, m.conflicts)
	f.deadLetters = &deadLetterLog{
		log: env.Log,
		do:  "penstock archive cat --envelope prints them with the reasons; nothing is lost",
	}
	if env.DeadLetter != nil {
		f.deadLetters.do = "the reasons are with them; mend the configuration and bring them back with penstock replay"
	}
	return f
}

// forget is for a log that is not archived any more.
func (f *failureLogs) forget(log string) {
	for _, t := range []*failureLog{f.commit, f.log, f.decode, f.complete} {
		t.Forget(log)
	}
}

// deadLetterLog says at intervals that records become dead letters.
type deadLetterLog struct {
	log *slog.Logger
	do  string

	throttle fault.Throttle
	n        atomic.Int64
}

func (l *deadLetterLog) add(reason error, args ...any) {
	n := l.n.Add(1)
	if l.throttle.Due(1, time.Now()) > 0 {
		do := l.do
		if remedy := format.Remedy(reason); remedy != "" {
			do = remedy + "; " + do
		}
		l.log.Warn(
			"records become dead letters",
			append(args, "reason", reason, "so_far", n, "do", do)...,
		)
	}
}

// Failing tells since when something fails that is tried again, what, and what a person can do
// about it; since is zero if nothing does.
func (a *Archiver) Failing() (since time.Time, what, do string) {
	late, object, failed := a.underway.overdue(time.Now())
	if since, what, do = a.failing.state(failed); !since.IsZero() || late.IsZero() {
		return since, what, do
	}
	return late, "the upload of " + object + " does not end",
		"look whether the store hangs, or something on the way swallows what is sent; " +
			"nothing is lost"
}

// state is Failing as far as it was logged. storeSince is since when the store was waited for.
func (f *failureLogs) state(storeSince time.Time) (since time.Time, what, do string) {
	for _, t := range []*failureLog{
		f.store, f.disk, f.commit, f.log, f.decode, f.complete,
	} {
		o := t.Outage()
		if o.Failing == 0 {
			continue
		}
		if t == f.store && !storeSince.IsZero() && storeSince.Before(o.Since) {
			o.Since = storeSince
		}
		if since.IsZero() || o.Since.Before(since) {
			since, what, do = o.Since, t.what+" fails: "+o.Last.Error(), t.do
		}
	}
	return since, what, do
}
