package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/hpcloud/tail"
	"github.com/twmb/franz-go/pkg/kgo"
)

// hpcloudTail is the workload "hpcloud": the reference tail reads every line of a file, to nothing.
func hpcloudTail(path string, lines int64) error {
	t, err := tail.TailFile(path, tail.Config{Follow: true, Logger: tail.DiscardingLogger})
	if err != nil {
		return err
	}
	var n int64
	for range t.Lines {
		if n++; n == lines {
			t.Kill(nil)
			return nil
		}
	}
	return fmt.Errorf("read %d of %d lines", n, lines)
}

// plainProduce is the workload "franz-go": lines read in blocks, one Produce each, snappy,
// acks=all.
func plainProduce(path, addr string) error {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.DefaultProduceTopic(benchTopic),
		kgo.ProducerBatchCompression(
			kgo.SnappyCompression(),
		),
		kgo.ProducerLinger(5*time.Millisecond),
		kgo.MaxBufferedRecords(50_000),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var once sync.Once
	var failed error
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			once.Do(func() { failed = err })
		}
	}
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := r.ReadSlice('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		cl.Produce(
			context.Background(), &kgo.Record{Value: bytes.Clone(line[:len(line)-1])}, promise,
		)
	}
	if err := cl.Flush(context.Background()); err != nil {
		return err
	}
	return failed
}
