package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// prove has the agents deliver what they hold, and looks for each record in the topic.
func (f *fleet) prove(ctx context.Context, c *servers.Cluster, patience time.Duration) error {
	f.silence()
	for end := time.Now().Add(patience); !f.isDone(); {
		if time.Now().After(end) {
			return fmt.Errorf("not all is delivered %v after the end", patience)
		}
		if err := fault.Sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	f.close()
	counts := make([][]uint8, len(f.agents))
	written := int64(0)
	for i, a := range f.agents {
		counts[i] = make([]uint8, a.log.End())
		written += a.log.End()
	}
	read, err := countTopic(ctx, c, counts)
	if err != nil {
		return err
	}
	missing, again := 0, 0
	for i, list := range counts {
		for n, times := range list {
			switch {
			case times == 0:
				if missing < 5 {
					fmt.Printf("missing: line %d of agent %d\n", n, i)
				}
				missing++
			case times > 1:
				again++
			}
		}
	}
	fmt.Printf("%d records were written, Kafka has %d: %d missing, %d more than once\n",
		written, read, missing, again)
	if missing > 0 {
		return fmt.Errorf("%d records are lost", missing)
	}
	return nil
}

// countTopic counts how often the topic has each line of each agent, and all that it has.
func countTopic(ctx context.Context, c *servers.Cluster, counts [][]uint8) (read int64, err error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.Addrs()...), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	)
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, err
	}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		for _, e := range fetches.Errors() {
			return 0, e.Err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset >= left[r.Partition]-1 {
				delete(left, r.Partition)
			}
			if r.Attrs.IsControl() {
				return
			}
			read++
			agent, rest, _ := bytes.Cut(r.Value, []byte{' '})
			line, _, _ := bytes.Cut(rest, []byte{' '})
			i, ierr := strconv.Atoi(string(agent))
			n, nerr := strconv.Atoi(string(line))
			if ierr != nil || nerr != nil || i >= len(counts) || n >= len(counts[i]) {
				err = fmt.Errorf("the topic has %.40q, which nobody wrote", r.Value)
				return
			}
			counts[i][n] = min(counts[i][n]+1, 255)
		})
		if err != nil {
			return 0, err
		}
	}
	return read, nil
}
