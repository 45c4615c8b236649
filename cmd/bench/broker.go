package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const benchTopic = "bench"

// serveBroker is the workload "broker": it discards what it is given and counts it, until its
// standard input ends.
func serveBroker(partitions int32, listen string) error {
	opts := []kfake.Opt{kfake.BlackholeProduce()}
	if listen != "" {
		var port int
		if _, err := fmt.Sscanf(listen, "%d", &port); err != nil {
			return err
		}
		opts = append(opts, kfake.Ports(port))
	}
	c, err := kfake.NewCluster(
		append(opts, kfake.NumBrokers(1), kfake.SeedTopics(partitions, benchTopic))...)
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println(c.ListenAddrs()[0])
	return untilInputEnds()
}

// broker is a server in a process of its own.
type broker struct {
	addr string
	cmd  *exec.Cmd
	cl   *kgo.Client
}

// startBroker starts a broker that discards what it is given.
func startBroker(partitions int, port string) (*broker, error) {
	return startServer("broker", fmt.Sprint(partitions), port)
}

// startServer starts one of this program's own workloads that prints its address and serves until
// its standard input ends.
func startServer(args ...string) (*broker, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, args...)
	cmd.SysProcAttr = childAttr()
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var addr string
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		return nil, errors.Join(
			fmt.Errorf("%s did not start: %w", args[0], err), cmd.Process.Kill(),
		)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.TrimSpace(addr)))
	if err != nil {
		return nil, err
	}
	return &broker{addr: addr, cmd: cmd, cl: cl}, nil
}

// sumOffsets returns the sum of the topic's end offsets.
func sumOffsets(offsets kadm.ListedOffsets) (n int64) {
	offsets.Each(func(o kadm.ListedOffset) { n += max(o.Offset, 0) })
	return n
}

// waitStored returns once n records have been stored since the broker started.
func (b *broker) waitStored(ctx context.Context, n int64) error {
	return b.wait(ctx, n, func() (int64, error) {
		offsets, err := kadm.NewClient(b.cl).ListEndOffsets(ctx, benchTopic)
		return sumOffsets(offsets), err
	})
}

// waitCommitted returns once n records can be seen by readers of committed ones, and the position
// behind them is committed.
func (b *broker) waitCommitted(ctx context.Context, n int64) error {
	adm := kadm.NewClient(b.cl)
	return b.wait(ctx, n, func() (int64, error) {
		groups, err := adm.ListGroups(ctx)
		if err != nil {
			return 0, err
		}
		var have int64
		for _, g := range groups.Groups() {
			offsets, err := adm.FetchOffsets(ctx, g)
			if err != nil {
				return 0, err
			}
			offsets.Each(func(o kadm.OffsetResponse) { have = max(have, o.At) })
		}
		return have, nil
	})
}

func (b *broker) wait(ctx context.Context, n int64, stored func() (int64, error)) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		have, err := stored()
		if err == nil && have >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the broker has %d of %d records: %w", have, n, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func (b *broker) close() {
	b.cl.Close()
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
}
