package spool

import (
	"fmt"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format"
	"github.com/penstock/penstock/spool/partition"
)

// BindDestination returns a function that tells where a record goes, as pairs of a name and a
// value: the path of its object below the prefix. The function's error is why the record would be a
// dead letter.
func (c *Config) BindDestination(
	agent string, _ int,
) (func(*record.Batch, *record.Record) ([][2]string, error), error) {
	codec, err := c.codec()
	if err != nil {
		return nil, err
	}
	part, err := partition.New(c.Config, agent, codec.fields)
	if err != nil {
		return nil, err
	}
	return func(b *record.Batch, r *record.Record) ([][2]string, error) {
		topic := b.Topic
		if topic == "" {
			topic = b.Tag
		}
		in := &partition.Input{Topic: topic, Tag: b.Tag, Origin: b.Origin, Record: r}
		var result partition.Result
		key, err := part.Key(nil, in, &result)
		if err != nil {
			return nil, err
		}
		if result.Class == partition.DeadLetter {
			return nil, result.Reason
		}
		if codec.alone {
			if _, err := codec.rows.AppendRow(nil, in); err != nil {
				return nil, withRemedy(err)
			}
		}
		path, err := part.Path(key)
		if err != nil {
			return nil, err
		}
		return [][2]string{{"path", path}}, nil
	}, nil
}

// withRemedy adds to an error what to write instead.
func withRemedy(err error) error {
	if remedy := format.Remedy(err); remedy != "" {
		return fmt.Errorf("%w; %s", err, remedy)
	}
	return err
}
