package formats

import "unsafe"

// alias returns p as a string without a copy. Nobody writes to texts.
func alias(p []byte) string { return unsafe.String(unsafe.SliceData(p), len(p)) }
