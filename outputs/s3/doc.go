// Package s3 keeps objects in Amazon S3 or a server that speaks its API: the output "s3", and a
// store for failover and archives.
//
// It owns the translation of spool.Store to the S3 API: credentials, multipart uploads, checksums,
// conditional writes, and which errors pass by themselves. It never reads an object into memory and
// never lists to find out what was written.
package s3
