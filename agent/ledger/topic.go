package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// partSize is how much of a page is in a record: brokers take 1 MiB unless told otherwise.
	partSize = 512 << 10
	// partHeader says of which publication a record is a part: TIME/PART/PARTS.
	partHeader = "penstock-part"
	// fetchTimeout is how long a reader waits for the next records of a topic.
	fetchTimeout = 30 * time.Second
)

// Topic keeps pages in a topic: of records of one key, those that were published last count. Older
// ones are for the topic's compaction and retention. It has one request in flight and needs no
// producer id, since a page that comes twice counts once.
type Topic struct {
	cl   *kgo.Client
	name string
}

// NewTopic returns a topic that is reached with these options. It connects to nothing yet.
func NewTopic(name string, opts ...kgo.Opt) (*Topic, error) {
	cl, err := kgo.NewClient(append(
		slices.Clone(opts),
		kgo.DefaultProduceTopic(name),
		kgo.DisableIdempotentWrite(),
		kgo.MaxProduceRequestsInflightPerBroker(1),
		kgo.ProducerLinger(0),
		kgo.KeepControlRecords(), // so that the end of a partition is seen
	)...)
	if err != nil {
		return nil, err
	}
	return &Topic{cl: cl, name: name}, nil
}

// Close closes the connections.
func (t *Topic) Close() error {
	t.cl.Close()
	return nil
}

// Put implements Place.
func (t *Topic) Put(ctx context.Context, key string, data []byte, at time.Time) error {
	parts := slices.Collect(slices.Chunk(data, partSize))
	var records []*kgo.Record
	for i, part := range parts {
		name := key
		if i > 0 { // what is compacted away is the same part of an earlier publication
			name += "#" + strconv.Itoa(i)
		}
		of := fmt.Sprintf("%d/%d/%d", at.UnixNano(), i, len(parts))
		records = append(records, &kgo.Record{
			Key: []byte(name), Value: part, Timestamp: at,
			Headers: []kgo.RecordHeader{{Key: partHeader, Value: []byte(of)}},
		})
	}
	if err := t.cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("topic %s: %w", t.name, err)
	}
	return nil
}

// Remove implements Place: the topic's retention removes.
func (t *Topic) Remove(context.Context, string) error { return nil }

// Pages implements Place.
func (t *Topic) Pages(
	ctx context.Context, prefix string, first, last time.Time, bad func(key string, err error),
) ([]*Page, error) {
	publications := map[string]*publications{}
	err := t.read(ctx, first, func(r *kgo.Record) {
		key, _, _ := strings.Cut(string(r.Key), "#")
		if !within(key, prefix, first, last) {
			return
		}
		p := publications[key]
		if p == nil {
			p = newPublications()
			publications[key] = p
		}
		if err := p.add(r); err != nil {
			bad(key, err)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", t.name, err)
	}
	var pages []*Page
	for _, key := range slices.Sorted(maps.Keys(publications)) {
		data, ok := publications[key].newest()
		if !ok {
			bad(key, errors.New("parts of it are not there"))
			continue
		}
		page, err := decode(bytes.NewReader(data))
		if err != nil {
			bad(key, err)
			continue
		}
		pages = append(pages, page)
	}
	return pages, nil
}

// within reports whether a key is that of a page of these hours.
func within(key, prefix string, first, last time.Time) bool {
	rest, ok := strings.CutPrefix(key, strings.Trim(prefix, "/")+"/")
	hour, _, cut := strings.Cut(rest, "/")
	at, err := time.Parse(hourForm, hour)
	return ok && cut && err == nil && !at.Before(first) && !at.After(last)
}

// read calls f for every record of the topic from that time on that is there now.
func (t *Topic) read(ctx context.Context, from time.Time, f func(*kgo.Record)) error {
	asking, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	admin := kadm.NewClient(t.cl)
	starts, err := admin.ListOffsetsAfterMilli(asking, from.UnixMilli(), t.name)
	if err = errors.Join(err, starts.Error()); err != nil {
		return err
	}
	ends, err := admin.ListEndOffsets(asking, t.name)
	if err = errors.Join(err, ends.Error()); err != nil {
		return err
	}
	left, consume := map[int32]int64{}, map[int32]kgo.Offset{} // left: until where
	starts.Each(func(o kadm.ListedOffset) {
		end, ok := ends.Lookup(t.name, o.Partition)
		if ok && o.Offset >= 0 && o.Offset < end.Offset {
			left[o.Partition] = end.Offset
			consume[o.Partition] = kgo.NewOffset().At(o.Offset)
		}
	})
	t.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{t.name: consume})
	defer t.cl.PurgeTopicsFromConsuming(t.name)
	for len(left) > 0 {
		if err := t.poll(ctx, left, f); err != nil {
			return err
		}
	}
	return nil
}

func (t *Topic) poll(ctx context.Context, left map[int32]int64, f func(*kgo.Record)) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	fetches := t.cl.PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		return err
	}
	fetches.EachRecord(func(r *kgo.Record) {
		end, ok := left[r.Partition]
		if !ok || r.Offset >= end {
			delete(left, r.Partition)
			return
		}
		if !r.Attrs.IsControl() {
			f(r)
		}
		if r.Offset+1 >= end {
			delete(left, r.Partition)
		}
	})
	return nil
}

// publications are those of one page that were found, complete or not.
type publications struct {
	parts map[int64]map[int][]byte // by time
	of    map[int64]int
}

func newPublications() *publications {
	return &publications{parts: map[int64]map[int][]byte{}, of: map[int64]int{}}
}

func (p *publications) add(r *kgo.Record) error {
	var at int64
	var part, of int
	i := slices.IndexFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == partHeader })
	if i < 0 {
		return errors.New("it has no header " + partHeader)
	}
	text := string(r.Headers[i].Value)
	if n, err := fmt.Sscanf(text, "%d/%d/%d", &at, &part, &of); n != 3 || err != nil {
		return fmt.Errorf("its header %s is %q", partHeader, text)
	}
	if p.parts[at] == nil {
		p.parts[at] = map[int][]byte{}
	}
	p.parts[at][part], p.of[at] = r.Value, of
	if len(p.parts[at]) == of { // nothing older is asked for any more
		for older := range p.parts {
			if older < at {
				delete(p.parts, older)
			}
		}
	}
	return nil
}

// newest returns the newest that is complete.
func (p *publications) newest() ([]byte, bool) {
	times := slices.Sorted(maps.Keys(p.parts))
	for _, at := range slices.Backward(times) {
		if len(p.parts[at]) != p.of[at] {
			continue
		}
		var data []byte
		for i := range p.of[at] {
			data = append(data, p.parts[at][i]...)
		}
		return data, true
	}
	return nil, false
}
