package overflow

import (
	"sync"

	"github.com/penstock/penstock/outputs/deliver"
)

// Begun is what a replay that is cut short leaves to the one that follows in this process, so that
// it does not repeat it. One replay at a time has it.
type Begun struct {
	partial partial
	counted string // the key of an object that is counted, and not removed yet
}

// partial is how far the object that was cut short had been delivered, by its lines. Safe for
// concurrent use: writes of a flight that was given up may still be answered.
type partial struct {
	mu    sync.Mutex
	key   string
	at    int64
	ahead *deliver.Ahead
}

// of returns where the object is to be read on, and what of it is delivered behind that.
func (p *partial) of(key string) (at int64, ahead *deliver.Ahead) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key != key {
		p.key, p.at, p.ahead = key, 0, &deliver.Ahead{}
	}
	return p.at, p.ahead
}

func (p *partial) moveTo(at int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = at
}

// forget is for an object that is gone, or was not what it seemed: what comes under its key is read
// from its beginning.
func (p *partial) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key = ""
}
