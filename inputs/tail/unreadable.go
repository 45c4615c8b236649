package tail

import "time"

// unreadable is the paths that something is wrong with, and of which that was said, once for each
// reason. It belongs to the manager's goroutine.
type unreadable struct {
	run     *run
	reasons map[string]string // by path
	tooMany time.Time         // when it was last said that there are too many open files
}

// failed says once what is wrong with path.
func (u *unreadable) failed(path string, err error) {
	reason := reasonOf(err)
	tail := u.run.tail
	tail.counts.errors.WithLabelValues(reason).Inc()
	if reason == reasonTooMany {
		if now := tail.sys.now(); now.Sub(u.tooMany) >= time.Minute {
			u.tooMany = now
			tail.log.Warn(
				"too many open files; it is tried again", "path", path, "error", err,
				"do", adviceFor(reason),
			)
		}
		return
	}
	if u.reasons[path] == reason {
		return
	}
	u.reasons[path] = reason
	u.run.cannotRead(path, err, adviceFor(reason))
	tail.log.Warn(
		"cannot read; it is tried again", "path", path, "error", err, "do", adviceFor(reason),
	)
}

// works says that path is all right again.
func (u *unreadable) works(path string) {
	if u.forget(path) {
		u.run.tail.log.Info("can be read again", "path", path)
	}
}

// forget is for a path at which there is nothing any more. It reports whether something was wrong.
func (u *unreadable) forget(path string) bool {
	if _, was := u.reasons[path]; !was {
		return false
	}
	delete(u.reasons, path)
	u.run.canRead(path)
	return true
}
