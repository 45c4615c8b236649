// Package reference is what there is to say about a subject, such as output.kafka, templates or the
// command run. It is told in three forms: text for a terminal, Markdown for a code host, and roff
// for man.
//
// It owns the forms. It knows no subject: the configuration's are made from the structs that are
// decoded, and those of the command line by cmd/penstock.
package reference
