package config

import (
	"net"
	"strings"
)

// listens is the configuration of an input that listens.
type listens interface {
	// Listens returns the addresses, as "tcp://host:port", "udp://host:port", "unix:///path" or
	// "unixgram:///path".
	Listens() []string
}

// checkPorts finds addresses that two inputs would listen on, or an input and the admin server.
func (l *loader) checkPorts() {
	type taken struct{ owner, address string }
	var all []taken
	if a := l.cfg.Agent.Admin.Listen; a != "" {
		if !strings.HasPrefix(a, "unix://") {
			a = "tcp://" + a
		}
		all = append(all, taken{"agent.admin", a})
	}
	if path := l.cfg.Agent.AdminSocket(); path != "" {
		all = append(all, taken{"agent.admin", "unix://" + path})
	}
	used := map[string]bool{}
	for _, p := range l.cfg.Pipelines {
		for _, id := range p.From {
			used[id] = true
		}
	}
	for _, inst := range l.cfg.Components {
		c, ok := inst.Config.(listens)
		if !ok || !used[inst.ID()] || l.wrong[inst.ID()] {
			continue
		}
		for _, address := range c.Listens() {
			for _, other := range all {
				if !SameSocket(address, other.address) {
					continue
				}
				l.report.errorf(
					inst.positions.position("listen"),
					"Write another port; a port can be listened on once.",
					"%s: listen: %s is taken by %s, which listens on %s", inst.ID(), address,
					other.owner, other.address,
				)
				break
			}
			all = append(all, taken{inst.ID(), address})
		}
	}
}

// SameSocket reports whether only one of two addresses can be listened on, which are as inputs tell
// them.
func SameSocket(a, b string) bool {
	netA, addrA, _ := strings.Cut(a, "://")
	netB, addrB, _ := strings.Cut(b, "://")
	if netA != netB {
		return false
	}
	if strings.HasPrefix(netA, "unix") {
		return addrA == addrB && addrA != ""
	}
	hostA, portA, errA := net.SplitHostPort(addrA)
	hostB, portB, errB := net.SplitHostPort(addrB)
	if errA != nil || errB != nil {
		return false
	}
	numberA, errA := net.LookupPort(netA, portA)
	numberB, errB := net.LookupPort(netB, portB)
	if errA != nil || errB != nil || numberA != numberB || numberA == 0 {
		return false
	}
	return overlap(hostA, hostB)
}

// overlap reports whether two hosts to listen on share an address. Names are compared as names:
// looking them up is for the start.
func overlap(a, b string) bool {
	if a == "localhost" {
		a = "127.0.0.1"
	}
	if b == "localhost" {
		b = "127.0.0.1"
	}
	if a == b || a == "" || b == "" || a == "::" || b == "::" { // :: takes IPv4 as well
		return true
	}
	ipA, ipB := net.ParseIP(a), net.ParseIP(b)
	if ipA == nil || ipB == nil {
		return a == "0.0.0.0" && ipB == nil || b == "0.0.0.0" && ipA == nil
	}
	if ipA.Equal(ipB) {
		return true
	}
	v4A, v4B := ipA.To4() != nil, ipB.To4() != nil
	return v4A && v4B && (ipA.IsUnspecified() || ipB.IsUnspecified())
}
