package admin

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record"
)

// tapRecord is one record of the live tap, a line of NDJSON. What is not UTF-8 stands in the field
// that ends in _base64.
type tapRecord struct {
	Time        time.Time   `json:"time"`
	Tag         string      `json:"tag"`
	Origin      string      `json:"origin,omitempty"`
	Offset      int64       `json:"offset"`
	Key         *string     `json:"key,omitempty"`
	KeyBase64   string      `json:"key_base64,omitempty"`
	Value       *string     `json:"value,omitempty"`
	ValueBase64 string      `json:"value_base64,omitempty"`
	Headers     [][2]string `json:"headers,omitempty"`
}

// tapDropped tells a viewer what it has missed.
type tapDropped struct {
	Dropped int64 `json:"dropped"`
}

// tapWrite bounds how long a viewer may take for one batch.
const tapWrite = 10 * time.Second

// serveTap streams records of ?pipeline= until the client leaves, or n= records have been shown.
func serveTap(w http.ResponseWriter, r *http.Request, agent Agent) {
	name := r.URL.Query().Get("pipeline")
	tap := agent.Tap(name)
	if tap == nil {
		http.Error(
			w,
			fmt.Sprintf("there is no pipeline %q: write /tap?pipeline=NAME&n=100", name), http.StatusNotFound,
		)
		return
	}
	left := -1
	if text := r.URL.Query().Get("n"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			http.Error(w, "n must be a number above 0", http.StatusBadRequest)
			return
		}
		left = n
	}
	viewer, leave := tap.Watch()
	defer leave()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	if rc.Flush() != nil {
		return
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	told := int64(0)
	for {
		var b *record.Batch
		select {
		case b = <-viewer.C:
		case <-r.Context().Done():
			return
		}
		records, err := b.Records()
		if err != nil {
			continue
		}
		if rc.SetWriteDeadline(time.Now().Add(tapWrite)) != nil {
			return
		}
		for rec := range records {
			if left == 0 {
				break
			}
			left--
			if enc.Encode(newTapRecord(b, rec)) != nil {
				return
			}
		}
		if d := viewer.Dropped(); d > told {
			if enc.Encode(tapDropped{d - told}) != nil {
				return
			}
			told = d
		}
		if rc.Flush() != nil || left == 0 {
			return
		}
	}
}

func newTapRecord(b *record.Batch, r *record.Record) tapRecord {
	out := tapRecord{Time: r.When(), Tag: b.Tag, Origin: b.Origin, Offset: r.Offset}
	out.Key, out.KeyBase64 = text(r.Key)
	out.Value, out.ValueBase64 = text(r.Value)
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, [2]string{h.Key, string(h.Value)})
	}
	return out
}

func text(p []byte) (*string, string) {
	switch {
	case p == nil:
		return nil, ""
	case utf8.Valid(p):
		s := string(p)
		return &s, ""
	}
	return nil, base64.StdEncoding.EncodeToString(p)
}
