package ratelimit

import (
	"sync"
	"time"
)

// most is how many limiters of a group are kept, but for those that are not full.
const most = 1024

// Group is limiters by key, each made when it is first asked for. Those that are as good as new are
// forgotten once there are many. Safe for concurrent use.
type Group[K comparable] struct {
	cfg Config

	mu    sync.Mutex
	byKey map[K]*Limiter
	prune int // how many there must be before it is looked which may go
}

// NewGroup returns a group; each of its limiters has the limits of cfg.
func NewGroup[K comparable](cfg Config) *Group[K] {
	return &Group[K]{cfg: cfg, byKey: map[K]*Limiter{}, prune: most}
}

// Of returns the limiter of key. It is to be asked for anew before each use.
func (g *Group[K]) Of(key K, now time.Time) *Limiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.byKey[key]
	if l != nil {
		return l
	}
	if len(g.byKey) >= g.prune {
		for k, l := range g.byKey {
			if l.Full(now) {
				delete(g.byKey, k)
			}
		}
		g.prune = max(most, 2*len(g.byKey))
	}
	l = New(g.cfg, now)
	g.byKey[key] = l
	return l
}
