package producer

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

// A broker that was away tells what it knew then. That a topic was made again, or got partitions,
// is not forgotten for it.
func TestMetadataOfThePastIsNotBelieved(t *testing.T) {
	first, second := topic{
		id:      [16]byte{1},
		leaders: []int32{1, 2},
	}, topic{
		id:      [16]byte{2},
		leaders: []int32{3},
	}
	more, without := topic{id: [16]byte{2}, leaders: []int32{3, 1, 2}}, topic{leaders: []int32{1}}
	topics := topics{known: map[string]*topic{}}
	topics.want("logs")
	for i, step := range []struct {
		told     topic
		believed bool
		leaders  int
	}{
		{first, true, 2},
		{second, true, 1},
		{first, false, 1},
		{topic{err: kerr.UnknownTopicOrPartition}, true, 1},
		{first, false, 1},
		{more, true, 3},
		{second, false, 3},
		{first, false, 3},
		{more, true, 3},
		{without, true, 1}, // an old cluster tells no ids: it may have been made again
	} {
		found := map[string]topic{"logs": step.told}
		topics.store(found, nil)
		if _, believed := found["logs"]; believed != step.believed ||
			len(topics.get("logs").leaders) != step.leaders {
			t.Errorf(
				"step %d: believed %v, %d partitions", i, believed, len(topics.get("logs").leaders),
			)
		}
	}
}

// What is said to do about a topic goes by what is against it.
func TestWhatToDoAboutATopic(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{kerr.UnknownTopicOrPartition, "create it"},
		{kerr.TopicAuthorizationFailed, "give this user Write and Describe"},
		{kerr.LeaderNotAvailable, "look into the brokers' logs"},
		{fmt.Errorf("connecting failed: %w", syscall.ECONNREFUSED), "see that the server runs"},
	} {
		if got := (&TopicError{Topic: "logs", Err: c.err}).Do(); !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

// What to do about a topic that is not there is told once, and nobody who has set it is told to set
// allow_auto_topic_creation.
func TestATopicThatIsNotThereSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for asked, want := range map[bool]string{
		false: `topic "a": UNKNOWN_TOPIC_OR_PARTITION: create it, or set allow_auto_topic_creation, if auto.create.topics.enable lets the brokers`,
		true:  `topic "a": UNKNOWN_TOPIC_OR_PARTITION: create it, or have auto.create.topics.enable let the brokers do so`,
	} {
		err := &TopicError{Topic: "a", Err: kerr.UnknownTopicOrPartition, Asked: asked}
		if err.Error() != want || !strings.HasSuffix(want, err.Do()) {
			t.Errorf("%v", err)
		}
	}
}
