// Package s3 keeps objects in Amazon S3 or a server that speaks its API: the output "s3", and a
// store for failover and archives.
//
// It owns the translation of spool.Store to the S3 API: credentials, multipart uploads, checksums,
// conditional writes, and which errors pass by themselves. It never reads an object into memory and
// never lists to find out what was written.
//
// Where things are:
//
//   - the output: output.go, config.go, preflight.go
//   - the store: store.go (the contract, but for what follows), multipart.go (large objects),
//     list.go, headers.go (metadata, encryption)
//   - requests: client.go (credentials), locate.go (endpoint, region, redirects), call.go (one
//     request, made again while it may help), errors.go (what an answer means)
package s3
