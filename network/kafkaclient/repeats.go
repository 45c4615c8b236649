package kafkaclient

import "time"

// maxCauses are told apart.
const maxCauses = 50

// Repeats paces the log: a failure that goes on is told of once a minute for each cause. The zero
// Repeats is ready. Not safe for concurrent use.
type Repeats struct{ lastLogged map[string]time.Time }

// Due reports whether a failure of the kind what is to be logged now. Where there are many causes,
// all others of a kind are one.
func (r *Repeats) Due(what string, err error, now time.Time) bool {
	if r.lastLogged == nil {
		r.lastLogged = map[string]time.Time{}
	}
	key := what + cause(err)
	if _, known := r.lastLogged[key]; !known && len(r.lastLogged) >= maxCauses {
		key = what
	}
	if now.Sub(r.lastLogged[key]) < repeatAfter {
		return false
	}
	r.lastLogged[key] = now
	return true
}

// cause returns what is at the bottom of an error, for telling errors apart: a lost connection,
// which its addresses make another each time, is one cause.
func cause(err error) string {
	for {
		var next error
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			next = e.Unwrap()
		case interface{ Unwrap() []error }:
			if all := e.Unwrap(); len(all) > 0 {
				next = all[len(all)-1]
			}
		}
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
