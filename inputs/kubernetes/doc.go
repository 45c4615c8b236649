// Package kubernetes knows the pods of this node, as the API server tells them.
//
// It owns the list and the watch, and what is remembered of pods, those just deleted included. It
// asks for the metadata of pods alone, and keeps of that what its configuration names. It reads no
// logs, and never makes anybody wait: whether to wait for a pod is its caller's to decide.
//
//   - config.go: where the API server is, and what is wanted of pods
//   - client.go: one list or watch over HTTP
//   - watch.go: lists and watches, and what is done when they fail
//   - pods.go: what is known
package kubernetes
