// Command go is a filter for penstock, as a WebAssembly reactor:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o filter.wasm .
//
// It discards records whose level is "debug", and gives those with a level a field "severe". A
// level of more than 64 bytes goes to the dead letter. The interface is
// in buffer/record/wasm/doc.go.
package main

// main is not called: a reactor is begun by _initialize.
func main() {}
