// Package convert turns the configurations of other tools into penstock's.
//
// It owns the table of the tools and the account of what was carried, changed and left out. Each
// tool has a package of its own, which reads the tool's files and writes a draft. What penstock
// refuses in that is taken out, and told. It checks nothing against the machine and reads nothing
// but the files it is given and those that they include.
package convert
