package listen

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/penstock/penstock/network"
)

// Open listens on an address that network.ParseAddress takes. A unix socket left behind by a
// process that is gone is replaced; one that is in use is not.
func Open(ctx context.Context, addr string) (net.Listener, error) {
	kind, address, err := network.ParseAddress(addr)
	if err != nil {
		return nil, err
	}
	if kind == "unix" {
		if err := removeStale(kind, address); err != nil {
			return nil, err
		}
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, kind, address)
}

// OpenPacket is Open for datagrams; network is "udp" or "unixgram".
func OpenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	if network == "unixgram" {
		if err := removeStale(network, address); err != nil {
			return nil, err
		}
	}
	var lc net.ListenConfig
	return lc.ListenPacket(ctx, network, address)
}

func removeStale(kind, path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil // listening tells what is wrong
	}
	stale, err := network.IsStale(kind, path)
	switch {
	case err != nil:
		return fmt.Errorf("%s may be in use by another process: %w", path, err)
	case !stale:
		return fmt.Errorf("%s is in use by another process", path)
	}
	return os.Remove(path)
}

// Bound tells others which address an input has come to listen on. The zero value is ready.
type Bound struct {
	once  sync.Once
	ready chan struct{}
	mu    sync.Mutex
	addr  net.Addr
	set   bool
}

func (b *Bound) init() { b.once.Do(func() { b.ready = make(chan struct{}) }) }

// Set announces addr.
func (b *Bound) Set(addr net.Addr) {
	b.init()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addr = addr
	if !b.set {
		b.set = true
		close(b.ready)
	}
}

// Wait returns the address once there is one, or ctx's error.
func (b *Bound) Wait(ctx context.Context) (net.Addr, error) {
	b.init()
	select {
	case <-b.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.addr, nil
}

// Host returns who the other end of a connection is: its address without the port, or "unix".
func Host(addr net.Addr) string {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("").String()
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("").String()
	}
	return "unix"
}
