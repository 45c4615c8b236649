// A module that does what the record's value says, for tests.
package main

import (
	"encoding/binary"
	"unsafe"
)

const null = 0xffffffff

var batch, answer []byte

//go:wasmexport alloc_batch
func alloc(size uint32) uint32 {
	batch = make([]byte, size)
	return address(batch)
}

//go:wasmexport process_batch
func process(at, size uint32) uint64 {
	in := batch[:size]
	n := u32(&in)
	bytes(&in)
	bytes(&in)
	answer = answer[:0]
	for range n {
		begin := in
		in = in[8:]
		bytes(&in)
		value := bytes(&in)
		for range u32(&in) {
			bytes(&in)
			bytes(&in)
		}
		switch string(value) {
		case "trap":
			panic("as it was told")
		case "loop":
			for {
				batch[0]++
			}
		case "eat":
			var all [][]byte
			for {
				all = append(all, make([]byte, 1<<20))
			}
		case "lie":
			return 0xfffffff0_00000100
		case "drop":
			answer = append(answer, 2)
		case "refuse":
			answer = append(answer, 3, 3, 0, 0, 0, 'b', 'a', 'd')
		case "keep":
			answer = append(answer, 0)
		default:
			answer = append(answer, 1)
			answer = append(answer, begin[:len(begin)-len(in)]...)
			i := len(answer) - (len(begin) - len(in)) + 8
			if key := binary.LittleEndian.Uint32(answer[i:]); key != null {
				i += int(key)
			}
			i += 8
			for j := range value {
				answer[i+j] = value[len(value)-1-j]
			}
		}
	}
	return uint64(address(answer))<<32 | uint64(len(answer))
}

func u32(in *[]byte) uint32 {
	n := binary.LittleEndian.Uint32(*in)
	*in = (*in)[4:]
	return n
}

func bytes(in *[]byte) []byte {
	n := u32(in)
	if n == null {
		return nil
	}
	out := (*in)[:n]
	*in = (*in)[n:]
	return out
}

func address(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

func main() {}
