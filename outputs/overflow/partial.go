package overflow

import (
	"sync"

	"github.com/penstock/penstock/outputs/deliver"
)

// partial is how far the object that was cut short had been delivered, by its lines, so that this
// process does not repeat it. Safe for concurrent use: writes of a flight that was given up may
// still be answered.
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

// forget is for an object that was not what it seemed: it is read anew.
func (p *partial) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key = ""
}
