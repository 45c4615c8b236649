package spool

import "time"

// failing is what an archiver says, once and then at intervals, of what may fail and is tried
// again, of dead letters and of names that are taken. Each part is safe for concurrent use.
type failing struct {
	store, commit, disk, log, decode, complete *failureLog

	deadLetters *throttledLog
	occupied    *occupied
}

func newFailing(m *metrics, env Env, dir string) *failing {
	f := &failing{}
	say := func(reason, what, do string) *failureLog {
		return &failureLog{
			log:  env.Log,
			what: what,
			do:   do,
			flag: m.stuck.WithLabelValues(reason).Set,
		}
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
	f.occupied = &occupied{log: env.Log, count: m.occupied, keys: map[string]occupant{}}
	f.deadLetters = &throttledLog{log: env.Log, what: "records become dead letters",
		do: "penstock archive cat --envelope prints them with the reasons; nothing is lost"}
	if env.DeadLetter != nil {
		f.deadLetters.do = "the reasons are with them; mend the configuration and bring them back with penstock replay"
	}
	return f
}

// forget is for a log that is not archived any more.
func (f *failing) forget(log string) {
	for _, t := range []*failureLog{f.commit, f.log, f.decode, f.complete} {
		t.forget(log)
	}
}

// Failing tells since when something fails that is tried again, what, and what a person can do
// about it; since is zero if nothing does.
func (a *Archiver) Failing() (since time.Time, what, do string) {
	for _, t := range []*failureLog{
		a.failing.store, a.failing.disk, a.failing.commit,
		a.failing.log, a.failing.decode, a.failing.complete,
	} {
		t.mu.Lock()
		if len(t.failing) > 0 && (since.IsZero() || t.since.Before(since)) {
			since, what, do = t.since, t.what+" fails: "+t.last, t.do
		}
		t.mu.Unlock()
	}
	return since, what, do
}
