// Package gcs keeps objects in Google Cloud Storage: the output "gcs", and a store for failover and
// archives.
//
// It owns the translation of spool.Store to the GCS API: credentials, resumable uploads, checksums,
// preconditions, and which errors pass by themselves. It never reads an object into memory and
// never lists to find out what was written.
//
// Where things are:
//
//   - the output: output.go, config.go, preflight.go
//   - the store: store.go (the contract, but for what follows), upload.go, download.go
//   - requests: client.go (credentials, who pays), call.go (one request, made again while it may
//     help), errors.go (what an answer means)
package gcs
