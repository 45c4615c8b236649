// Command manifests decodes Kubernetes manifests, of files or of standard input ("-"), by the types
// of Kubernetes itself: an unknown field, a field given twice or a wrong type fails. Kinds that are
// not Kubernetes' own are named and not looked at.
//
// It is a module of its own, so that the product does not depend on what it needs, and never asks a
// cluster.
package main
