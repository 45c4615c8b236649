package producer

import (
	"encoding/binary"
	"hash/crc32"
	"sync"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Layout of a Kafka record batch, magic 2: https://kafka.apache.org/documentation/#recordbatch
const (
	offCRC        = 17
	offAttributes = 21
	attrTxn       = 1 << 4 // in the second byte of the attributes
	offProducerID = 43
	offEpoch      = 51
	offSequence   = 53
	headerSize    = 61
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// wireRequest is a ProduceRequest whose batches are copied once, from where they lie into
// franz-go's write buffer.
type wireRequest struct {
	version    int16
	maxVersion int16
	timeout    int32 // milliseconds
	txn        *string
	topics     []wireTopic

	once    sync.Once
	written chan struct{} // closed when the request has its place on the connection
}

type wireTopic struct {
	name       string
	id         [16]byte
	partitions []wireBatch
}

type wireBatch struct {
	RequestBatch
	packed []byte
}

func (*wireRequest) Key() int16            { return 0 }
func (r *wireRequest) MaxVersion() int16   { return r.maxVersion }
func (r *wireRequest) SetVersion(v int16)  { r.version = v }
func (r *wireRequest) GetVersion() int16   { return r.version }
func (r *wireRequest) IsFlexible() bool    { return r.version >= 9 }
func (r *wireRequest) Timeout() int32      { return r.timeout }
func (*wireRequest) ReadFrom([]byte) error { return nil }
func (r *wireRequest) ResponseKind() kmsg.Response {
	resp := kmsg.NewPtrProduceResponse()
	resp.Version = r.version
	return resp
}

// sent reports whether the request may have left.
func (r *wireRequest) sent() bool {
	select {
	case <-r.written:
		return true
	default:
		return false
	}
}

// AppendTo implements kmsg.Request. It may be called again for the same request.
func (r *wireRequest) AppendTo(dst []byte) []byte {
	defer r.once.Do(func() { close(r.written) })
	flexible := r.version >= 9
	if flexible {
		dst = kbin.AppendCompactNullableString(dst, r.txn)
	} else {
		dst = kbin.AppendNullableString(dst, r.txn)
	}
	dst = kbin.AppendInt16(dst, -1) // acks: all
	dst = kbin.AppendInt32(dst, r.timeout)
	appendLen := kbin.AppendArrayLen
	if flexible {
		appendLen = kbin.AppendCompactArrayLen
	}
	dst = appendLen(dst, len(r.topics))
	for i := range r.topics {
		t := &r.topics[i]
		switch {
		case r.version >= 13:
			dst = append(dst, t.id[:]...)
		case flexible:
			dst = kbin.AppendCompactString(dst, t.name)
		default:
			dst = kbin.AppendString(dst, t.name)
		}
		dst = appendLen(dst, len(t.partitions))
		for j := range t.partitions {
			b := &t.partitions[j]
			dst = kbin.AppendInt32(dst, b.Partition)
			if flexible {
				dst = kbin.AppendUvarint(dst, uint32(len(b.packed))+1)
			} else {
				dst = kbin.AppendInt32(dst, int32(len(b.packed)))
			}
			dst = appendBatch(dst, b.packed, b.ID, b.Epoch, b.Sequence, r.txn != nil)
			if flexible {
				dst = append(dst, 0)
			}
		}
		if flexible {
			dst = append(dst, 0)
		}
	}
	if flexible {
		dst = append(dst, 0)
	}
	return dst
}

// appendBatch appends a copy of a record batch with another producer in its header, and the
// checksum that follows from it.
func appendBatch(dst, packed []byte, id int64, epoch int16, sequence int32, txn bool) []byte {
	at := len(dst)
	dst = append(dst, packed...)
	h := dst[at:]
	if txn {
		h[offAttributes+1] |= attrTxn
	}
	binary.BigEndian.PutUint64(h[offProducerID:], uint64(id))
	binary.BigEndian.PutUint16(h[offEpoch:], uint16(epoch))
	binary.BigEndian.PutUint32(h[offSequence:], uint32(sequence))
	binary.BigEndian.PutUint32(h[offCRC:], crc32.Checksum(h[offAttributes:], castagnoli))
	return dst
}
