// Package secor turns Secor's properties into a consumer: input kafka, and an archive that writes
// the object names that Secor wrote.
//
// It owns the syntax of the properties and what each of them is in penstock. It reads nothing but
// the files it is given and those that they include.
package secor
