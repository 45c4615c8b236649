package framing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// burst bounds the datagrams read before what was gathered is handed on.
const burst = 4096

// maxHosts bounds the senders whose names are remembered.
const maxHosts = 4096

// Datagrams reads a packet socket: UDP or unix.
type Datagrams struct {
	Max int // bytes of a datagram; what is longer arrives truncated
	// ReceiveBuffer is asked of the kernel, in bytes; 0 leaves its default.
	ReceiveBuffer int
	// Handle takes a datagram, which is valid for the call only.
	Handle  func(host string, msg []byte, truncated bool) error
	Dropped *KernelDrops // what it has to tell of those that it did not get

	buf, oob []byte
	hosts    map[netip.Addr]string
	drops    uint32
}

// Serve hands on datagrams until ctx ends, and then what had arrived by then; it flushes g whenever
// there are no more for the moment. The error after ctx has ended is g.Close's, or of reading:
// ErrCutOff where it did not come to an end.
func (d *Datagrams) Serve(ctx context.Context, pc net.PacketConn, g *Gather) error {
	sc, ok := pc.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T has no file descriptor", pc)
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	d.buf, d.oob, d.hosts = make([]byte, d.Max), make([]byte, 64), map[netip.Addr]string{}
	if err := d.configure(rc); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = pc.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		var rerr error
		err := rc.Read(func(fd uintptr) bool {
			n := 0
			n, rerr = d.drain(int(fd))
			return n > 0 || rerr != nil
		})
		if ctx.Err() != nil { // take what lies in the kernel: nobody will send it again
			err := d.rest(rc, g)
			if errors.Is(err, context.Canceled) { // there was no room: Close tells what is lost
				err = nil
			}
			return errors.Join(err, g.Close())
		}
		if err == nil {
			err = rerr
		}
		if err == nil {
			err = g.Flush()
		}
		if err != nil {
			return errors.Join(err, g.Close())
		}
	}
}

func (d *Datagrams) configure(rc syscall.RawConn) error {
	var serr error
	err := rc.Control(func(fd uintptr) {
		if d.ReceiveBuffer > 0 {
			serr = setReceiveBuffer(int(fd), d.ReceiveBuffer)
		}
		countDrops(int(fd))
	})
	return errors.Join(err, serr)
}

// rest reads until the socket is empty, for LastWords at most.
func (d *Datagrams) rest(rc syscall.RawConn, g *Gather) error {
	for end := time.Now().Add(LastWords); ; {
		var n int
		var rerr error
		cerr := rc.Control(func(fd uintptr) { n, rerr = d.drain(int(fd)) })
		if err := errors.Join(cerr, rerr); err != nil || n < burst {
			return err
		}
		if err := g.Flush(); err != nil {
			return err
		}
		if !time.Now().Before(end) {
			return ErrCutOff
		}
	}
}

// drain reads until the socket is empty or there was a burst.
func (d *Datagrams) drain(fd int) (n int, err error) {
	defer func() {
		if total, ok := dropsSoFar(fd); ok && n > 0 {
			d.dropped(total)
		}
	}()
	for n < burst {
		size, oobn, flags, from, err := unix.Recvmsg(fd, d.buf, d.oob, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return n, nil
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNREFUSED):
			continue
		case err != nil:
			return n, fmt.Errorf("receive: %w", err)
		}
		n++
		if total, ok := drops(d.oob[:oobn]); ok {
			d.dropped(total)
		}
		if err := d.Handle(d.host(from), d.buf[:size], flags&unix.MSG_TRUNC != 0); err != nil {
			return n, err
		}
	}
	return n, nil
}

// dropped takes how many the kernel had dropped at a time, which may be before that of the last
// call.
func (d *Datagrams) dropped(total uint32) {
	if more := int32(total - d.drops); more > 0 {
		d.Dropped.add(uint32(more))
		d.drops = total
	}
}

func (d *Datagrams) host(from unix.Sockaddr) string {
	var addr netip.Addr
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		addr = netip.AddrFrom4(a.Addr)
	case *unix.SockaddrInet6:
		addr = netip.AddrFrom16(a.Addr).Unmap()
	default:
		return "unix"
	}
	name, ok := d.hosts[addr]
	if !ok {
		if len(d.hosts) >= maxHosts {
			clear(d.hosts)
		}
		name = addr.String()
		d.hosts[addr] = name
	}
	return name
}
