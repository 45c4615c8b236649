package push

import (
	"strconv"
	"strings"
)

// A datagram fits into an Ethernet frame, or into what the agent of Datadog reads at once.
const (
	udpDatagram  = 1432
	unixDatagram = 8192
)

// statsd encodes snapshots as datagrams of lines. It is for one goroutine.
type statsd struct {
	tags    bool // DogStatsD
	prefix  string
	host    string
	largest int
	last    map[string]float64 // of counters, what is accounted for, by the name with its labels
}

// encode returns the datagrams of a snapshot. accept is called with how many of them were sent:
// what the others add to counters belongs to the next snapshot.
func (s *statsd) encode(all []point) (datagrams [][]byte, accept func(sent int)) {
	type addition struct {
		datagram int
		counter  string
		before   float64
	}
	var additions []addition // in the order of datagrams
	now := map[string]float64{}
	var b []byte
	line := func(l string) {
		if len(b) > 0 && len(b)+1+len(l) > s.largest {
			datagrams, b = append(datagrams, b), nil
		}
		if len(b) > 0 {
			b = append(b, '\n')
		}
		b = append(b, l...)
	}
	for _, p := range all {
		name, end := s.name(p)
		value := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
		switch {
		case p.counter:
			now[name+end] = p.value
			before := s.last[name+end]
			if p.value < before { // the component was made anew
				before = 0
			}
			if added := p.value - before; added > 0 {
				line(name + ":" + value(added) + "|c" + end)
				additions = append(additions, addition{len(datagrams), name + end, before})
			}
		case p.value < 0: // a sign would mean a change
			line(name + ":0|g" + end)
			line(name + ":" + value(p.value) + "|g" + end)
		default:
			line(name + ":" + value(p.value) + "|g" + end)
		}
	}
	if len(b) > 0 {
		datagrams = append(datagrams, b)
	}
	return datagrams, func(sent int) {
		for _, a := range additions {
			if a.datagram >= sent {
				now[a.counter] = a.before
			}
		}
		s.last = now
	}
}

// name returns a point's name and what follows its value.
func (s *statsd) name(p point) (name, end string) {
	var b strings.Builder
	b.WriteString(s.prefix + p.name)
	if !s.tags {
		for _, l := range p.labels {
			b.WriteString("." + strings.ReplaceAll(clean(l.GetValue(), "-_."), ".", "_"))
		}
		return b.String(), ""
	}
	end = "|#agent:" + clean(s.host, "-_./:")
	for _, l := range p.labels {
		end += "," + l.GetName() + ":" + clean(l.GetValue(), "-_./:")
	}
	return b.String(), end
}
