package spool

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// knownFiles finds files by keys that led to them: for many keys at once, in little memory of a
// cache. What a key leads to is decided by cut.byKey.
type knownFiles struct {
	slots   []knownFile // the next one where that of the hash is taken; at least a third is free
	n       int
	touched int // keeps what only fetches memory from being no work at all
}

type knownFile struct {
	hash uint64 // of the key
	file *file  // nil if the slot is free
}

// shortKey is a key, if that is short.
type shortKey struct {
	n     uint8 // its length; 0 for none
	bytes [17]byte
}

func (k *shortKey) is(key []byte) bool {
	return k.n > 0 && len(key) == int(k.n) && string(k.bytes[:len(key)]) == string(key)
}

func (k *shortKey) set(key []byte) {
	if len(key) <= len(k.bytes) {
		k.n = uint8(copy(k.bytes[:], key))
	}
}

// slot returns where the file of a hash is, or would be.
func (k *knownFiles) slot(hash uint64) *knownFile {
	mask := uint64(len(k.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		if s := &k.slots[i]; s.file == nil || s.hash == hash {
			return s
		}
	}
}

// learn notes that a key of the hash leads to f.
func (k *knownFiles) learn(hash uint64, f *file) {
	s := k.slot(hash)
	if s.file == nil {
		k.n++
	}
	s.hash, s.file = hash, f
	if k.n*3 > len(k.slots)*2 {
		k.grow()
	}
}

func (k *knownFiles) grow() {
	old := k.slots
	k.slots = make([]knownFile, 1<<bits.Len(uint(max(2*knowFrom, len(old)))))
	for _, s := range old {
		if s.file != nil {
			*k.slot(s.hash) = s
		}
	}
}

// findKnown finds the files that keys lead to.
func (c *cut) findKnown(all []lookedAt) {
	k := &c.known
	if k.slots == nil {
		k.grow()
	}
	var hashes [groupSize]uint64
	for i := range all {
		hashes[i] = xxhash.Sum64(all[i].key)
		all[i].file = k.slot(hashes[i]).file
	}
	for i := range all {
		if f := all[i].file; f != nil {
			k.touched += int(f.key.n)
		}
	}
	for i := range all {
		l := &all[i]
		if l.file != nil && l.file.key.is(l.key) {
			continue
		}
		if l.file = c.byKey[string(l.key)]; l.file != nil {
			l.file.key.set(l.key)
			k.learn(hashes[i], l.file)
		}
	}
}
