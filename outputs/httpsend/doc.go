// Package httpsend is what outputs over HTTP share: requests with authentication, compression and
// TLS (httpsend.go), spread over several URLs, minding Retry-After and which of them are down
// (servers.go).
//
// It owns connections and never the meaning of an answer; it does not retry beyond one round of its
// URLs.
package httpsend
