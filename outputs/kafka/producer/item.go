package producer

import "github.com/penstock/penstock/buffer/record"

// Key names a partition.
type Key struct {
	Topic     string
	Partition int32
}

// Item is one record batch for one partition. After Send or Machine.Add it belongs to the producer
// until it comes back by Events.
type Item struct {
	Batch *record.Batch
	Alone bool  // nobody else reads Batch: once it is packed its records are not kept as they were
	Count int32 // records
	Size  int   // bytes on the wire, give or take
	Owner any   // for whoever sends

	unsure      bool    // an attempt may have been appended: its answer never came
	flying      bool    // in a request
	notAppended bool    // no attempt of it was appended, says the broker
	acked       bool    // the broker has it, and one before it is still in a request
	txn         int64   // the transaction it belongs to
	rejection   *Result // the broker's refusal, to be acted upon once all before it is answered
}

// Result is what became of one batch of a request.
type Result struct {
	Err      error         // the request's: the answer did not come, or not in full
	Unsent   bool          // with Err: the request never left, so there can be no doubt
	Code     int16         // the broker's error code; 0 is success
	Message  string        // the broker's explanation, if any
	Records  []RecordError // records that the broker named as the reason, by index
	Appended int64         // base offset
}

// RecordError is what the broker has to say about one record.
type RecordError struct {
	Index   int
	Message string
}

// Request is one produce request: at most one batch for each of several partitions of one broker.
type Request struct {
	Broker  int32
	Batches []RequestBatch
	Bytes   int
}

// RequestBatch is an item with the identity it is sent under.
type RequestBatch struct {
	Key
	Item     *Item
	ID       int64
	Epoch    int16
	Sequence int32

	p *partition
}

// Events is told what becomes of items. It is called from within the Machine's methods and must not
// call them.
type Events interface {
	// Delivered tells that the broker has the item.
	Delivered(*Item)

	// Failed gives an item back that is not in the partition, and will not appear there. Items of a
	// partition fail together, in order, when nothing got through for Config.DeliveryTimeout. Close
	// gives back what may be there, too.
	Failed(*Item, error)

	// Behind reports whether an item comes behind one that was given back and must not overtake it.
	// It is given back, too, then.
	Behind(*Item) bool

	// Unwanted reports whether nobody waits for an item any more.
	Unwanted(*Item) bool

	// Overdue tells that nothing of a partition got through for Config.DeliveryTimeout, and that it
	// is kept. Some partition holds what may have been appended, and until that is known nothing
	// can be given back that would not perhaps come twice.
	Overdue(Key, error)

	// Rejected asks what to send instead of an item that the broker refuses as it is: the item in
	// parts, or changed, or nothing. The refused item is not reported again.
	Rejected(Key, *Item, Result) []*Item

	// Denied tells what the cluster has against a topic, missing if the metadata says it. If it
	// returns true that is a refusal for good, and items are Rejected for it; otherwise they are
	// tried again. Present tells that the cluster has the topic.
	Denied(topic string, err error, missing bool) bool
	Present(topic string)

	// AttemptFailed tells of a partition's failed attempt, which will be repeated. Recovered tells
	// that it works again.
	AttemptFailed(Key, error)
	Recovered(Key)

	// Renumbered tells that a partition goes on with another epoch or producer id: what was sent
	// and never answered may be there twice.
	Renumbered(Key)
}
