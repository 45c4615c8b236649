// Package flume turns the properties of Flume agents into a configuration of penstock.
//
// It owns what sources, interceptors, channels, selectors, sinks and sink groups mean. A source has
// a tag of its own, and a sink takes what the sources on its channel, and the channel's selectors,
// send there.
package flume
