package demo

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Broker is an embedded Kafka broker whose network can be taken away and given back. Data it has
// acknowledged stays.
type Broker struct {
	*kfake.Cluster
	gate *gate
}

// StartBroker starts one broker on a loopback port that holds topics of the given number of
// partitions.
func StartBroker(partitions int32, topics []string, opts ...kfake.Opt) (*Broker, error) {
	g := &gate{}
	g.cond.L = &g.mu
	all := append([]kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ListenFn(g.listen),
		kfake.SeedTopics(partitions, topics...),
		kfake.DefaultNumPartitions(int(partitions)),
	}, opts...)
	c, err := kfake.NewCluster(all...)
	if err != nil {
		return nil, fmt.Errorf("start embedded broker: %w", err)
	}
	return &Broker{c, g}, nil
}

// Addr returns the broker's host:port, which stays the same through outages.
func (b *Broker) Addr() string { return b.ListenAddrs()[0] }

// Stop cuts all connections and refuses new ones, as a dead broker does.
func (b *Broker) Stop() error { return b.gate.close() }

// Start listens again.
func (b *Broker) Start() error { return b.gate.open() }

// Close ends the broker for good.
func (b *Broker) Close() {
	b.gate.shut()
	b.Cluster.Close()
}

// gate is a listener that can stop listening and start again without its user noticing.
type gate struct {
	mu     sync.Mutex
	cond   sync.Cond
	addr   string
	l      net.Listener // nil while closed
	conns  map[net.Conn]struct{}
	closed bool
}

func (g *gate) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	g.l, g.addr, g.conns = l, l.Addr().String(), make(map[net.Conn]struct{})
	return g, nil
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		g.mu.Lock()
		for g.l == nil && !g.closed {
			g.cond.Wait()
		}
		l := g.l
		g.mu.Unlock()
		if l == nil {
			return nil, net.ErrClosed
		}
		c, err := l.Accept()
		if err != nil {
			g.mu.Lock()
			stopped := g.l != l
			g.mu.Unlock()
			if stopped {
				continue
			}
			return nil, err
		}
		gc := &gateConn{Conn: c, g: g}
		g.mu.Lock()
		if g.l == nil {
			g.mu.Unlock()
			_ = c.Close()
			continue
		}
		g.conns[gc] = struct{}{}
		g.mu.Unlock()
		return gc, nil
	}
}

func (g *gate) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.l == nil {
		return errors.New("the broker is stopped already")
	}
	err := g.l.Close()
	g.l = nil
	for c := range g.conns {
		_ = c.(*gateConn).Conn.Close()
	}
	clear(g.conns)
	return err
}

func (g *gate) open() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.l != nil {
		return errors.New("the broker is running already")
	}
	l, err := net.Listen("tcp", g.addr)
	if err != nil {
		return fmt.Errorf("start the broker again: %w", err)
	}
	g.l = l
	g.cond.Broadcast()
	return nil
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if g.l != nil {
		_ = g.l.Close()
		g.l = nil
	}
	for c := range g.conns {
		_ = c.(*gateConn).Conn.Close()
	}
	g.cond.Broadcast()
}

func (g *gate) Close() error { g.shut(); return nil }

func (g *gate) Addr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp", g.addr)
	return a
}

type gateConn struct {
	net.Conn
	g *gate
}

func (c *gateConn) Close() error {
	c.g.mu.Lock()
	delete(c.g.conns, c)
	c.g.mu.Unlock()
	return c.Conn.Close()
}
