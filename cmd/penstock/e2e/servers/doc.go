// Package servers starts real servers for the integration tests. They are Apache Kafka from its
// jars (one broker, or three with a controller), an S3 server, the GCS emulator, a schema registry
// and the API server of Kubernetes, each a process of its own on loopback, with its data in a
// directory.
//
// It is never imported by the program. What is not installed is reported by ErrMissing, and the
// tests that need it are skipped.
package servers
