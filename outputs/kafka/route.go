package kafka

import (
	"errors"
	"fmt"

	"github.com/penstock/penstock/network/kafkaclient"
)

// sanitizeTopic replaces in place what no topic may have.
func sanitizeTopic(name []byte) error {
	for i, c := range name {
		if !kafkaclient.TopicByte(c) {
			name[i] = '_'
		}
	}
	switch {
	case len(name) == 0:
		return errors.New("the topic is empty")
	case len(name) > kafkaclient.MaxTopic:
		return fmt.Errorf("the topic %.40q... is longer than %d characters", name, kafkaclient.MaxTopic)
	case string(name) == "." || string(name) == "..":
		return fmt.Errorf("the topic %q is reserved", name)
	}
	return nil
}

// murmur2 is the hash of Kafka's default partitioner, as a number from 0.
// https://github.com/apache/kafka/blob/4.0/clients/src/main/java/org/apache/kafka/common/utils/Utils.java
func murmur2[T []byte | string](b T) int {
	const m, r = 0x5bd1e995, 24
	h := uint32(0x9747b28c) ^ uint32(len(b))
	n := len(b) &^ 3
	for i := 0; i < n; i += 4 {
		k := uint32(b[i]) | uint32(b[i+1])<<8 | uint32(b[i+2])<<16 | uint32(b[i+3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h *= m
		h ^= k
	}
	switch len(b) & 3 {
	case 3:
		h ^= uint32(b[n+2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[n+1]) << 8
		fallthrough
	case 1:
		h ^= uint32(b[n])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return int(h & 0x7fffffff)
}
