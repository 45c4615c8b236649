package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	lakePartitions = 6
	lakeUsers      = 15_000
	lakeHours      = 24
	recordSize     = 200 // bytes of each value of the backlog
)

// serveLakeBroker is the workload "lake-broker": it holds a backlog of n records, until its
// standard input ends.
func serveLakeBroker(n int64, o order) error {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(lakePartitions, benchTopic))
	if err != nil {
		return err
	}
	defer c.Close()
	if err := fillBacklog(c.ListenAddrs()[0], n, o); err != nil {
		return err
	}
	fmt.Println(c.ListenAddrs()[0])
	return untilInputEnds()
}

// order is how the times of a backlog's records follow one another.
type order string

const (
	ordered  order = "ordered"  // each is later than the one before
	shuffled order = "shuffled" // within maxJitter, and one of a hundred is late by lateBy
)

const (
	maxJitter = 10 * time.Minute
	lateEvery = 100
	lateBy    = time.Hour
)

// eventTime returns the time of record i of n, which span lakeHours.
func (o order) eventTime(i, n int64) time.Time {
	start := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	// In milliseconds: nanoseconds would overflow from 106,752 records on.
	at := start.Add(time.Duration(i*(lakeHours*time.Hour).Milliseconds()/n) * time.Millisecond)
	if o != shuffled {
		return at
	}
	r := mix(uint64(i))
	at = at.Add(-time.Duration(r%uint64(maxJitter.Milliseconds())) * time.Millisecond)
	if r>>32%lateEvery == 0 {
		at = at.Add(-lateBy)
	}
	return at
}

// mix spreads x over all bits.
func mix(x uint64) uint64 {
	x = (x + 1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// fillBacklog produces n records with times in the given order, a user's always to the same
// partition.
func fillBacklog(addr string, n int64, o order) error {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.DefaultProduceTopic(benchTopic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(
			kgo.Lz4Compression(),
		),
		kgo.ProducerLinger(50*time.Millisecond),
		kgo.MaxBufferedRecords(200_000),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	var once sync.Once
	var failed error
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			once.Do(func() { failed = err })
		}
	}
	for i := range n {
		user := int32(uint64(i) * 0x9e3779b97f4a7c15 >> 33 % lakeUsers)
		at := o.eventTime(i, n)
		cl.Produce(
			context.Background(),
			&kgo.Record{
				Partition: user % lakePartitions,
				Value:     appendBacklog(nil, i, user, at),
				Timestamp: at,
			},
			promise,
		)
	}
	if err := cl.Flush(context.Background()); err != nil {
		return err
	}
	return failed
}

// appendBacklog appends a JSON record of recordSize bytes.
func appendBacklog(dst []byte, i int64, user int32, at time.Time) []byte {
	n := len(dst)
	dst = fmt.Appendf(
		dst,
		`{"ts":"%s","level":"info","user":"u%05d","path":"/api/v1/items/%05d","status":200,"ms":%d,"trace":"%016x","msg":"request served`,
		at.Format(
			"2006-01-02T15:04:05.000Z",
		),
		user,
		i*7%100000,
		i%977,
		uint64(i)*0x9e3779b97f4a7c15,
	)
	for len(dst)-n < recordSize-2 {
		dst = append(dst, " and counted"[(len(dst)-n)%12])
	}
	return append(dst, '"', '}')
}

// serveS3 is the workload "s3": an S3 server that keeps a bucket in memory, until its standard
// input ends.
func serveS3() error {
	backend := s3mem.New()
	if err := backend.CreateBucket("lake"); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: gofakes3.New(backend).Server()}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	fmt.Println(l.Addr())
	err = untilInputEnds()
	err = errors.Join(err, srv.Close())
	if serr := <-served; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}

func untilInputEnds() error {
	var b [1]byte
	for {
		if _, err := os.Stdin.Read(b[:]); err != nil {
			return nil
		}
	}
}
