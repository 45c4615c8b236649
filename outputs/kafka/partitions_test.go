package kafka

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// noticed waits until the output has looked the topic up anew, which it does all the time while a
// partition's leader is not its leader.
func (d *deadPartition) noticed() {
	d.t.Helper()
	asked := make(chan struct{}, 100)
	d.c.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		d.c.KeepControl()
		select {
		case asked <- struct{}{}:
		default:
		}
		return nil, nil, false
	})
	for range 3 { // who asks a third time has had the answer to the second
		select {
		case <-asked:
		case <-time.After(20 * time.Second):
			d.t.Fatal("the topic is not looked up")
		}
	}
}

func (d *deadPartition) drain() (wait func()) {
	drained := make(chan error, 1)
	go func() { drained <- d.out.Drain(d.t.Context(), d.log.Owner()) }()
	return func() {
		d.t.Helper()
		d.log.Seal()
		select {
		case err := <-drained:
			if err != nil && !errors.Is(err, io.EOF) {
				d.t.Fatal(err)
			}
		case <-time.After(30 * time.Second):
			d.t.Fatal("stuck")
		}
	}
}

// checkPartitions reads the topic: the records that want wants are there once, and in each
// partition those of a source are in order.
func (d *deadPartition) checkPartitions(want func(i int) bool, source func(i int) int) {
	d.t.Helper()
	n := 0
	for i := range d.sent {
		if want(i) {
			n++
		}
	}
	seen, last := map[string]bool{}, map[string]string{}
	repeated, disorder := 0, 0
	for _, r := range consume(d.t, d.c, "logs", n) {
		v := string(r.Value[:8])
		i, _ := strconv.Atoi(v)
		k := fmt.Sprintf("%d in %d", source(i), r.Partition)
		if seen[v] {
			repeated++
		} else if v < last[k] {
			disorder++
		}
		seen[v], last[k] = true, max(last[k], v)
	}
	for i := range d.sent {
		if v := fmt.Sprintf("%08d", i); want(i) != seen[v] {
			d.t.Fatalf("record %d: %v, want %v", i, seen[v], want(i))
		}
	}
	if repeated > 0 || disorder > 0 {
		d.t.Errorf("%d of %d records were repeated, %d out of order", repeated, n, disorder)
	}
}

// A key belongs to another partition when there are more of them. What is behind in its old one
// must not come to the new one after newer records of the same key, though it is given back and
// sent there.
func TestAddedPartitionsLetNothingOvertake(t *testing.T) {
	t.Parallel()
	for name, partitioner := range map[string]string{"record": "hash", "direct": "origin"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeadPartition(t, kerr.NotLeaderForPartition.Code, nil, func(cfg *Config) {
				cfg.Partitioner, cfg.DeliveryTimeout, cfg.MetadataMaxAge = partitioner, 2*time.Second, time.Second
			})
			source := func(i int) int { return i % 97 }
			home := func(i int) int { return murmur2(fmt.Sprintf("k%d", source(i))) }
			if name == "direct" {
				d.w.small = 1
				source = func(i int) int { return i / 50 % 4 }
				home = func(i int) int { return murmur2(fmt.Sprintf("o%d", source(i))) }
			}
			wait := d.drain()
			d.add(20)
			d.wait(d.sent)
			d.dead.Store(true)
			d.add(60)
			adm := kadm.NewClient(adminClient(t, d.c))
			if resp, err := adm.UpdatePartitions(t.Context(), 13, "logs"); err != nil ||
				resp.Error() != nil {
				t.Fatal(err, resp.Error())
			}
			for i := range int32(13) { // what comes with the dead one would have to come again
				if i != deadly {
					if err := d.c.MoveTopicPartition("logs", i, 0); err != nil {
						t.Fatal(err)
					}
				}
			}
			d.noticed()
			d.add(100)
			few, many := 20*50, 80*50
			there := 0 // what has a partition that lives, once it is given back
			for i := range d.sent {
				if i < few || i < many && home(i)%6 != deadly || home(i)%13 != deadly {
					there++
				}
			}
			d.wait(there)
			d.dead.Store(false)
			wait()
			d.checkPartitions(func(int) bool { return true }, source)
		})
	}
}

// A topic that is deleted and made again with fewer partitions. What one of those that are gone had
// not taken goes to one that is there, before newer records, also what may have been appended to
// the topic that is gone.
func TestTopicMadeAgainWithFewerPartitions(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]int16{"refused": kerr.NotLeaderForPartition.Code, "in doubt": kerr.RequestTimedOut.Code} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeadPartition(
				t, code, nil, func(cfg *Config) { cfg.DeliveryTimeout = time.Minute },
			)
			source := func(i int) int { return i % 97 }
			wait := d.drain()
			d.add(20)
			d.wait(d.sent)
			d.dead.Store(true)
			d.add(60)
			few, many := 20*50, 80*50
			waits := func(i int) bool { return i >= few && murmur2(fmt.Sprintf("k%d", source(i)))%6 == deadly }
			there := 0
			for i := range many {
				if !waits(i) {
					there++
				}
			}
			d.wait(there)
			adm := kadm.NewClient(adminClient(t, d.c))
			if _, err := adm.DeleteTopic(t.Context(), "logs"); err != nil {
				t.Fatal(err)
			}
			if _, err := adm.CreateTopic(t.Context(), 2, 1, nil, "logs"); err != nil {
				t.Fatal(err)
			}
			d.add(100)
			wait()
			d.checkPartitions(func(i int) bool { return i >= many || waits(i) }, source)
		})
	}
}
