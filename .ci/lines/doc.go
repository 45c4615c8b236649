// Command lines reports what is longer than 100 columns, a tab being four. Of Go, the insides of
// literals do not count, since they cannot be broken, nor addresses in comments, nor the tables of
// tests; of Markdown, tables and code do not.
package main
