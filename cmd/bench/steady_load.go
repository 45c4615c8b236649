package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// serveSteadyBroker is the workload "steady-broker": it keeps what it is given, until its standard
// input ends.
func serveSteadyBroker(partitions int32) error {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, benchTopic))
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println(c.ListenAddrs()[0])
	return untilInputEnds()
}

// writeSteadily is the workload "steady-writer": it appends lines to files in turn, one write each,
// so many a second. For each line of its standard input it prints how many lines and bytes it has
// written; it ends with its standard input.
func writeSteadily(dir string, files int, rate int64) error {
	open := make([]*os.File, files)
	for i := range open {
		f, err := os.OpenFile(
			filepath.Join(dir, fmt.Sprintf("app-%02d.log", i)), os.O_CREATE|os.O_APPEND|os.O_WRONLY,
			0o644,
		)
		if err != nil {
			return err
		}
		defer f.Close()
		open[i] = f
	}
	var mu sync.Mutex
	var lines, size int64
	stop, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		var line []byte
		start, step := time.Now(), max(time.Millisecond, time.Second/time.Duration(rate))
		tick := time.NewTicker(step)
		defer tick.Stop()
		for n := int64(0); ; {
			select {
			case <-stop:
				failed <- nil
				return
			case <-tick.C:
			}
			for due := int64(time.Since(start).Seconds() * float64(rate)); n < due; n++ {
				line = appendSteadyLine(line[:0], int(n)%files, n, time.Now())
				if _, err := open[int(n)%files].Write(line); err != nil {
					failed <- err
					return
				}
				mu.Lock()
				lines, size = lines+1, size+int64(len(line))
				mu.Unlock()
			}
		}
	}()
	fmt.Println("ready")
	for sc := bufio.NewScanner(os.Stdin); sc.Scan(); {
		mu.Lock()
		fmt.Println(lines, size)
		mu.Unlock()
	}
	close(stop)
	return <-failed
}

// written stands before the time at which a line was written, in nanoseconds. Agents that wrap
// lines in JSON leave it as it is.
const written = " written="

func appendSteadyLine(dst []byte, file int, n int64, now time.Time) []byte {
	return fmt.Appendf(
		dst,
		`{"ts":"%s","source":"app-%02d","seq":%d,"level":"info","msg":"request served%s%d ","path":"/api/v1/items/%d","status":200,"ms":%d,"user":"u-%d","trace":"%016x"}`+"\n",
		now.UTC().
			Format("2006-01-02T15:04:05.000Z"),
		file,
		n,
		written,
		now.UnixNano(),
		n%1000,
		n%97,
		n%10007,
		uint64(n)*0x9e3779b97f4a7c15,
	)
}

// readSteadily is the workload "steady-reader": it consumes the topic. For each line of its
// standard input it prints how many lines have come since the last one, and the median and the 99th
// percentile of their latencies in microseconds.
func readSteadily(addr string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(benchTopic))
	if err != nil {
		return err
	}
	defer cl.Close()
	var mu sync.Mutex
	var seen []int64
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for {
			fetches := cl.PollFetches(ctx)
			if ctx.Err() != nil {
				return
			}
			now := time.Now().UnixNano()
			mu.Lock()
			fetches.EachRecord(func(r *kgo.Record) {
				if at, ok := writtenAt(r.Value); ok {
					seen = append(seen, (now-at)/1000)
				}
			})
			mu.Unlock()
		}
	}()
	fmt.Println("ready")
	for sc := bufio.NewScanner(os.Stdin); sc.Scan(); {
		mu.Lock()
		slices.Sort(seen)
		fmt.Println(len(seen), percentile(seen, 50), percentile(seen, 99))
		seen = seen[:0]
		mu.Unlock()
	}
	return nil
}

func writtenAt(line []byte) (int64, bool) {
	_, rest, ok := bytes.Cut(line, []byte(written))
	digits, _, _ := bytes.Cut(rest, []byte{' '})
	at, err := strconv.ParseInt(string(digits), 10, 64)
	return at, ok && err == nil
}

// percentile returns the p-th percentile of a sorted list; 0 of an empty one.
func percentile(sorted []int64, p int) int64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*p/100]
}

// ask has a helper of these say what it has counted.
func (h *helper) ask(ctx context.Context, into ...any) error {
	if _, err := h.in.Write([]byte{'\n'}); err != nil {
		return err
	}
	select {
	case line, ok := <-h.lines:
		if !ok {
			return fmt.Errorf("%s has failed", h.cmd.Args[1])
		}
		_, err := fmt.Sscan(line, into...)
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
