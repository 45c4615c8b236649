// Package gcs keeps objects in Google Cloud Storage: the output "gcs", and a store for failover and
// archives.
//
// It owns the translation of spool.Store to the GCS API: credentials, resumable uploads, checksums,
// preconditions, and which errors pass by themselves. It never reads an object into memory and
// never lists to find out what was written.
package gcs
