// Package elasticsearch is the output that writes documents to Elasticsearch or OpenSearch with
// bulk requests.
//
// It owns the form of documents and the meaning of each item's answer. Documents are created under
// ids made from the record itself, its place in the log included, so that a batch that is sent
// again after a lost answer makes no duplicates. Items that the cluster has no room for are tried
// again alone; those it refuses for good go to the dead letter.
package elasticsearch
