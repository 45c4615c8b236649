package tail

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// inotify is the notifier of Linux. A library would wake for each write to a file; this one wakes
// once for as many as come before they are taken. Writes have a queue of their own, which is
// listened to only until the first of them.
//
// Time is told by the kernel. A timer of the runtime would wake up the process twice, because it
// waits for whole milliseconds, and its monitor as well: that is most of what a trickle costs.
type inotify struct {
	poll   *os.File // an epoll over timer and both queues, which the runtime's poller waits for
	fd     int      // of poll
	timer  int      // a timerfd
	raw    syscall.RawConn
	writes inotifyQueue
	others inotifyQueue
	buf    []byte
	path   []byte
}

// inotifyQueue is one instance of inotify.
type inotifyQueue struct {
	fd   int
	mask uint32
	mu   sync.Mutex
	dirs map[int32]string // by watch
	ids  map[string]int32 // by directory
}

const (
	writeEvents = unix.IN_MODIFY | unix.IN_ATTRIB
	otherEvents = unix.IN_CREATE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
		unix.IN_DELETE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF

	// mostReads bounds what is taken at a time, by buffers.
	mostReads = 16
)

func newNotifier() (notifier, error) {
	n := &inotify{buf: make([]byte, 64<<10)}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(fd))
	}
	n.poll, n.fd, n.timer = os.NewFile(uintptr(fd), "inotify"), fd, -1
	n.writes.fd, n.writes.mask = -1, writeEvents
	n.others.fd, n.others.mask = -1, otherEvents
	if n.raw, err = n.poll.SyscallConn(); err != nil {
		n.close()
		return nil, err
	}
	err = n.openTimer()
	for _, q := range []*inotifyQueue{&n.writes, &n.others} {
		if err == nil {
			err = n.open(q)
		}
	}
	if err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *inotify) openTimer() (err error) {
	if n.timer, err = unix.TimerfdCreate(
		unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK,
	); err != nil {
		n.timer = -1
		return os.NewSyscallError("timerfd_create", err)
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(n.fd, unix.EPOLL_CTL_ADD, n.timer,
		&unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(n.timer)}))
}

func (n *inotify) open(q *inotifyQueue) (err error) {
	q.dirs, q.ids = map[int32]string{}, map[string]int32{}
	if q.fd, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
		q.fd = -1
		return os.NewSyscallError("inotify_init1", err)
	}
	return os.NewSyscallError(
		"epoll_ctl", unix.EpollCtl(n.fd, unix.EPOLL_CTL_ADD, q.fd, q.interest()),
	)
}

// interest is how the queue is listened to. Of writes the first is told, and no other one before
// they are listened to again.
func (q *inotifyQueue) interest() *unix.EpollEvent {
	ev := &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(q.fd)}
	if q.mask == writeEvents {
		ev.Events |= unix.EPOLLONESHOT
	}
	return ev
}

func (n *inotify) stop() { _ = n.poll.Close() }

func (n *inotify) close() {
	_ = n.poll.Close()
	for _, q := range []*inotifyQueue{&n.writes, &n.others} {
		if q.fd >= 0 {
			_ = unix.Close(q.fd)
			q.fd = -1
		}
	}
	if n.timer >= 0 {
		_ = unix.Close(n.timer)
		n.timer = -1
	}
}

func (n *inotify) wait(until time.Time) (more bool, err error) {
	if until.IsZero() {
		err = n.listen()
	} else {
		err = n.setTimer(time.Until(until))
	}
	if err != nil {
		return false, err
	}
	var waitErr error
	err = n.raw.Read(func(fd uintptr) bool {
		var events [3]unix.EpollEvent
		got, err := unix.EpollWait(int(fd), events[:], 0)
		for err == unix.EINTR {
			got, err = unix.EpollWait(int(fd), events[:], 0)
		}
		waitErr = os.NewSyscallError("epoll_wait", err)
		done := err != nil
		for _, ev := range events[:max(got, 0)] {
			more = more || ev.Fd == int32(n.others.fd)
			// a first write that was still listened to does not end a wait for a time
			done = done || ev.Fd != int32(n.writes.fd) || until.IsZero()
		}
		return done
	})
	if err = errors.Join(err, waitErr); err == nil && !until.IsZero() {
		err = n.setTimer(-1)
	}
	return more, err
}

// listen has the next write told.
func (n *inotify) listen() error {
	return os.NewSyscallError("epoll_ctl",
		unix.EpollCtl(n.fd, unix.EPOLL_CTL_MOD, n.writes.fd, n.writes.interest()))
}

// setTimer has the timer expire in d, at once if that has passed; if d is -1, never.
func (n *inotify) setTimer(d time.Duration) error {
	var spec unix.ItimerSpec
	if d != -1 {
		spec.Value = unix.NsecToTimespec(max(d, 1).Nanoseconds())
	}
	return os.NewSyscallError("timerfd_settime", unix.TimerfdSettime(n.timer, 0, &spec, nil))
}

func (n *inotify) add(dir string) error {
	for _, q := range []*inotifyQueue{&n.others, &n.writes} {
		if err := q.add(dir); err != nil {
			n.remove(dir)
			return fmt.Errorf("watch %s: %w", dir, err)
		}
	}
	return nil
}

func (n *inotify) remove(dir string) {
	n.others.remove(dir)
	n.writes.remove(dir)
}

func (q *inotifyQueue) add(dir string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	id, err := unix.InotifyAddWatch(q.fd, dir, q.mask)
	if err != nil {
		return os.NewSyscallError("inotify_add_watch", err)
	}
	// A directory that is known under another path goes by the new one.
	q.dirs[int32(id)], q.ids[dir] = dir, int32(id)
	return nil
}

func (q *inotifyQueue) remove(dir string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	id, ok := q.ids[dir]
	if delete(q.ids, dir); ok && q.dirs[id] == dir {
		delete(q.dirs, id)
		_, _ = unix.InotifyRmWatch(q.fd, uint32(id))
	}
}

func (n *inotify) take(c *changes) {
	n.read(&n.others, c)
	n.read(&n.writes, c)
}

func (n *inotify) read(q *inotifyQueue, c *changes) {
	for range mostReads {
		got, err := unix.Read(q.fd, n.buf)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || got <= 0:
			c.missed = c.missed || err != nil && err != unix.EAGAIN
			return
		}
		n.parse(q, n.buf[:got], c)
	}
}

// parse takes the events in p: watch 4, mask 4, cookie 4, length 4, and a name of that length that
// ends with zeros.
func (n *inotify) parse(q *inotifyQueue, p []byte, c *changes) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ne := binary.NativeEndian
	for len(p) >= unix.SizeofInotifyEvent {
		id, mask := int32(ne.Uint32(p)), ne.Uint32(p[4:])
		end := unix.SizeofInotifyEvent + int(ne.Uint32(p[12:]))
		if end > len(p) {
			break
		}
		name := bytes.TrimRight(p[unix.SizeofInotifyEvent:end], "\x00")
		p = p[end:]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			c.missed = true
			continue
		}
		dir, known := q.dirs[id]
		if !known {
			continue
		}
		if mask&unix.IN_IGNORED != 0 { // the directory is gone, or its file system
			if delete(q.dirs, id); q.ids[dir] == id {
				delete(q.ids, dir)
			}
			name = nil
		}
		n.path = append(n.path[:0], dir...)
		if len(name) > 0 {
			n.path = append(append(n.path, '/'), name...)
		}
		into := c.touched
		if mask&writeEvents != 0 {
			into = c.written
		}
		if _, had := into[string(n.path)]; !had {
			into[string(n.path)] = struct{}{}
		}
	}
}
