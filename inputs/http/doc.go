// Package http is the input for logs that come by HTTP: plain POSTs (NDJSON, JSON, lines, forms as
// fluentd's in_http takes them, msgpack), Elasticsearch's _bulk, Splunk's HTTP Event Collector and
// OTLP/HTTP logs.
//
// It owns the server and the meaning of requests. A request is answered with success when all its
// records are durable, and with 429 and Retry-After when the buffer takes nothing for a while. What
// it answers otherwise it has not taken, or at most in part. It holds no queue. A body is decoded
// record by record: one of N bytes costs at most about four times N of memory (see request).
//
// What becomes of a request:
//
//	POST /app/web                    tag "app.web"; by Content-Type:
//	    application/x-ndjson             one record per line, which must be JSON
//	    application/json                 one record, or one per element of an array
//	    text/plain, other text, none     one record per line, as it is
//	    application/msgpack              one record, or one per element of an array, as JSON; of
//	                                     [time, map] and [[time, metadata], map], as fluent-bit
//	                                     sends them, the map with its time
//	    application/x-www-form-urlencoded, multipart/form-data
//	                                     the field json, ndjson or msgpack; a field or query
//	                                     "time" in seconds
//	POST /_bulk, /<index>/_bulk      one record per index or create; tag = index, key = _id,
//	                                 time = @timestamp
//	POST /<index>/_doc[/<id>]        one record
//	POST /services/collector[/event] one record per event, with its envelope; tag = index or
//	                                 "hec", time = time
//	POST /services/collector/raw     one record per line
//	POST /v1/logs                    one record per log record, as JSON; tag "otlp",
//	                                 time = time_unix_nano
//
// Paths of other protocols and content types that are none of these are refused, 404 and 415, for
// their bodies would only look like records.
//
// Where things are: http.go (the input), config.go, auth.go, request.go (a request: its records
// become batches, in parts), plain.go (bodies of our own), forms.go, json.go; Elasticsearch in
// elastic.go, bulk.go and filterpath.go; Splunk in splunk.go; OTLP in otlp.go and otlpwire.go; what
// others speak in otherprotocol.go.
package http
