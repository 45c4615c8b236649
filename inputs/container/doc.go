// Package container takes lines apart that container runtimes write: of CRI (containerd, CRI-O) and
// of Docker's json-file driver.
//
// It knows one line at a time. That the parts of a line belong together is the business of who
// reads them (inputs/tail), what a time means of who wants it.
package container
