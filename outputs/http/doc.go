// Package http is the output that sends batches as HTTP requests, one request for each batch:
// NDJSON, a JSON array, or lines.
//
// It owns the form of requests and the meaning of their answers. A success is delivery, but for a
// page of HTML. What says "not now" (408, 425, 429, 5xx, no answer, and whatever is wrong with
// address or credentials) is tried again by the drain loop. A refusal of the contents (400, 413,
// 422 unless configured otherwise) makes the batch be sent in halves, down to the single records at
// fault, which go to the dead letter.
package http
