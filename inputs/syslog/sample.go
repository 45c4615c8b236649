package syslog

import (
	"bytes"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// Sample returns the records that the input would make of messages, one in each line, sent from
// host.
func (c *Config) Sample(_, host string, data []byte, at time.Time) (*record.Batch, error) {
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return nil, err
	}
	var recs []record.Record
	for line := range bytes.Lines(data) {
		line = bytes.TrimRight(line, "\r\n")
		m, err := parse(line, at.In(zone))
		if err != nil {
			recs = append(
				recs,
				record.Record{
					Time:  at.UnixNano(),
					Value: appendRaw(nil, line, "malformed", err.Error()),
				},
			)
			continue
		}
		when, ok := record.Nanos(m.time)
		if !ok {
			when = at.UnixNano()
		}
		recs = append(recs, record.Record{Time: when, Value: m.appendJSON(nil)})
	}
	return record.FromRecords(c.Tag, host, recs), nil
}
