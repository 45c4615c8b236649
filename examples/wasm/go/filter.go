//go:build wasip1

package main

import (
	"encoding/binary"
	"unsafe"
)

//go:wasmimport penstock field
func hostField(
	record uint32, path unsafe.Pointer, pathLen uint32, room unsafe.Pointer, roomLen uint32,
) int32

//go:wasmimport penstock set_field
func hostSet(
	record uint32, path unsafe.Pointer, pathLen uint32, text unsafe.Pointer, textLen uint32,
) int32

var (
	batch  []byte
	answer []byte
	room   = make([]byte, 4096)
)

//go:wasmexport alloc_batch
func alloc(size uint32) uint32 {
	batch = make([]byte, size)
	return address(batch)
}

//go:wasmexport process_batch
func process(at, size uint32) uint64 {
	in := batch[:size]
	n := binary.LittleEndian.Uint32(in)
	answer = answer[:0]
	kept := true
	for i := range n {
		verdict := one(i)
		answer = append(answer, verdict)
		if verdict == refuse {
			answer = binary.LittleEndian.AppendUint32(answer, uint32(len(noLevel)))
			answer = append(answer, noLevel...)
		}
		kept = kept && verdict == keep
	}
	if kept {
		return 0
	}
	return uint64(address(answer))<<32 | uint64(len(answer))
}

const (
	keep    = 0
	discard = 2
	refuse  = 3

	noLevel = "level is too long"
)

func one(i uint32) byte {
	switch level := field(i, "level"); {
	case level == nil:
		return keep
	case len(level) > 64:
		return refuse
	case string(level) == `"debug"`:
		return discard
	case string(level) == `"error"`:
		set(i, "severe", "true")
	default:
		set(i, "severe", "false")
	}
	return keep
}

// field returns the JSON text of a field; nil if there is none.
func field(record uint32, path string) []byte {
	n := hostField(record, unsafe.Pointer(unsafe.StringData(path)), uint32(len(path)),
		unsafe.Pointer(&room[0]), uint32(len(room)))
	switch {
	case n < 0:
		return nil
	case int(n) > len(room): // it was not copied
		room = make([]byte, n)
		return field(record, path)
	}
	return room[:n]
}

func set(record uint32, path, text string) bool {
	return hostSet(record, unsafe.Pointer(unsafe.StringData(path)), uint32(len(path)),
		unsafe.Pointer(unsafe.StringData(text)), uint32(len(text))) == 1
}

func address(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
