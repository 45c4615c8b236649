package producer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TxnOptions make a producer transactional. All fields are required.
type TxnOptions struct {
	ID      string        // transactional id
	Group   string        // where positions are stored
	Topic   string        // a topic that exists; positions are stored for its partition 0
	Timeout time.Duration // after which brokers abort an open transaction
	Events  TxnEvents
}

// TxnVersions limits a client to the transactions of Kafka 2.5: later ones begin and end
// transactions by themselves, where this package does it by requests of its own. Every broker since
// 2.5 takes these.
func TxnVersions() *kversion.Versions {
	v := kversion.Stable()
	for key, version := range map[int16]int16{
		0: maxTxnProduce, 9: 7, 22: 4, 24: 3, 25: 3, 26: 4, 28: 4,
	} {
		v.SetMaxKeyVersion(key, version)
	}
	return v
}

const (
	maxTxnProduce = 11 // from 12 on, producing begins a transaction
	maxProduce    = 13
)

func (p *Producer) maxProduce() int16 {
	if p.t != nil {
		return maxTxnProduce
	}
	return maxProduce
}

type (
	resolving  struct{}
	cutting    struct{}
	committing struct {
		position int64
		metadata string
	}
	breaking struct{ err error }
	called   struct {
		c *Call
		a Answer
	}
)

func (resolving) apply(p *Producer)    { p.t.Resolve(p.now()) }
func (cutting) apply(p *Producer)      { p.m.Cut() }
func (e committing) apply(p *Producer) { p.t.Commit(e.position, e.metadata, p.now()) }
func (e breaking) apply(p *Producer)   { p.t.Break(e.err) }
func (e called) apply(p *Producer)     { p.t.Answer(e.c, e.a, p.now()) }

// Resolve begins to find out what is committed; TxnEvents.Resolved or Broken follows. It is called
// at first and after Broken.
func (p *Producer) Resolve() bool { return p.post(resolving{}) }

// Cut makes what is sent from now on belong to the next transaction.
func (p *Producer) Cut() { p.post(cutting{}) }

// Commit ends the transaction before the Cut, of which everything has been delivered;
// TxnEvents.Committed or Broken follows.
func (p *Producer) Commit(position int64, metadata string) bool {
	return p.post(committing{position, metadata})
}

// Break gives back everything that is not committed.
func (p *Producer) Break(err error) { p.post(breaking{err}) }

// calls makes the requests of a Txn, each once: franz-go's own retries could put a late one behind
// the next transaction.
type calls struct {
	cl      *kgo.Client
	left    *sync.WaitGroup // see Options
	o       *TxnOptions
	timeout time.Duration

	mu           sync.Mutex
	txnAt        int32
	groupAt      int32
	txnOK, groOK bool
}

// coordinator returns the broker that coordinates the transactional id, or the group.
func (c *calls) coordinator(ctx context.Context, group bool) (int32, error) {
	c.mu.Lock()
	at, ok := c.txnAt, c.txnOK
	if group {
		at, ok = c.groupAt, c.groOK
	}
	c.mu.Unlock()
	if ok {
		return at, nil
	}
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorType, req.CoordinatorKey = 1, c.o.ID
	if group {
		req.CoordinatorType, req.CoordinatorKey = 0, c.o.Group
	}
	resp, err := kafkaclient.Ask(
		ctx, c.left, func() (*kmsg.FindCoordinatorResponse, error) {
			return req.RequestWith(ctx, c.cl)
		},
	)
	if err != nil {
		return 0, err
	}
	at, code := resp.NodeID, resp.ErrorCode
	for i := range resp.Coordinators {
		at, code = resp.Coordinators[i].NodeID, resp.Coordinators[i].ErrorCode
	}
	if code != 0 {
		return 0, &Error{Code: code}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if group {
		c.groupAt, c.groOK = at, true
	} else {
		c.txnAt, c.txnOK = at, true
	}
	return at, nil
}

func (c *calls) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.txnOK, c.groOK = false, false
}

func (c *calls) do(ctx context.Context, call *Call) Answer {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	toGroup := call.Kind == CallPeek || call.Kind == CallFetch || call.Kind == CallStore
	at, err := c.coordinator(ctx, toGroup)
	if err != nil {
		return c.missing(call, fmt.Errorf("find the coordinator: %w", err))
	}
	resp, err := c.cl.Broker(int(at)).Request(ctx, c.request(call))
	if call.Kind == CallDescribe && err != nil &&
		strings.Contains(err.Error(), "too old") { // franz-go's own word for it
		return Answer{Code: kerr.UnsupportedVersion.Code}
	}
	if err != nil {
		c.forget()
		return Answer{Err: err}
	}
	a := read(resp)
	switch a.Code {
	case kerr.NotCoordinator.Code, kerr.CoordinatorNotAvailable.Code:
		c.forget()
	}
	return a
}

// missing is the answer to a call that was never made: there is no doubt about its outcome.
func (c *calls) missing(call *Call, err error) Answer {
	if call.Kind == CallStore || call.Kind == CallEnd || call.Kind == CallAbort {
		return Answer{Code: kerr.CoordinatorNotAvailable.Code}
	}
	return Answer{Err: err}
}

func (c *calls) request(call *Call) kmsg.Request {
	switch call.Kind {
	case CallPeek, CallFetch:
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Group, req.RequireStable = c.o.Group, call.Kind == CallFetch
		rt := kmsg.NewOffsetFetchRequestTopic()
		rt.Topic, rt.Partitions = c.o.Topic, []int32{0}
		req.Topics = append(req.Topics, rt)
		return req
	case CallDescribe:
		req := kmsg.NewPtrDescribeTransactionsRequest()
		req.TransactionalIDs = []string{c.o.ID}
		return req
	case CallInit:
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID, req.TransactionTimeoutMillis = &c.o.ID, int32(
			c.o.Timeout.Milliseconds(),
		)
		req.ProducerID, req.ProducerEpoch = -1, -1
		return req
	case CallJoin:
		req := kmsg.NewPtrAddPartitionsToTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch = c.o.ID, call.ID, call.Epoch
		at := map[string]int{}
		for _, k := range call.Keys {
			i, ok := at[k.Topic]
			if !ok {
				i = len(req.Topics)
				at[k.Topic] = i
				rt := kmsg.NewAddPartitionsToTxnRequestTopic()
				rt.Topic = k.Topic
				req.Topics = append(req.Topics, rt)
			}
			req.Topics[i].Partitions = append(req.Topics[i].Partitions, k.Partition)
		}
		return req
	case CallGroup:
		req := kmsg.NewPtrAddOffsetsToTxnRequest()
		req.TransactionalID, req.Group = c.o.ID, c.o.Group
		req.ProducerID, req.ProducerEpoch = call.ID, call.Epoch
		return req
	case CallStore:
		req := kmsg.NewPtrTxnOffsetCommitRequest()
		req.TransactionalID, req.Group, req.Generation = c.o.ID, c.o.Group, -1
		req.ProducerID, req.ProducerEpoch = call.ID, call.Epoch
		rt := kmsg.NewTxnOffsetCommitRequestTopic()
		rt.Topic = c.o.Topic
		rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata = 0, call.Position, -1, &call.Metadata
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		return req
	default:
		req := kmsg.NewPtrEndTxnRequest()
		req.TransactionalID, req.Commit = c.o.ID, call.Kind == CallEnd
		req.ProducerID, req.ProducerEpoch = call.ID, call.Epoch
		return req
	}
}

// read makes an Answer of a response.
func read(resp kmsg.Response) Answer {
	switch r := resp.(type) {
	case *kmsg.OffsetFetchResponse:
		a := Answer{Code: r.ErrorCode}
		for i := range r.Topics {
			for _, p := range r.Topics[i].Partitions {
				if a.Code == 0 {
					a.Code = p.ErrorCode
				}
				if p.Offset >= 0 && p.ErrorCode == 0 && r.ErrorCode == 0 {
					a.Stored = Stored{Found: true, Position: p.Offset}
					if p.Metadata != nil {
						a.Stored.Metadata = *p.Metadata
					}
				}
			}
		}
		if a.Code == kerr.GroupIDNotFound.Code {
			a = Answer{} // nothing is stored yet
		}
		return a
	case *kmsg.DescribeTransactionsResponse:
		a := Answer{}
		for _, s := range r.TransactionStates {
			a.Code, a.State = s.ErrorCode, txnStates[s.State]
		}
		return a
	case *kmsg.InitProducerIDResponse:
		return Answer{Code: r.ErrorCode, ID: r.ProducerID, Epoch: r.ProducerEpoch}
	case *kmsg.AddPartitionsToTxnResponse:
		a := Answer{}
		for i := range r.Topics {
			for _, p := range r.Topics[i].Partitions {
				// The others were only not tried because of the one at fault.
				if p.ErrorCode == kerr.TopicAuthorizationFailed.Code ||
					p.ErrorCode == kerr.UnknownTopicOrPartition.Code {
					a.Barred = append(
						a.Barred, KeyCode{Key{r.Topics[i].Topic, p.Partition}, p.ErrorCode},
					)
				}
				if p.ErrorCode != 0 && (a.Code == 0 || a.Code == kerr.OperationNotAttempted.Code) {
					a.Code = p.ErrorCode
				}
			}
		}
		return a
	case *kmsg.AddOffsetsToTxnResponse:
		return Answer{Code: r.ErrorCode}
	case *kmsg.TxnOffsetCommitResponse:
		a := Answer{}
		for i := range r.Topics {
			for _, p := range r.Topics[i].Partitions {
				if p.ErrorCode != 0 {
					a.Code = p.ErrorCode
				}
			}
		}
		return a
	case *kmsg.EndTxnResponse:
		return Answer{Code: r.ErrorCode}
	}
	return Answer{Err: errors.New("a response of another kind")}
}

// txnStates are the names that DescribeTransactions answers with:
// https://github.com/apache/kafka/blob/4.3/transaction-coordinator/src/main/java/org/apache/kafka/coordinator/transaction/TransactionState.java
var txnStates = map[string]TxnState{
	"Empty":          TxnNone,
	"Ongoing":        TxnOngoing,
	"PrepareCommit":  TxnCommitted,
	"CompleteCommit": TxnCommitted,
	"PrepareAbort":   TxnAborted,
	"CompleteAbort":  TxnAborted,
}
