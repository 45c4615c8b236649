package http

import "strings"

// endpoints of other protocols, whose bodies would become lines of text if their paths were tags.
var endpoints = []struct{ path, why string }{
	{"/v1/logs", "OTLP is turned off (otlp)"},
	{"/v1/metrics", "of OTLP only /v1/logs is taken"},
	{"/v1/traces", "of OTLP only /v1/logs is taken"},
	{"/v1development/", "of OTLP only /v1/logs is taken"},
	{"/opentelemetry.proto.", "OTLP is taken by HTTP, not by gRPC"},
	{"/services/", "the HTTP Event Collector is turned off (splunk), or this is no part of it"},
	{"/loki/", "Loki's protocol is not taken"},
	{"/api/v1/", "Prometheus' and Datadog's protocols are not taken"},
	{"/api/v2/", "Datadog's protocol is not taken"},
	{"/api/prom/", "Loki's protocol is not taken"},
	{"/insert/", "use /_bulk, or a path without /insert for lines and JSON"},
}

// otherProtocol says why a path is no tag; "" when it is one.
func otherProtocol(path string) string {
	for _, e := range endpoints {
		if path == e.path ||
			strings.HasSuffix(e.path, "/") && strings.HasPrefix(path+"/", e.path) ||
			strings.HasSuffix(e.path, ".") && strings.HasPrefix(path, e.path) {
			return e.why
		}
	}
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "_") {
			return "of Elasticsearch's interface, if that is turned on, only _bulk, _doc and _create take records"
		}
	}
	return ""
}
