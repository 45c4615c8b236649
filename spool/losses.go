package spool

import (
	"context"

	"github.com/penstock/penstock/buffer/record"
)

// losses are the records of a cut's range that were gone before they were read.
type losses struct {
	// that retention took before they were read, or before a redo read them again
	lost      int64
	missing   int64 // that a redo lacks
	compacted int64 // that compaction took before a redo read them again
	explained bool  // it was said what took those that a redo lacks
}

// explain finds out what took the records that a cut made again lacks, and says so: compaction
// takes records of a log that still has its beginning, and that is as it should be.
func (d *drain) explain(ctx context.Context, c *cut) {
	if c == nil || c.losses.missing == 0 || c.losses.explained {
		return
	}
	c.losses.explained = true
	if s, ok := record.As[record.Starter](d.log); ok {
		if start, err := s.Start(ctx); err == nil && start <= c.start {
			c.losses.compacted = c.losses.missing
			d.a.metrics.compacted.Add(float64(c.losses.missing))
			d.a.env.Log.Info(
				"compaction took records of a begun cut: what remains is archived, objects already stored are kept",
				"log", d.log.Name(), "start", c.start, "end", c.end, "records", c.losses.missing,
			)
			return
		}
	}
	c.losses.lost = max(c.losses.lost, c.losses.missing)
	d.a.metrics.missing.Add(float64(c.losses.missing))
	d.a.env.Log.Error(
		"records of a begun cut are gone from the log: what remains is archived, objects already stored are kept",
		"log", d.log.Name(), "start", c.start, "end", c.end, "missing", c.losses.missing,
		"do", "make the log's retention longer than the archive's longest outage; \"penstock archive verify\" shows such cuts",
	)
}
