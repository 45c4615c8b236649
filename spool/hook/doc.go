// Package hook tells others that a partition of the archive is complete: a webhook, a command,
// Trino, AWS Glue.
//
// A hook may run again for a partition that it has run for, after a crash or because another one
// failed: each does what it does only once in effect. It never decides what is complete.
package hook
