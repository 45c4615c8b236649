package overflow

import (
	"math/rand/v2"
	"time"

	"github.com/penstock/penstock/outputs"
)

// condition is what the controller knows of the destination, the buffer and the log, and decides
// by. It does nothing itself. It belongs to the goroutine of Controller.Run.
type condition struct {
	cfg     *outputs.Failover
	standby bool // there is a standby in the store's place
	// which of many agents it is, from 0 to 1: agents that lose a destination together neither go
	// to the store together nor come back together
	spread float64

	// the destination took nothing for cfg.After, and has not been healthy for cfg.Recover since
	down bool
	// how long it had taken nothing when that was found
	silent time.Duration
	// the buffer has passed cfg.AtFill and not fallen far enough below since
	filling bool
	ended   bool // the log is sealed, and nothing of it is left
	retries int  // trials in a row that failed
}

func newCondition(cfg *outputs.Failover, standby bool) condition {
	return condition{cfg: cfg, standby: standby, spread: rand.Float64()}
}

// stalled takes note of how long the destination has taken nothing. taken reports whether it has
// taken anything since it was last healthy.
func (c *condition) stalled(d time.Duration, taken func() bool) {
	if c.down || d < c.after() {
		return
	}
	if taken() {
		c.retries = 0
	}
	c.down, c.silent = true, d
}

// fill takes note of how full the buffer is.
func (c *condition) fill(fill float64) {
	switch {
	case fill >= c.cfg.AtFill:
		c.filling = true
	case fill < max(c.cfg.AtFill-0.1, c.cfg.AtFill/2):
		c.filling = false
	}
}

// recovered takes note that the destination is to be tried again.
func (c *condition) recovered() {
	c.down, c.silent = false, 0
	c.retries = min(c.retries+1, 3)
}

// recoverWait is how long the destination has to be healthy: longer after trials that failed.
func (c *condition) recoverWait() time.Duration {
	d := c.cfg.Recover << c.retries
	return d + time.Duration(c.spread*float64(d)/2)
}

// after is how long the destination has to take nothing: up to a tenth longer than is said.
func (c *condition) after() time.Duration {
	return c.cfg.After + time.Duration(c.spread*float64(c.cfg.After)/10)
}

// desired returns what should work on the log ("" for nothing), and whether objects, if there are
// some, should be replayed.
func (c *condition) desired(objects bool) (log string, replay bool) {
	switch {
	case c.down && c.standby:
		log = StateStandby
	case c.down:
		log = StateOverflow
	case objects:
		replay = true
		if c.cfg.Order == "newest_first" {
			log = StateDirect
		}
	default:
		log = StateDirect
	}
	if c.filling {
		log = StateOverflow
	}
	if c.ended {
		log = ""
	}
	return log, replay
}
