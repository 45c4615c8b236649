package secor

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// deterministic is a roll by what the messages are alone. Secor has no other bounds beside it.
func (c *converter) deterministic(r *draft.Block) {
	x := c.byKey["secor.upload.deterministic"]
	c.d.Changed(
		r, x.At, shown(x),
		"a cut that is made again is always the same cut; idle flushes the tail of a quiet topic, which Secor did not",
	)
	c.number(r, "secor.max.input.payload.size.bytes", func(x kit.Property, n int64) {
		if n > 0 {
			r.Set("size", draft.Size(n))
		}
		c.carry(x)
	})
	c.number(r, "secor.max.file.timestamp.range.millis", func(x kit.Property, n int64) {
		if n > 0 {
			r.Set("age", draft.Duration(time.Duration(n)*time.Millisecond))
		}
		c.d.Changed(r, x.At, shown(x), "age is by the clock; each path holds the times that it names")
	})
	if r.Get("size") == "" && r.Get("age") == "" {
		return
	}
	for _, key := range []string{
		"secor.max.file.size.bytes", "secor.max.file.age.seconds", "secor.upload.minute_mark",
	} {
		if x, ok := c.take(key); ok {
			c.d.Left(r, x.At, shown(x), "a deterministic upload did not look at it")
			c.byKey[key] = kit.Property{}
		}
	}
}

func (c *converter) roll() {
	b := c.out
	r := b.In("roll")
	if c.on("secor.upload.deterministic") {
		c.deterministic(r)
	}
	c.number(r, "secor.max.file.size.bytes", func(x kit.Property, n int64) {
		r.Set("size", draft.Size(n))
		c.carry(x)
	})
	c.number(r, "secor.max.file.age.seconds", func(x kit.Property, n int64) {
		r.Set("age", seconds(n))
		c.carry(x)
	})
	if x, ok := c.take("secor.file.age.youngest"); ok {
		if strings.EqualFold(x.Value, "true") {
			c.d.Changed(
				r, x.At, shown(x),
				"age counts from the first record of a cut; new files do not reset it",
			)
		} else {
			c.carry(x)
		}
	}
	c.number(r, "secor.upload.minute_mark", func(x kit.Property, n int64) {
		if n < 0 || n > 59 {
			c.d.Left(r, x.At, shown(x), "it is no minute")
			return
		}
		r.Set("minute_marks", draft.Texts(fmt.Sprintf("%02d", n)))
		c.carry(x)
		if only, ok := c.take("secor.kafka.upload_at_minute_mark.topic_filter"); ok {
			c.d.Changed(
				r, only.At, shown(only),
				"all topics are uploaded at that minute: for some of them write an output of their own, in a route",
			)
		}
	})
	if c.on("secor.upload.on.shutdown") {
		r.Set("on_shutdown", draft.Bool(true))
		c.carry(c.byKey["secor.upload.on.shutdown"])
	}
	if r.Empty() {
		r.Set("age", draft.Text("1h"))
	}
	if x, ok := c.take("secor.max.file.count"); ok {
		c.d.Left(
			b, x.At, shown(x),
			"the number of files is not limited; spool { memory, disk, open_files } say what they may take",
		)
	}
	for _, key := range []string{"partitioner.finalizer.delay.seconds", "secor.finalizer.delay.seconds"} {
		if _, hive := c.byKey["qubole.api.token"]; !hive {
			if _, hive = c.byKey["hive.table.prefix"]; !hive {
				continue
			}
		}
		c.number(b, key, func(x kit.Property, n int64) {
			s := b.In("success")
			s.Set("grace", seconds(n))
			c.d.Changed(
				s, x.At, shown(x),
				"the finalizer is part of the consumer: it writes _SUCCESS. Register partitions with a hook: hook \"trino\", \"glue\", \"webhook\" or \"command\"",
			)
		})
	}
}
