package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/parquet-go/parquet-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// archive produces events, runs the example and returns what it has archived once it has archived
// all.
func (w *world) archive(
	group string, objects func(t *testing.T) map[string][]byte, pairs ...string,
) (map[string][]byte, []int64) {
	w.Helper()
	b := w.broker()
	feed := newFeed(w.T, b.Addr())
	feed.write(w.Context(), 6000)
	if err := feed.flush(); err != nil {
		w.Fatal(err)
	}
	file := "consumer.hcl"
	if w.folder == "kubernetes" {
		file = "consumer.yaml"
	}
	w.start(
		file, "consumer",
		append(pairs, "kafka-1:9092", b.Addr(), "kafka.kafka.svc:9092", b.Addr())...)
	waitArchived(w.T, b.Addr(), group, feed.produced(), 60*time.Second)
	feed.write(w.Context(), 600)
	if err := feed.flush(); err != nil {
		w.Fatal(err)
	}
	waitArchived(w.T, b.Addr(), group, feed.produced(), 60*time.Second)
	return objects(w.T), feed.produced()
}

func exampleKafkaToGCS(w *world) {
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "acme-lake"})
	front := httptest.NewServer(server.HTTPHandler())
	w.Cleanup(front.Close)
	objects, produced := w.archive(
		"penstock-lake",
		func(t *testing.T) map[string][]byte { return gcsObjects(t, front.URL+"/storage/v1/", "acme-lake") },
		`"acme-lake"`,
		fmt.Sprintf("\"acme-lake\"\n  endpoint = %q\n  anonymous = true", front.URL+"/storage/v1/"),
	)
	if wrong := checkLake(objects, produced); wrong != nil {
		w.Error(wrong)
	}
}

func exampleKafkaToS3(w *world) {
	s3, store := w.s3("acme-lake")
	objects, produced := w.archive(
		"penstock-lake",
		func(t *testing.T) map[string][]byte { return s3.contents(t, "acme-lake") },
		store...)
	if wrong := checkLake(objects, produced); wrong != nil {
		w.Error(wrong)
	}
}

func exampleParquet(w *world) {
	s3, store := w.s3("acme-lake")
	b := w.broker()
	hours := produceRequests(w.T, b.Addr(), 3000)
	w.start("consumer.hcl", "consumer", append(store, "kafka-1:9092", b.Addr())...)
	waitArchived(w.T, b.Addr(), "penstock-trino", ends(w.T, b.Addr()), 60*time.Second)
	type row struct {
		TS     int64   `parquet:"ts,timestamp(millisecond)"`
		Source string  `parquet:"source"`
		Seq    *int64  `parquet:"seq,optional"`
		Status *int32  `parquet:"status,optional"`
		Extra  *string `parquet:"_extra,optional"`
	}
	seen := map[int64]bool{}
	for key, data := range s3.contents(w.T, "acme-lake") {
		m := regexp.MustCompile(`^app-logs/(dt=[^/]+/hr=\d\d)/[^/]+\.parquet$`).
			FindStringSubmatch(key)
		if m == nil {
			w.Fatalf("a strange object: %s", key)
		}
		rows, err := parquet.Read[row](bytes.NewReader(data), int64(len(data)))
		if err != nil {
			w.Fatalf("%s: %v", key, err)
		}
		for _, r := range rows {
			if at := time.UnixMilli(r.TS).UTC().Format("dt=2006-01-02/hr=15"); at != m[1] {
				w.Errorf("%s holds a row of %s", key, at)
			}
			if r.Seq == nil || seen[*r.Seq] || r.Extra == nil ||
				!bytes.Contains([]byte(*r.Extra), []byte(`"user"`)) ||
				r.Source == "" {
				w.Fatalf("%s: row %+v", key, r)
			}
			seen[*r.Seq] = true
			hours[m[1]]--
		}
	}
	for hour, n := range hours {
		if n != 0 {
			w.Errorf("%s: %d rows are missing", hour, n)
		}
	}
}

func exampleSecor(w *world) {
	s3, store := w.s3("acme-lake")
	b := w.broker()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(b.Addr()), kgo.DefaultProduceTopic(topic),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
	)
	if err != nil {
		w.Fatal(err)
	}
	defer cl.Close()
	var recs []*kgo.Record
	var want []string
	for i := range 3000 {
		// from 2017-08-01 05:00 on
		line := fmt.Sprintf(`{"timestamp":%d,"n":%d}`, 1501563600000+int64(i)*5000, i)
		want = append(want, line)
		recs = append(recs, &kgo.Record{Value: []byte(line)})
	}
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	if err := cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		w.Fatal(err)
	}
	w.start("consumer.hcl", "consumer", append(store, "kafka-1:9092", b.Addr())...)
	waitArchived(w.T, b.Addr(), "penstock-secor", ends(w.T, b.Addr()), 60*time.Second)
	var got []string
	for key, data := range s3.contents(w.T, "acme-lake") {
		m := regexp.MustCompile(`^raw/app-logs/dt=2017-08-01/hr=(\d\d)/1_[0-5]_\d{20}(?:\.[0-9a-f]{8})?\.gz$`).
			FindStringSubmatch(key)
		if m == nil {
			w.Fatalf("a strange object: %s", key)
		}
		lines, err := objectLines(key, data)
		if err != nil {
			w.Fatal(err)
		}
		for _, line := range lines {
			var ms int64
			if _, err := fmt.Fscanf(bytes.NewReader(line), `{"timestamp":%d`, &ms); err != nil &&
				err != io.EOF {
				w.Fatal(err)
			}
			if hr := time.UnixMilli(ms).UTC().Format("15"); hr != m[1] {
				w.Errorf("%s holds %s", key, line)
			}
			got = append(got, string(line))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.Errorf("%d lines archived, %d produced", len(got), len(want))
	}
}
