package syslog

import (
	"bytes"
	"time"
)

// AppendLine appends the JSON object of a message that somebody else has written to a file, and
// returns the message's time. It is the value that the input gives, with the time as a field; a
// line of the old format may lack its priority there, but then has to begin with its time. now
// serves for what the time leaves out.
func AppendLine(dst, line []byte, now time.Time) (object []byte, at time.Time, err error) {
	m, err := parse(line, now)
	if err == errPriority {
		m = message{priority: -1, time: now}
		rest, ok := m.stamp(line, now)
		if !ok {
			return dst, now, errPriority
		}
		m.readHost(rest)
	} else if err != nil {
		return dst, now, err
	}
	start := len(dst)
	if m.priority >= 0 {
		dst = m.appendJSON(dst)
	} else {
		dst = m.appendRest(append(dst, '{'))
		if bytes.HasPrefix(dst[start:], []byte("{,")) {
			dst = append(dst[:start+1], dst[start+2:]...)
		}
	}
	if m.stamped {
		dst = append(dst[:len(dst)-1], `,"time":"`...)
		dst = append(m.time.AppendFormat(dst, time.RFC3339Nano), `"}`...)
	}
	return dst, m.time, nil
}
