package spool

import (
	"errors"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/protocol"
)

// settings has id tell the settings that decide the names and contents of a log's files, and the
// log what becomes of that which its filters refuse. note is what was committed last. It returns
// how an earlier release would have called the settings.
func (a *Archiver) settings(log record.Log, id *identity, note string) (before string, err error) {
	agent, fingerprint := a.env.Agent, ""
	if f, ok := record.As[record.Fingerprinter](log); ok {
		fingerprint = f.Fingerprint()
	}
	if id.topic == "" {
		fingerprint += "\n" + id.slug
	} else if a.cfg.usesAgent() {
		return "", errors.New(
			"${agent} is in path, file_name, late.path or dead_letter_path: another member of the group would give a half-uploaded cut other names: leave it out",
		)
	}
	if a.env.DeadLetter != nil {
		fingerprint += "\nno dead-letter objects"
	}
	before = a.cfg.hash(agent, a.codec.rows.Fingerprint(), fingerprint)
	id.config = before
	if a.env.DeadLetter != nil {
		return before, nil
	}
	if id.topic == "" {
		fingerprint += "\norigins of dead-letters"
	}
	if r, ok := record.As[record.Refuser](log); ok {
		from, err := keepsFrom(note, before)
		if err != nil {
			return before, err
		}
		if r.KeepRefused(from) {
			fingerprint += "\nrefused among dead-letter objects"
		}
	}
	id.config = a.cfg.hash(agent, a.codec.rows.Fingerprint(), fingerprint)
	return before, nil
}

// keepsFrom returns from where on what filters refuse is among the objects: behind a cut that a
// release began which brought it elsewhere. before is how that calls the settings.
func keepsFrom(raw, before string) (int64, error) {
	note, _, err := protocol.ParseNote(raw)
	if err != nil || note.Intent == nil || note.Intent.Config != before {
		return 0, err
	}
	return note.Intent.End, nil
}
