package kafka

import (
	"fmt"
	"strconv"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
)

// BindDestination returns a function that tells where a record goes, as pairs of a name and a
// value: its topic and key, and where the topic has so many partitions, its partition. The
// function's error is why the record would be refused.
func (c *Config) BindDestination(
	agent string, partitions int,
) (func(*record.Batch, *record.Record) ([][2]string, error), error) {
	topic, err := dialect.Bind(c.Topic, agent)
	if err != nil {
		return nil, fmt.Errorf("topic: %w", err)
	}
	key, err := dialect.Bind(c.Key, agent)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return func(b *record.Batch, r *record.Record) ([][2]string, error) {
		s := dialect.Subject{Batch: b, Record: r}
		name, err := topic.Append(nil, s)
		if err == nil {
			err = sanitizeTopic(name)
		}
		if err != nil {
			return nil, fmt.Errorf("topic: %w", err)
		}
		out := [][2]string{{"topic", string(name)}}
		k := r.Key
		if !c.Key.IsZero() {
			if k, err = key.Append(nil, s); err != nil {
				k = nil // as documented: no key
			}
		}
		if k != nil {
			out = append(out, [2]string{"key", string(k)})
		}
		if partitions > 0 {
			out = append(out, [2]string{"partition", c.partition(k, partitions)})
		}
		return out, nil
	}, nil
}

// partition returns the partition of a record with a key, or what decides on it.
func (c *Config) partition(key []byte, partitions int) string {
	switch {
	case c.spreads():
		return "any"
	case c.byHash() && key != nil:
		return strconv.Itoa(murmur2(key) % partitions)
	}
	return "by source"
}
