package producer

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// class is what an outcome means for the protocol.
type class uint8

const (
	done     class = iota // appended
	lost                  // may have been appended
	again                 // not appended; the same may work later
	moved                 // not appended here; find the leader
	sequence              // the leader does not know our sequence
	identity              // the leader does not know our producer id or epoch
	refused               // not appended, and never will be as it is
)

func classify(r Result) class {
	switch {
	case r.Err != nil && r.Unsent:
		return moved // or the broker is down, which metadata will tell
	case r.Err != nil:
		return lost
	}
	switch r.Code {
	case 0, kerr.DuplicateSequenceNumber.Code:
		return done
	case kerr.RequestTimedOut.Code,
		kerr.NotEnoughReplicasAfterAppend.Code,
		kerr.UnknownServerError.Code,
		kerr.NetworkException.Code:
		return lost
	case kerr.NotLeaderForPartition.Code,
		kerr.LeaderNotAvailable.Code,
		kerr.UnknownTopicOrPartition.Code,
		kerr.UnknownTopicID.Code,
		kerr.InconsistentTopicID.Code,
		kerr.FencedLeaderEpoch.Code,
		kerr.UnknownLeaderEpoch.Code,
		kerr.KafkaStorageError.Code,
		kerr.ReplicaNotAvailable.Code,
		kerr.BrokerNotAvailable.Code:
		return moved
	case kerr.OutOfOrderSequenceNumber.Code, kerr.UnknownProducerID.Code:
		return sequence
	case kerr.InvalidProducerEpoch.Code,
		kerr.ProducerFenced.Code,
		kerr.InvalidProducerIDMapping.Code,
		kerr.InvalidTxnState.Code,
		kerr.TransactionAbortable.Code:
		return identity
	case kerr.MessageTooLarge.Code,
		kerr.RecordListTooLarge.Code,
		kerr.InvalidTimestamp.Code,
		kerr.InvalidRecord.Code,
		kerr.InvalidTopicException.Code:
		return refused
	}
	return again
}

// Error is a broker's refusal of a batch.
type Error struct {
	Code    int16
	Message string
}

func (e *Error) Error() string {
	s := fmt.Sprintf("broker error %d", e.Code)
	if err := kerr.TypedErrorForCode(e.Code); err != nil {
		s = err.Error()
	}
	if e.Message != "" {
		s += " (" + e.Message + ")"
	}
	return s
}

// Unwrap returns franz-go's error of the same code.
func (e *Error) Unwrap() error { return kerr.ErrorForCode(e.Code) }

// Reason returns the error's name in Kafka's protocol, for metrics.
func (e *Error) Reason() string {
	var k *kerr.Error
	if errors.As(kerr.ErrorForCode(e.Code), &k) {
		return k.Message
	}
	return "broker"
}

// Failure returns the outcome as an error.
func (r Result) Failure() error { return r.failure() }

func (r Result) failure() error {
	if r.Err != nil {
		return r.Err
	}
	return &Error{Code: r.Code, Message: r.Message}
}
