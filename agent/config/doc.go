// Package config turns HCL files into the typed structs of the components, with a position for
// every mistake.
//
// It owns the syntax of a configuration: blocks, references, variables, functions, units, and the
// reference docs made from the structs. It never imports a component: a Catalogue tells it what
// there is. It opens no connection, starts nothing, and prints no secret: neither a value marked as
// one nor anything that came through env or file.
package config
