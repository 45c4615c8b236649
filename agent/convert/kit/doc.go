// Package kit is what the converters of tools with sections, settings and conditions share.
//
// It owns trees of settings, whatever they are written in (YAML, TOML, properties), with their
// places; how a setting becomes an attribute, or is told to be left out. And it owns a
// pipeline whose routes are conditions: how conditions stand beside each other (And), and branches
// that are decided before what is in them changes what they ask (branch.go). It knows no tool.
package kit
