package http

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"mime"
	"net/http"
	"strconv"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/penstock/penstock/network/wire"
)

// otlp takes ExportLogsServiceRequests: https://opentelemetry.io/docs/specs/otlp/#otlphttp
func (h *HTTP) otlp() protocol {
	return protocol{
		name: "otlp",
		fail: failOTLP,
		take: func(w http.ResponseWriter, r *request) error {
			if r.Method != http.MethodPost {
				return fail(http.StatusMethodNotAllowed, "use POST")
			}
			media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
			body, err := r.body(w)
			if err != nil {
				return err
			}
			var decode func() error
			asJSON := false
			now := time.Now()
			switch media {
			case "application/x-protobuf":
				decode = func() error { return r.otlpProto(body, now) }
			case "application/json":
				asJSON = true
				decode = func() error { return r.otlpJSON(body, now) }
			default:
				return fail(
					http.StatusUnsupportedMediaType,
					"content type %q: use application/x-protobuf or application/json", media,
				)
			}
			if err := r.take(decode); err != nil {
				return err
			}
			// An empty ExportLogsServiceResponse: full success.
			w.Header().Set("Content-Type", media)
			if asJSON {
				_, _ = w.Write([]byte("{}")) // a client that is gone learns nothing
			}
			return nil
		},
	}
}

// failOTLP answers in plain text, which the protocol's clients log; they retry on 429 and 503,
// minding Retry-After.
func failOTLP(w http.ResponseWriter, f *failure) { failPlain(w, f) }

// errOTLP is wrapped by errors about bodies that are something else.
var errOTLP = errors.New("not an ExportLogsServiceRequest")

// otlpScope is what the records of one ScopeLogs share, as JSON text; empty where there is none.
type otlpScope struct {
	resource, scope           []byte
	resourceSchema, ownSchema string
}

// otlpRecord enters one log record. buf is used again for the next.
func (r *request) otlpRecord(
	buf *[]byte, rec *logspb.LogRecord, shared *otlpScope, now time.Time, asJSON bool, size int,
) error {
	if cap(*buf) < size+len(shared.resource)+256 {
		*buf = make([]byte, 0, size+len(shared.resource)+256)
	}
	o := otlpWriter{dst: (*buf)[:0], depth: r.h.cfg.MaxDepth, asJSON: asJSON}
	o.record(rec, shared)
	*buf = o.dst
	switch {
	case o.deep:
		return r.otlpTooDeep()
	case len(o.dst) > r.textRoom():
		return r.otlpTooLong()
	}
	at := now.UnixNano()
	if ns := rec.GetTimeUnixNano(); ns > 0 && ns <= math.MaxInt64 {
		at = int64(ns)
	} else if ns := rec.GetObservedTimeUnixNano(); ns > 0 && ns <= math.MaxInt64 {
		at = int64(ns)
	}
	rec.Reset() // its memory may go before the record's is taken
	return r.add("otlp", at, nil, o.dst, nil)
}

func (r *request) otlpTooDeep() error {
	return fail(http.StatusBadRequest, "nested deeper than max_depth, %d", r.h.cfg.MaxDepth)
}

func (r *request) otlpTooLong() error {
	return fail(
		http.StatusRequestEntityTooLarge,
		"a log record or resource that takes several times its size: send it as text",
	)
}

// attributesOf returns what share says about resource and scope.
func (r *request) attributesOf(write func(o *otlpWriter)) ([]byte, error) {
	o := otlpWriter{depth: r.h.cfg.MaxDepth}
	write(&o)
	switch {
	case o.deep:
		return nil, r.otlpTooDeep()
	case len(o.dst) > r.room():
		return nil, r.otlpTooLong()
	}
	return o.dst, nil
}

func (r *request) shareResource(s *otlpScope, res *resourcepb.Resource) (err error) {
	s.resource, err = r.attributesOf(func(o *otlpWriter) {
		if len(res.GetAttributes()) > 0 {
			o.object(res.GetAttributes(), 0)
		}
	})
	return err
}

func (r *request) shareScope(s *otlpScope, scope *commonpb.InstrumentationScope) (err error) {
	s.scope, err = r.attributesOf(func(o *otlpWriter) {
		if scope.GetName() != "" || scope.GetVersion() != "" || len(scope.GetAttributes()) > 0 {
			o.dst = append(o.dst, '{')
			o.text("name", scope.GetName())
			o.text("version", scope.GetVersion())
			o.attributes("attributes", scope.GetAttributes())
			o.dst = append(o.dst, '}')
		}
	})
	return err
}

// otlpWriter writes a log record as JSON: {"body":, "severity_text":, "attributes":{},
// "resource":{}, "scope":{}, "trace_id":, ...}; what is not set is left out.
type otlpWriter struct {
	dst    []byte
	depth  int
	deep   bool
	asJSON bool
}

func (o *otlpWriter) key(name string) {
	if o.dst[len(o.dst)-1] != '{' {
		o.dst = append(o.dst, ',')
	}
	o.string(name)
	o.dst = append(o.dst, ':')
}

func (o *otlpWriter) string(s string) { o.dst = wire.AppendJSONString(o.dst, []byte(s)) }

func (o *otlpWriter) text(name, value string) {
	if value != "" {
		o.key(name)
		o.string(value)
	}
}

func (o *otlpWriter) raw(name string, text []byte) {
	if len(text) > 0 {
		o.key(name)
		o.dst = append(o.dst, text...)
	}
}

func (o *otlpWriter) number(name string, n uint64) {
	if n != 0 {
		o.key(name)
		o.dst = strconv.AppendUint(o.dst, n, 10)
	}
}

func (o *otlpWriter) record(rec *logspb.LogRecord, shared *otlpScope) {
	o.dst = append(o.dst, '{')
	if rec.GetBody() != nil {
		o.key("body")
		o.value(rec.GetBody(), 0)
	}
	o.text("severity_text", rec.GetSeverityText())
	o.number("severity_number", uint64(max(rec.GetSeverityNumber(), 0)))
	o.text("event_name", rec.GetEventName())
	o.attributes("attributes", rec.GetAttributes())
	o.raw("resource", shared.resource)
	o.raw("scope", shared.scope)
	o.text("trace_id", o.id(rec.GetTraceId()))
	o.text("span_id", o.id(rec.GetSpanId()))
	o.number("flags", uint64(rec.GetFlags()))
	o.number("time_unix_nano", rec.GetTimeUnixNano())
	o.number("observed_time_unix_nano", rec.GetObservedTimeUnixNano())
	o.number("dropped_attributes_count", uint64(rec.GetDroppedAttributesCount()))
	o.text("resource_schema_url", shared.resourceSchema)
	o.text("scope_schema_url", shared.ownSchema)
	o.dst = append(o.dst, '}')
}

// id writes a trace or span id in hex. OTLP's JSON has ids in hex where protobuf's JSON expects
// base64, and hex digits are base64 digits: encoding again gives back what was sent.
func (o *otlpWriter) id(b []byte) string {
	if o.asJSON {
		return base64.StdEncoding.EncodeToString(b)
	}
	return hex.EncodeToString(b)
}

func (o *otlpWriter) attributes(name string, list []*commonpb.KeyValue) {
	if len(list) > 0 {
		o.key(name)
		o.object(list, 0)
	}
}

func (o *otlpWriter) object(list []*commonpb.KeyValue, depth int) {
	o.dst = append(o.dst, '{')
	for _, kv := range list {
		o.key(kv.GetKey())
		o.value(kv.GetValue(), depth+1)
	}
	o.dst = append(o.dst, '}')
}

func (o *otlpWriter) value(v *commonpb.AnyValue, depth int) {
	if depth > o.depth {
		o.deep = true
		return
	}
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		o.string(v.StringValue)
	case *commonpb.AnyValue_BoolValue:
		o.dst = strconv.AppendBool(o.dst, v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		o.dst = strconv.AppendInt(o.dst, v.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		text, err := json.Marshal(v.DoubleValue)
		if err != nil { // NaN and the infinities: JSON has none
			text = strconv.AppendQuote(nil, strconv.FormatFloat(v.DoubleValue, 'g', -1, 64))
		}
		o.dst = append(o.dst, text...)
	case *commonpb.AnyValue_BytesValue:
		o.string(base64.StdEncoding.EncodeToString(v.BytesValue))
	case *commonpb.AnyValue_ArrayValue:
		o.dst = append(o.dst, '[')
		for i, e := range v.ArrayValue.GetValues() {
			if i > 0 {
				o.dst = append(o.dst, ',')
			}
			o.value(e, depth+1)
		}
		o.dst = append(o.dst, ']')
	case *commonpb.AnyValue_KvlistValue:
		o.object(v.KvlistValue.GetValues(), depth)
	default:
		o.dst = append(o.dst, "null"...)
	}
}
