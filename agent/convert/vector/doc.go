// Package vector turns Vector's configurations, TOML or YAML, into one of penstock.
//
// It owns what sources, transforms and sinks mean, and translates the parts of VRL that are common:
// parsing, setting, renaming and deleting fields, types, times, conditions, abort. A source has a
// tag of its own. A pipeline has one row of filters for all of its outputs: where sinks see
// different forms of the same events, that is told.
package vector
