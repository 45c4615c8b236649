// Package kubernetestest holds an API server of Kubernetes for tests, as far as pods are listed and
// watched.
//
// It owns the behaviour that clients have to cope with: versions that expire, watches that end or
// break, bookmarks, tokens that are no longer taken, answers that do not come.
package kubernetestest
