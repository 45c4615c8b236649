// Package draft is a configuration that is being written out of another tool's. It is blocks in the
// order they were thought of, a comment at everything that was not carried over, and the account of
// all that was found.
//
// It owns the HCL that is written and the words in which losses are told. It knows no tool and no
// component.
package draft
