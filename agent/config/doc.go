// Package config turns HCL files into the typed structs of the components, with a position for
// every mistake.
//
// It owns the syntax of a configuration: blocks, references, variables, functions, units, and the
// reference docs made from the structs. It never imports a component: a Catalogue tells it what
// there is. It opens no connection, starts nothing, and prints no secret: neither a value marked as
// one nor anything that came through env or file.
//
// Where things are:
//
//   - from files to structs: load.go (all of it), syntax.go (what is no HCL), decode.go (blocks and
//     attributes), value.go, assign.go and units.go (values), schema.go (the tags of structs),
//     eval.go, functions.go and inline.go (variables, functions, filters written in a pipeline)
//   - what the whole must be: config.go (the result), validate.go and check.go (what components and
//     pipelines say of it), refs.go, ports.go, machine.go (this machine's files), tags.go (patterns
//     of tags), removal.go (what may be removed too early), subset.go (what of it is sound),
//     fingerprint.go
//   - blocks of the agent: adminaccess.go, auditpublish.go, metricspush.go
//   - what is said of mistakes: report.go, snippet.go, suggest.go, patternhint.go, declaration.go
//     (what is missing, to be pasted), and what other tools have in foreignname.go and its
//     neighbours; redact.go keeps secrets out of texts, shown.go out of the files themselves
//   - what there is: catalogue.go; reference.go and its neighbours make the reference of it
package config
