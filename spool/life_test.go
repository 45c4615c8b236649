package spool

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/protocol"
)

// mortalLog is a partition of a topic that has an id.
type mortalLog struct {
	refreshLog
	id               string
	former, formerID string
}

func (l mortalLog) Life() string             { return l.id }
func (l mortalLog) Former() (string, string) { return l.formerID, l.former }

// bufferLog is a log that is no partition.
type bufferLog struct{ l *memLog }

func (l bufferLog) Name() string                                    { return "output.local.lake" }
func (l bufferLog) SeekTo(pos int64) error                          { return l.l.SeekTo(pos) }
func (l bufferLog) Committed() (int64, string)                      { return l.l.Committed() }
func (l bufferLog) Next(ctx context.Context) (*record.Batch, error) { return l.l.Next(ctx) }
func (l bufferLog) Commit(ctx context.Context, pos int64, n string) error {
	return l.l.Commit(ctx, pos, n)
}

func archiveLog(t *testing.T, s Store, topic *memTopic, log record.Log, change func(*Config)) {
	t.Helper()
	topic.seal()
	a := testArchiver(t, s, change)
	if err := a.Drain(t.Context(), log); err != nil {
		t.Fatal(err)
	}
}

// A topic that was deleted and made again has the names and the offsets of the one before: its
// objects must not take the place of the former's.
func TestIceberg16360_TopicMadeAgainKeepsBothLives(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"default": "", "as Secor names files": "1_${partition}_${start}.gz", "no extension": "${topic}-${partition}-${start}"} {
		t.Run(name, func(t *testing.T) {
			change := func(c *Config) {
				if file != "" {
					c.FileName = mustTemplate(file)
				}
			}
			s := newMemStore()
			var lives []map[string]memObject
			// "": begun by a release that knew no lives
			for _, id := range []string{"", "first", "second"} {
				topic := newTopic("app", 0)
				topic.produce(3_000, hourly(0, 6))
				if id == "" {
					topic.note = protocol.Note{}.Encode()
				}
				before := maps.Clone(s.objs)
				archiveLog(
					t, s, topic, mortalLog{refreshLog: refreshLog{topic.own(100)}, id: id}, change,
				)
				for key, o := range before {
					if string(s.objs[key].data) != string(o.data) ||
						s.objs[key].meta[MetaTopicID] != o.meta[MetaTopicID] {
						t.Errorf("%s was overwritten", key)
					}
				}
				own := maps.Clone(s.objs)
				maps.DeleteFunc(
					own, func(key string, _ memObject) bool { _, ok := before[key]; return ok },
				)
				if lives = append(lives, own); len(own) != len(lives[0]) {
					t.Errorf("life %q has %d objects, the first %d", id, len(own), len(lives[0]))
				}
				for key, o := range own {
					if o.meta[MetaTopicID] != id || o.meta[MetaLog] != "app-0" ||
						(o.meta[MetaLife] != "") != (id != "") {
						t.Errorf("%s: metadata %v", key, o.meta)
					}
				}
			}
			keys := slices.Sorted(maps.Keys(lives[0]))
			want := map[string]string{
				"default":              "app/dt=2026-03-01/hr=00/app-0_00000000000000000000-00000000000000001000.ndjson.gz",
				"as Secor names files": "app/dt=2026-03-01/hr=00/1_0_00000000000000000000.gz",
				"no extension":         "app/dt=2026-03-01/hr=00/app-0-00000000000000000000",
			}[name]
			if keys[0] != want {
				t.Errorf("the names of an earlier release have changed: %s", keys[0])
			}
			second := slices.Sorted(maps.Keys(lives[1]))[0]
			want = map[string]string{
				"default":              "app/dt=2026-03-01/hr=00/app-0_00000000000000000000-00000000000000001000." + newLife(identity{topicID: "first"}) + ".ndjson.gz",
				"as Secor names files": "app/dt=2026-03-01/hr=00/1_0_00000000000000000000." + newLife(identity{topicID: "first"}) + ".gz",
				"no extension":         "app/dt=2026-03-01/hr=00/app-0-00000000000000000000." + newLife(identity{topicID: "first"}),
			}[name]
			if second != want {
				t.Errorf("a life is named %s, want %s", second, want)
			}
		})
	}
}

// Whoever finds an intent uses the names of its life, whatever it would have called it.
func TestRedoKeepsItsLife(t *testing.T) {
	t.Parallel()
	for _, life := range []string{"", "0a1b2c3d"} {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.produce(1_500, hourly(0, 6))
		topic.note = protocol.Note{Life: life}.Encode()
		interrupt(t, s, topic, 3, nil)
		if _, note := topic.committed(); !strings.Contains(note, `"intent"`) {
			t.Fatalf("note %s", note)
		}
		archiveLog(
			t, s, topic, mortalLog{refreshLog: refreshLog{topic.own(31)}, id: "known by now"}, nil,
		)
		checkOnce(t, s, nil, topic)
		for _, key := range s.keys() {
			if got := s.objs[key].meta[MetaLife]; got != life ||
				strings.Contains(key, ".0a1b2c3d.") != (life != "") {
				t.Errorf("%s is of life %q", key, got)
			}
		}
	}
}

// An intent of a former life is refused with what to do: its records are gone, and nobody can
// finish it.
func TestIntentOfAFormerLifeIsRefused(t *testing.T) {
	t.Parallel()
	topic := newTopic("app", 0)
	topic.produce(10, hourly(0, 1))
	intent := &protocol.Intent{Start: 3, End: 9, Config: "c", Files: 2, Records: 6, Digest: "d"}
	log := mortalLog{
		refreshLog: refreshLog{topic.own(10)},
		id:         "second",
		formerID:   "first",
		former:     protocol.Note{Intent: intent}.Encode(),
	}
	s := newMemStore()
	err := testArchiver(t, s, nil).Drain(t.Context(), log)
	for _, want := range []string{"first", "[3, 9)", "penstock archive abandon"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	log.former = protocol.Note{}.Encode()
	topic.seal()
	if err := testArchiver(t, s, nil).Drain(t.Context(), log); err != nil || len(s.keys()) == 0 {
		t.Errorf("a former life that had ended its cuts: %v", err)
	}
}

// An edge that lost its data directory begins at position 0 again, with the same name.
func TestBufferMadeAgainKeepsBothLives(t *testing.T) {
	t.Parallel()
	s := newMemStore()
	for life := range 3 {
		topic := newTopic("app", 0)
		topic.produce(2_000, hourly(0, 6))
		if life == 0 {
			topic.note = protocol.Note{}.Encode() // of a release that knew no lives
		}
		archiveLog(t, s, topic, bufferLog{topic.own(100)}, nil)
		if n := len(s.keys()); n != (life+1)*12 {
			t.Errorf("after life %d there are %d objects, want %d", life, n, (life+1)*12)
		}
	}
}
