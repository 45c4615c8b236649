package elasticsearch

import (
	"bytes"
	"fmt"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
)

// BindDestination returns a function that tells where a record goes, as pairs of a name and a
// value: its index. The function's error is why the record would be refused.
func (c *Config) BindDestination(
	agent string, _ int,
) (func(*record.Batch, *record.Record) ([][2]string, error), error) {
	index, err := dialect.Bind(c.Index, agent)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return func(b *record.Batch, r *record.Record) ([][2]string, error) {
		name, err := index.Append(nil, dialect.Subject{Batch: b, Record: r})
		if err != nil {
			return nil, fmt.Errorf("index: %w", err)
		}
		return [][2]string{{"index", string(bytes.ToLower(name))}}, nil
	}, nil
}
