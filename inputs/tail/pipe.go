package tail

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// pipe follows one named pipe. What is in a pipe exists nowhere else: a pipe has no positions, and
// what was taken from it when the agent is killed is lost. A stop in good order loses nothing that
// the sink takes within framing.Grace.
type pipe struct {
	path    string
	id      ident
	started bool
	cancel  context.CancelFunc
	stopped chan struct{}
}

func (p *pipe) wait() {
	if p.started {
		<-p.stopped
	}
}

// openPipe notes a named pipe to follow.
func (m *manager) openPipe(s observation) {
	if m.pipes[s.fi.id] == nil {
		m.pipes[s.fi.id] = &pipe{path: s.path, id: s.fi.id, stopped: make(chan struct{})}
	}
}

// sweepPipes starts to follow new pipes and ends following those that are gone.
func (m *manager) sweepPipes(ctx context.Context) {
	defer func() { m.run.pipes.Store(int64(len(m.pipes))) }()
	for id, p := range m.pipes {
		if !p.started {
			src, err := openFIFO(p.path, p.id)
			if err != nil { // it is found again by a look
				delete(m.pipes, id)
				m.unreadable.failed(p.path, err)
				continue
			}
			m.unreadable.works(p.path)
			p.started = true
			var until context.Context
			until, p.cancel = context.WithCancel(ctx)
			go func() {
				defer close(p.stopped)
				if err := m.run.follow(ctx, until, src, p.path); err != nil {
					m.log.Error("cannot follow a named pipe", "path", p.path, "error", err)
					m.run.tail.counts.errors.WithLabelValues("pipe").Inc()
				}
			}()
			continue
		}
		if fi, err := statPath(p.path); err != nil || fi.id != id {
			p.cancel()
		}
		select {
		case <-p.stopped:
			p.cancel()
			delete(m.pipes, id)
		default:
		}
	}
}

// openFIFO opens the named pipe id at path. It is open for writing as well: so opening does not
// wait, and the pipe never ends.
func openFIFO(path string, id ident) (*os.File, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == unix.EINTR {
			continue
		}
		var fi fileInfo
		if err == nil {
			if fi, err = statFD(fd); err == nil && (!fi.fifo() || fi.id != id) {
				err = errors.New("it has been replaced")
			}
			if err != nil {
				_ = unix.Close(fd)
			}
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}
