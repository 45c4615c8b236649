package kafka

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func admin(t testing.TB, c *kfake.Cluster) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.ListenAddrs()...), kgo.MetadataMinAge(10*time.Millisecond),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// makeAgain deletes a topic and makes it again.
func makeAgain(t testing.TB, adm *kadm.Client, topic string, partitions int32) {
	t.Helper()
	if _, err := adm.DeleteTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.CreateTopic(t.Context(), partitions, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

func commitAs(t testing.TB, adm *kadm.Client, topic string, p int32, at int64, metadata string) {
	t.Helper()
	var offsets kadm.Offsets
	offsets.Add(
		kadm.Offset{Topic: topic, Partition: p, At: at, LeaderEpoch: -1, Metadata: metadata},
	)
	if err := adm.CommitAllOffsets(t.Context(), "lake", offsets); err != nil {
		t.Fatal(err)
	}
}

// A consumer that runs while its topic is deleted and made again goes on with the second life by
// itself, from its beginning; and what belongs to the first is fenced.
func TestTopicMadeAgainIsReadByItself(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol string) {
		for name, more := range map[string]int{"shorter": 3, "longer": 20} {
			t.Run(name, func(t *testing.T) {
				c := startCluster(t, kfake.SeedTopics(2, "logs"))
				adm := admin(t, c)
				cfg := testConfig(c)
				cfg.Protocol, cfg.MetadataMaxAge = protocol, time.Second
				produce(t, c, "logs", 0, numbers(0, 10)...)
				m := join(t, cfg)
				first := m.log("logs/0")
				values(t, first, 10)
				if err := first.Commit(t.Context(), 7, "x"); err != nil {
					t.Fatal(err)
				}
				makeAgain(t, adm, "logs", 2)
				produce(t, c, "logs", 0, numbers(100, 100+more)...)
				m.await("the second life", func(all map[string]*held) bool {
					l := all["logs/0"]
					return l != nil && l.Life() != first.Life()
				})
				second := m.log("logs/0")
				if pos, note := second.Committed(); pos != 0 || note != "" {
					t.Errorf("the second life begins at %d with note %q", pos, note)
				}
				if got := values(t, second, more); !slices.Equal(got, numbers(100, 100+more)) {
					t.Errorf("read %v", got)
				}
				if err := first.Commit(t.Context(), 9, "of the first life"); !errors.Is(err, record.ErrFenced) {
					t.Errorf("a commit of the first life: %v", err)
				}
				if err := second.Commit(t.Context(), 2, "y"); err != nil {
					t.Error(err)
				}
				if at, note := offset(t, c, "lake", "logs", 0); at != 2 ||
					!strings.HasSuffix(note, "y") {
					t.Errorf("committed %d %q", at, note)
				}
			})
		}
	})
}

// An offset of the first life that has survived says nothing about the second, whether it lies
// within it or not.
func TestOffsetOfAnEarlierLifeIsNotUsed(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]string{"earliest": "earliest", "latest": "latest"} {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, kfake.SeedTopics(3, "logs"))
			adm := admin(t, c)
			details, err := adm.ListTopics(t.Context(), "logs")
			if err != nil {
				t.Fatal(err)
			}
			former := TopicID(details["logs"].ID)
			makeAgain(t, adm, "logs", 3)
			for p := range int32(3) {
				produce(t, c, "logs", p, numbers(0, 10)...)
			}
			commitAs(t, adm, "logs", 0, 5, WithTopicID(`{"penstock":1}`, former))
			commitAs(t, adm, "logs", 1, 500, WithTopicID("", former))
			commitAs(t, adm, "logs", 2, 5, `{"penstock":1}`) // of a release that did not say
			cfg := testConfig(c)
			cfg.Start = start
			m := join(t, cfg)
			for p, want := range map[string]int{"logs/0": 0, "logs/1": 0, "logs/2": 5} {
				l := m.log(p)
				if got := values(t, l, 10-want); !slices.Equal(got, numbers(want, 10)) {
					t.Errorf("%s: read %v", p, got)
				}
				life, note := l.Former()
				if p == "logs/0" && (life != former || note != `{"penstock":1}`) {
					t.Errorf("%s: former %q %q", p, life, note)
				}
			}
			if notes, err := m.log("logs/2").
				Notes(t.Context()); err != nil || notes[0] != "" ||
				notes[2] != `{"penstock":1}` {
				t.Errorf("notes %v %v", notes, err)
			}
		})
	}
}

func TestTopicIDStandsInAnyNote(t *testing.T) {
	t.Parallel()
	id := TopicID([16]byte{1, 2, 3})
	for note, want := range map[string]string{
		"":                      `{"topic_id":"` + id + `"}`,
		`{"penstock":1,"wm":5}`: `{"topic_id":"` + id + `","penstock":1,"wm":5}`,
		`overflow:{"a":{}}`:     `overflow:{"topic_id":"` + id + `","a":{}}`,
		`overflow:{}`:           `overflow:{"topic_id":"` + id + `"}`,
		`free text`:             `free text`,
	} {
		got := WithTopicID(note, id)
		if got != want {
			t.Errorf("%q becomes %q", note, got)
		}
		if back, plain := TopicIDOf(got); plain != note || back != id && note != "free text" {
			t.Errorf("%q comes back as %q %q", note, back, plain)
		}
	}
	if got := WithTopicID(`{"penstock":1}`, ""); got != `{"penstock":1}` {
		t.Errorf("without an id: %q", got)
	}
}

// Partitions that are added to a topic, and topics that appear, once the group has begun are read
// from their beginning: what was produced until they were noticed must not be skipped.
func TestLatestIsForTheFirstStart(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]string{"latest": "latest", "a time": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)} {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, kfake.SeedTopics(2, "logs"))
			adm := admin(t, c)
			produce(t, c, "logs", 0, numbers(0, 5)...)
			produce(t, c, "logs", 1, numbers(0, 5)...)
			cfg := testConfig(c)
			cfg.Start, cfg.MetadataMaxAge = start, time.Second
			cfg.Topics, cfg.TopicsRegex = nil, []string{"^logs"}
			m := join(t, cfg)
			m.await("both partitions", count(2))
			for _, p := range []string{"logs/0", "logs/1"} {
				if at, _ := m.log(p).Committed(); at != 5 {
					t.Errorf("%s: the first start is at %d", p, at)
				}
			}
			if _, err := adm.CreatePartitions(t.Context(), 1, "logs"); err != nil {
				t.Fatal(err)
			}
			if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "logs-2"); err != nil {
				t.Fatal(err)
			}
			produce(t, c, "logs", 2, numbers(0, 5)...)
			produce(t, c, "logs-2", 0, numbers(0, 5)...)
			for _, p := range []string{"logs/2", "logs-2/0"} {
				if got := values(t, m.log(p), 5); !slices.Equal(got, numbers(0, 5)) {
					t.Errorf("%s: read %v", p, got)
				}
			}
			// The same after a restart.
			m.leave()
			if _, err := adm.CreatePartitions(t.Context(), 1, "logs"); err != nil {
				t.Fatal(err)
			}
			produce(t, c, "logs", 3, numbers(0, 5)...)
			if got := values(t, join(t, cfg).log("logs/3"), 5); !slices.Equal(got, numbers(0, 5)) {
				t.Errorf("after a restart: read %v", got)
			}
		})
	}
}
