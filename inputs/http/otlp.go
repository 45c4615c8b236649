package http

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/inputs/forward/wire"
)

// otlp takes ExportLogsServiceRequests: https://opentelemetry.io/docs/specs/otlp/#otlphttp
func (h *HTTP) otlp() protocol {
	return protocol{name: "otlp", fail: failOTLP, take: func(w http.ResponseWriter, r *request) error {
		if r.Method != http.MethodPost {
			return fail(http.StatusMethodNotAllowed, "use POST")
		}
		media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		body, err := r.body(w)
		if err != nil {
			return err
		}
		var logs logspb.LogsData // on the wire the same as the request
		asJSON := false
		switch media {
		case "application/x-protobuf":
			if err := proto.Unmarshal(body, &logs); err != nil {
				return fmt.Errorf("not an ExportLogsServiceRequest: %w", err)
			}
		case "application/json":
			asJSON = true
			if deep(body, r.h.cfg.MaxDepth+20) { // the message's own levels
				return fail(http.StatusBadRequest, "nested deeper than max_depth, %d", r.h.cfg.MaxDepth)
			}
			if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, &logs); err != nil {
				return fmt.Errorf("not an ExportLogsServiceRequest: %w", err)
			}
		default:
			return fail(http.StatusUnsupportedMediaType, "content type %q: use application/x-protobuf or application/json", media)
		}
		if err := r.otlpRecords(&logs, asJSON); err != nil {
			return err
		}
		if err := r.store(); err != nil {
			return err
		}
		// An empty ExportLogsServiceResponse: full success.
		w.Header().Set("Content-Type", media)
		if asJSON {
			_, _ = w.Write([]byte("{}")) // a client that is gone learns nothing
		}
		return nil
	}}
}

// failOTLP answers in plain text, which the protocol's clients log; they retry on 429 and 503, minding Retry-After.
func failOTLP(w http.ResponseWriter, f *failure) { failPlain(w, f) }

func (r *request) otlpRecords(logs *logspb.LogsData, asJSON bool) error {
	now := time.Now()
	var b []byte
	for _, rl := range logs.GetResourceLogs() {
		for _, sl := range rl.GetScopeLogs() {
			for _, rec := range sl.GetLogRecords() {
				o := otlpWriter{dst: b[:0], depth: r.h.cfg.MaxDepth, asJSON: asJSON}
				o.record(rec, sl, rl)
				if o.deep {
					return fail(http.StatusBadRequest, "nested deeper than max_depth, %d", r.h.cfg.MaxDepth)
				}
				b = o.dst
				at := now
				if ns := rec.GetTimeUnixNano(); ns > 0 {
					at = time.Unix(0, int64(ns))
				} else if ns := rec.GetObservedTimeUnixNano(); ns > 0 {
					at = time.Unix(0, int64(ns))
				}
				r.add("otlp", at, nil, b, nil)
			}
		}
	}
	return nil
}

// otlpWriter writes a log record as JSON: {"body":, "severity_text":, "attributes":{}, "resource":{}, "scope":{}, "trace_id":, ...}; what is not set is left out.
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

func (o *otlpWriter) number(name string, n uint64) {
	if n != 0 {
		o.key(name)
		o.dst = strconv.AppendUint(o.dst, n, 10)
	}
}

func (o *otlpWriter) record(rec *logspb.LogRecord, sl *logspb.ScopeLogs, rl *logspb.ResourceLogs) {
	o.dst = append(o.dst, '{')
	if rec.GetBody() != nil {
		o.key("body")
		o.value(rec.GetBody(), 0)
	}
	o.text("severity_text", rec.GetSeverityText())
	o.number("severity_number", uint64(max(rec.GetSeverityNumber(), 0)))
	o.text("event_name", rec.GetEventName())
	o.attributes("attributes", rec.GetAttributes())
	o.attributes("resource", rl.GetResource().GetAttributes())
	if scope := sl.GetScope(); scope.GetName() != "" || scope.GetVersion() != "" || len(scope.GetAttributes()) > 0 {
		o.key("scope")
		o.dst = append(o.dst, '{')
		o.text("name", scope.GetName())
		o.text("version", scope.GetVersion())
		o.attributes("attributes", scope.GetAttributes())
		o.dst = append(o.dst, '}')
	}
	o.text("trace_id", o.id(rec.GetTraceId()))
	o.text("span_id", o.id(rec.GetSpanId()))
	o.number("flags", uint64(rec.GetFlags()))
	o.number("time_unix_nano", rec.GetTimeUnixNano())
	o.number("observed_time_unix_nano", rec.GetObservedTimeUnixNano())
	o.number("dropped_attributes_count", uint64(rec.GetDroppedAttributesCount()))
	o.text("resource_schema_url", rl.GetSchemaUrl())
	o.text("scope_schema_url", sl.GetSchemaUrl())
	o.dst = append(o.dst, '}')
}

// id writes a trace or span id in hex. OTLP's JSON has ids in hex where protobuf's JSON expects base64, and hex digits are base64 digits:
// encoding again gives back what was sent.
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
