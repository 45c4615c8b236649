// Package local keeps objects as files of a directory: the output "local", and a store for failover
// and archives.
//
// It owns everything below its directory's ".penstock", where files are written before they are
// renamed into place. Each object is a plain file named by its key, whole or absent, and synced to
// disk before Put returns. It never follows a key or a symbolic link out of the directory.
//
// Where things are:
//
//   - the output: output.go, config.go, preflight.go
//   - the store: store.go (the contract, but for what follows), list.go, metadata.go (extended
//     attributes), errors.go (what an error means)
//   - how files come to be: workfile.go (under a working name), batch.go (many at once, synced
//     together), naming.go (what they are called at the end), ahead.go (their directories, before
//     that), sync_linux.go
package local
