package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/network/wire"
)

// maxAction bounds an action line of a bulk request, in bytes.
const maxAction = 64 << 10

// action is what a bulk request wants done with the line that follows.
type action struct {
	Index string          `json:"_index"`
	ID    json.RawMessage `json:"_id"`
}

// key returns the document's id as a record's key.
func (a *action) key() []byte {
	if s, ok := unquote(a.ID); ok {
		return []byte(s)
	}
	if len(a.ID) == 0 || string(a.ID) == "null" {
		return nil
	}
	return a.ID
}

// bulkOps are the actions that there are.
var bulkOps = []string{"index", "create", "update", "delete"}

// bulk takes one bulk request. An item that cannot be kept fails alone; the others are stored.
func (r *request) bulk(w http.ResponseWriter, index string) error {
	begun := time.Now()
	body, err := r.body(w)
	if err != nil {
		return err
	}
	reply := bulkReply{index: index}
	err = r.take(func() error {
		reply.outcomes, reply.whys = reply.outcomes[:0], reply.whys[:0]
		return r.bulkLines(body, index, begun, &reply)
	})
	if err != nil {
		return err
	}
	if len(reply.outcomes) == 0 {
		return fail(http.StatusBadRequest, "request body is required")
	}
	reply.took = time.Since(begun)
	return reply.write(w, r, body)
}

func (r *request) bulkLines(body []byte, index string, begun time.Time, reply *bulkReply) error {
	return eachAction(body, index, func(number, op int, a *action, doc []byte) error {
		why, err := r.bulkItem(op, a, doc, begun)
		if err != nil {
			return err
		}
		if reply.add(op, why) {
			return r.charge(r.charged + cap(reply.outcomes))
		}
		return nil
	})
}

// eachAction calls each with the actions of a bulk request: the number of the line, the index in
// bulkOps, and the document where the action has one.
func eachAction(
	body []byte, index string, each func(number, op int, a *action, doc []byte) error,
) error {
	for number := 1; len(body) > 0; number++ {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte{'\n'})
		if len(space(line)) == 0 {
			continue
		}
		a := action{Index: index}
		op, err := parseAction(line, &a)
		if err != nil {
			return fail(
				http.StatusBadRequest,
				"Malformed action/metadata line [%d], expected one action: %v", number, err,
			)
		}
		var doc []byte
		if bulkOps[op] != "delete" {
			number++
			doc, body, _ = bytes.Cut(body, []byte{'\n'})
		}
		if err := each(number, op, &a, doc); err != nil {
			return err
		}
	}
	return nil
}

func parseAction(line []byte, a *action) (op int, err error) {
	if len(line) > maxAction {
		return 0, fmt.Errorf("longer than %d bytes", maxAction)
	}
	end, err := wire.ScanJSON(line, 10)
	if err != nil {
		return 0, err
	}
	if line = space(line); line[0] != '{' || len(bytes.TrimSpace(line)) > end {
		return 0, errors.New("not one JSON object")
	}
	op = -1
	err = wire.JSONMembers(line, func(name, meta []byte) error {
		if op >= 0 {
			return errors.New("more than one")
		}
		for i := range bulkOps {
			if isName(name, bulkOps[i]) {
				op = i
			}
		}
		if op < 0 {
			return fmt.Errorf("%.50s is none of [create, delete, index, update]", name)
		}
		index := a.Index
		if err := json.Unmarshal(meta, a); err != nil {
			return errors.New("_index is a string")
		}
		if a.Index == "" {
			a.Index = index
		}
		return nil
	})
	if err == nil && op < 0 {
		err = errors.New("none")
	}
	return op, err
}

// bulkItem enters one item, or says why it cannot be taken.
func (r *request) bulkItem(op int, a *action, doc []byte, now time.Time) (why string, err error) {
	switch bulkOps[op] {
	case "update", "delete":
		return bulkOps[op] + " is not supported: records are only ever added", nil
	}
	value, err := compact(doc, r.h.cfg.MaxDepth)
	var refused *failure
	switch {
	case errors.As(err, &refused):
		return "document: " + refused.reason, nil
	case err != nil:
		return "document: " + err.Error(), nil
	case value[0] != '{':
		return "document: not a JSON object", nil
	}
	return "", r.addDocument(a.Index, a.key(), value, now)
}

// addDocument enters a JSON object that compact has accepted.
func (r *request) addDocument(index string, id, value []byte, now time.Time) error {
	if index == "" {
		index = r.h.cfg.Tag
	}
	at := now
	err := wire.JSONMembers(value, func(name, v []byte) error {
		if len(v) < 100 && isName(name, "@timestamp") {
			if t, ok := elasticTime(v); ok {
				if _, ok := record.Nanos(t); ok {
					at = t
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.add(index, at.UnixNano(), id, value, nil)
}

// elasticTime reads a time as Elasticsearch does where no mapping says otherwise: of ISO 8601, in
// UTC without a zone, or in milliseconds since the epoch.
func elasticTime(v []byte) (time.Time, bool) {
	text, quoted := unquote(v)
	if !quoted {
		text = string(v)
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) > len("2026") {
		return time.UnixMilli(ms), true
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", time.DateOnly,
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// document takes a single document: POST /<index>/_doc.
func (r *request) document(w http.ResponseWriter, index, id string) error {
	body, err := r.body(w)
	if err != nil {
		return err
	}
	value, err := compact(body, r.h.cfg.MaxDepth)
	switch {
	case err != nil:
		return fmt.Errorf("document: %w", err)
	case value[0] != '{':
		return fail(http.StatusBadRequest, "document: not a JSON object")
	}
	now := time.Now()
	var key []byte
	if id != "" {
		key = []byte(id)
	} else {
		id = strconv.FormatInt(now.UnixNano(), 36)
	}
	if err := r.take(func() error { return r.addDocument(index, key, value, now) }); err != nil {
		return err
	}
	writeElastic(
		w,
		http.StatusCreated,
		map[string]any{
			"_index":   index,
			"_id":      id,
			"_version": 1,
			"result":   "created",
			"_shards": map[string]int{
				"total":      1,
				"successful": 1,
				"failed":     0,
			},
			"_seq_no":       0,
			"_primary_term": 1,
		},
	)
	return nil
}

// maxWhys bounds the reasons that are remembered; what fails for another reason is told less.
const maxWhys = 100

// bulkReply is the answer to a bulk request, as little as there must be of it: its clients read it
// into buffers of limited size, and send everything again when it does not fit.
type bulkReply struct {
	index    string
	took     time.Duration
	outcomes []byte   // of each item: 0, or one more than its reason's place in whys
	whys     []string // the last for all that found no room
	failed   bool
}

// add notes an item's outcome, and reports whether it took more memory for that.
func (b *bulkReply) add(_ int, why string) (grown bool) {
	outcome := 0
	if why != "" {
		b.failed = true
		for outcome < len(b.whys) && b.whys[outcome] != why {
			outcome++
		}
		if outcome == len(b.whys) {
			if outcome == maxWhys {
				outcome--
				b.whys[outcome] = "document: not a JSON object, or too deep"
			} else {
				b.whys = append(b.whys, why)
			}
		}
		outcome++
	}
	before := cap(b.outcomes)
	b.outcomes = append(b.outcomes, byte(outcome))
	return cap(b.outcomes) > before
}

// write reads the actions once more, for what the items say of themselves.
func (b *bulkReply) write(w http.ResponseWriter, r *request, body []byte) error {
	keep := newPathFilter(r.URL.Query().Get("filter_path"))
	// fluent-bit looks at no item as long as there is no error, and takes answers of 512,000 bytes
	// at most.
	brief := strings.HasPrefix(r.UserAgent(), "Fluent-Bit")
	h := w.Header()
	h.Set("X-Elastic-Product", "Elasticsearch")
	h.Set("Content-Type", "application/json")
	out := make([]byte, 0, 16<<10)
	sep := byte('{')
	field := func(name string) {
		out = append(append(append(out, sep, '"'), name...), `":`...)
		sep = ','
	}
	if keep.path("took") {
		field("took")
		out = strconv.AppendInt(out, b.took.Milliseconds(), 10)
	}
	if keep.path("errors") {
		field("errors")
		out = strconv.AppendBool(out, b.failed)
	}
	if keep.within("items") {
		n, at := 0, 0
		err := eachAction(body, b.index, func(_, op int, a *action, _ []byte) error {
			outcome := b.outcomes[at]
			at++
			if brief && outcome == 0 && (!b.failed || at > 1) {
				return nil
			}
			before := len(out)
			if n == 0 {
				field("items")
				out = append(out, '[')
			} else {
				out = append(out, ',')
			}
			if !b.item(&out, keep, op, a, outcome) {
				if out = out[:before]; n == 0 {
					sep = '{'
					if len(out) > 0 {
						sep = ','
					}
				}
				return nil
			}
			if n++; len(out) > 8<<10 {
				_, err := w.Write(out)
				out = out[:0]
				return err
			}
			return nil
		})
		switch {
		case err != nil:
			return nil //nolint:nilerr // the client is gone, and learns nothing
		case n > 0:
			out = append(out, ']')
		case keep.takesAll():
			field("items")
			out = append(out, "[]"...)
		}
	}
	if sep == '{' {
		out = append(out, '{')
	}
	_, _ = w.Write(append(out, '}', '\n')) // a client that is gone learns nothing
	return nil
}

// item appends an item, and reports whether there is anything in it.
func (b *bulkReply) item(dst *[]byte, keep *pathFilter, op int, a *action, outcome byte) bool {
	name := bulkOps[op]
	out := append(append(append(*dst, `{"`...), name...), `":`...)
	sep := byte('{')
	field := func(f string) bool {
		if !keep.path("items", name, f) {
			return false
		}
		out = append(append(append(out, sep, '"'), f...), `":`...)
		sep = ','
		return true
	}
	if field("_index") {
		out = wire.AppendJSONString(out, []byte(a.Index))
	}
	if id := a.key(); id != nil && field("_id") {
		out = wire.AppendJSONString(out, id)
	}
	status := http.StatusCreated
	if outcome > 0 {
		status = http.StatusBadRequest
	}
	if field("status") {
		out = strconv.AppendInt(out, int64(status), 10)
	}
	if outcome > 0 {
		kind, reason := keep.path("items", name, "error", "type"), keep.path("items", name, "error", "reason")
		if kind || reason {
			out = append(append(out, sep), `"error":{`...)
			sep = ','
			if kind {
				out = append(out, `"type":"illegal_argument_exception"`...)
			}
			if kind && reason {
				out = append(out, ',')
			}
			if reason {
				out = wire.AppendJSONString(append(out, `"reason":`...), []byte(b.whys[outcome-1]))
			}
			out = append(out, '}')
		}
	}
	*dst = append(out, "}}"...)
	return sep == ','
}
