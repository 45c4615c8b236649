package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// A topic that is deleted and made again has the same name and another id, and its offsets begin
// anew: they mean nothing in the other life. So each commit says which life it is of: the id is a
// member of the JSON object that the note is, or holds, or else of one made for it. Who knows
// nothing of it reads the note as before.
const idMember = `{"topic_id":"`

// idLen is the length of a topic's id as Kafka's tools print it.
const idLen = 22

// TopicID returns a topic's id as Kafka's tools print it; "" where the brokers do not tell.
func TopicID(id [16]byte) string {
	if id == [16]byte{} {
		return "" // the brokers do not tell
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// WithTopicID returns note as it is committed.
func WithTopicID(note, id string) string {
	at := strings.IndexByte(note, '{')
	switch {
	case id == "":
		return note
	case note == "":
		return idMember + id + `"}`
	case at < 0:
		return note
	case strings.HasPrefix(note[at+1:], "}"):
		return note[:at] + idMember + id + `"` + note[at+1:]
	}
	return note[:at] + idMember + id + `",` + note[at+1:]
}

// TopicIDOf parts what was committed with an offset into the id of the topic that the offset is of,
// "" if it does not say, and the note.
func TopicIDOf(metadata string) (id, note string) {
	at := strings.IndexByte(metadata, '{')
	if at < 0 || !strings.HasPrefix(metadata[at:], idMember) {
		return "", metadata
	}
	rest := metadata[at+len(idMember):]
	if len(rest) < idLen+2 || rest[idLen] != '"' {
		return "", metadata
	}
	id, rest = rest[:idLen], rest[idLen+1:]
	switch {
	case rest == "}" && at == 0:
		return id, ""
	case rest[0] == ',':
		rest = rest[1:]
	}
	return id, metadata[:at+1] + rest
}

// Life implements record.Mortal.
func (l *Lease) Life() string { return TopicID(l.topicID) }

// Former implements record.Mortal.
func (l *Lease) Former() (life, note string) { return l.former.life, l.former.note }

var errReborn = fmt.Errorf("the topic was deleted and made again: %w", record.ErrFenced)

// otherLife reports whether err is what brokers say of a topic's id, or name, that there is no
// longer.
func otherLife(err error) bool {
	return errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.InconsistentTopicID) ||
		errors.Is(err, kerr.UnknownTopicOrPartition)
}

// suspectLife makes watchLives look at once.
func (s *session) suspectLife() {
	select {
	case s.suspect <- struct{}{}:
	default:
	}
}

// watchLives ends the leases of topics that were deleted and made again, and begins new ones. Of
// the group's members nobody else need notice: with as many partitions as before the assignment
// stays as it is.
func (s *session) watchLives(ctx context.Context) {
	for {
		missing, err := s.checkLives(ctx)
		if err != nil && ctx.Err() == nil {
			s.in.metrics.logFailure(s.in.env.Log, "the topics cannot be looked up; trying again", err)
		}
		// One look a second at most, however many partitions have a suspicion.
		if fault.Sleep(ctx, time.Second) != nil {
			return
		}
		next := s.in.cfg.MetadataMaxAge
		if missing {
			next = min(next, refusedFor/3)
		}
		tick := time.NewTimer(next)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-s.suspect:
		}
		tick.Stop()
	}
}

// checkLives looks the topics up, also those of which nothing is read here. It reports whether one
// is missing.
func (s *session) checkLives(ctx context.Context) (missing bool, err error) {
	known := map[string]bool{}
	for _, t := range s.in.cfg.Topics {
		known[t] = true
	}
	for p := range s.leases.byPartition() {
		known[p.topic] = true
	}
	topics := make([]string, 0, len(known))
	for t := range known {
		topics = append(topics, t)
	}
	if len(topics) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	details, err := kadm.NewClient(s.reader).ListTopics(ctx, topics...)
	if err != nil {
		return false, err
	}
	for _, t := range s.in.cfg.Topics {
		if err := details[t].Err; err != nil {
			missing = true
			err = fmt.Errorf("topic %s: %w", t, err)
			s.in.refused.failed(t, err)
			s.in.metrics.logFailure(s.in.env.Log, "a topic cannot be read; trying again", err)
		} else {
			s.in.refused.worked(t)
		}
	}
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	for p, l := range s.leases.held {
		d, ok := details[p.topic]
		id := l.located()
		if !ok || d.Err != nil || d.ID == [16]byte{} || id == [16]byte{} || d.ID == id {
			continue
		}
		l.mu.Lock()
		pos, read := l.committed.pos, l.ahead.read
		l.mu.Unlock()
		s.in.env.Log.Warn(
			"the topic was deleted and made again: its partition is read anew, from the beginning",
			"partition", l.name, "topic_id", TopicID(d.ID), "former_topic_id", TopicID(id),
			"former_position", pos, "read_and_not_committed", max(0, read-pos),
			"do", "nothing; before deleting a topic, stop its producers and wait until its lag is 0, for what was not committed went with it",
		)
		s.in.metrics.recreated.Inc()
		l.revoke(errReborn)
		s.beginLocked(p, true)
	}
	return missing, nil
}

// located returns the id of the topic that the lease reads; zero while it is not known.
func (l *Lease) located() [16]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.topicID
}
