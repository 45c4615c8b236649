package demo

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Counters of the edge that tell what went through the overflow.
const (
	overflowedMetric = "penstock_overflow_records_written_total"
	replayedMetric   = "penstock_overflow_records_replayed_total"
)

// flowMeter adds up counters of an agent over its restarts. Safe for concurrent use.
type flowMeter struct {
	url    string
	client http.Client

	mu   sync.Mutex
	past map[string]int64 // of processes that have ended
	now  map[string]int64
}

func newFlowMeter(addr string) *flowMeter {
	return &flowMeter{
		url:    "http://" + addr + "/metrics",
		client: http.Client{Timeout: time.Second},
		past:   map[string]int64{},
		now:    map[string]int64{},
	}
}

// sample reads the counters; an agent that does not answer leaves them as they are.
func (m *flowMeter) sample() {
	resp, err := m.client.Get(m.url)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	now := map[string]int64{}
	sc := bufio.NewScanner(resp.Body)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := sc.Text()
		for _, name := range []string{overflowedMetric, replayedMetric} {
			if strings.HasPrefix(line, name+"{") || strings.HasPrefix(line, name+" ") {
				v, _ := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
				now[name] += int64(v)
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, v := range m.now {
		if now[name] < v { // a new process counts from zero
			m.past[name] += v
		}
	}
	m.now = now
}

func (m *flowMeter) totals() (overflowed, replayed int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.past[overflowedMetric] + m.now[overflowedMetric],
		m.past[replayedMetric] + m.now[replayedMetric]
}
