package kafkaclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TryBrokers connects to every broker that is named and to those that they name, authentication
// included, and reports it. It returns a client of a cluster that answers, which the caller closes,
// or nil.
func (c *Config) TryBrokers(
	ctx context.Context, env preflight.Env, r *preflight.Report,
) *kgo.Client {
	opts, err := c.Options(env.Agent, env.Log, env.Metrics)
	if err != nil {
		r.Unreachable("brokers", err)
		return nil
	}
	opts = append(opts, kgo.RequestRetries(1))
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		r.Unreachable("brokers", err)
		return nil
	}
	seeds := make([]*candidate, len(c.Brokers))
	for i, b := range cl.SeedBrokers() {
		seeds[i] = &candidate{address: c.Brokers[i], broker: b}
	}
	c.try(ctx, seeds, r)
	var resp *kmsg.MetadataResponse
	var good []string
	for _, s := range seeds {
		if s.err == nil {
			good = append(good, s.address)
			resp = s.resp
		}
	}
	cl.Close()
	if resp == nil {
		return nil
	}
	// Another one, which does not ask those that do not answer.
	if cl, err = kgo.NewClient(append(opts, kgo.SeedBrokers(good...))...); err != nil {
		r.Unreachable("brokers", err)
		return nil
	}
	if !c.tryNamed(ctx, cl, seeds, resp, r) {
		cl.Close()
		return nil
	}
	return cl
}

// candidate is a broker to be tried.
type candidate struct {
	address string
	broker  *kgo.Broker
	resp    *kmsg.MetadataResponse
	err     error
}

// tryNamed connects to the brokers that the cluster names, which is what its clients work with, and
// reports whether any answers.
func (c *Config) tryNamed(
	ctx context.Context, cl *kgo.Client, seeds []*candidate, resp *kmsg.MetadataResponse,
	r *preflight.Report,
) bool {
	// So that the client learns who they are.
	if _, err := noTopics().RequestWith(ctx, cl); err != nil {
		r.Unreachable("cluster", err)
		return false
	}
	var named []*candidate
	answering := 0
	for _, b := range resp.Brokers {
		address := net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
		i := slices.IndexFunc(seeds, func(s *candidate) bool { return s.address == address })
		if i >= 0 && seeds[i].err == nil {
			answering++
			continue
		}
		if i < 0 {
			named = append(named, &candidate{address: address, broker: cl.Broker(int(b.NodeID))})
		}
	}
	var wg sync.WaitGroup
	for _, n := range named {
		wg.Go(func() { _, n.err = brokersAt(ctx, n.broker) })
	}
	wg.Wait()
	for _, n := range named {
		if n.err != nil {
			r.Fail(
				"broker "+n.address, "mend the brokers' advertised.listeners, or let this host reach "+
					"that address: "+c.adviceOn(n.err),
				"the cluster names it, and it cannot be reached: %v", preflight.Plain(n.err),
			)
			continue
		}
		answering++
	}
	if answering > 0 {
		r.OK("cluster", "%s of %d answer%s", Count(answering, "broker"), len(resp.Brokers), c.how())
	}
	return answering > 0
}

// Count writes a number of things.
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// how says by what the connection is protected.
func (c *Config) how() string {
	var with []string
	if c.TLS != nil {
		with = append(with, "TLS")
	}
	if c.SASL != nil {
		with = append(with, c.SASL.Mechanism)
	}
	if with == nil {
		return ""
	}
	return ", with " + strings.Join(with, " and ")
}

func (c *Config) try(ctx context.Context, all []*candidate, r *preflight.Report) {
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() { s.resp, s.err = brokersAt(ctx, s.broker) })
	}
	wg.Wait()
	failed := 0
	for _, s := range all {
		if s.err != nil {
			failed++
		}
	}
	for _, s := range all {
		switch {
		case s.err == nil:
		case failed < len(all):
			r.Warn("broker "+s.address, c.adviceOn(s.err), "%v", preflight.Plain(s.err))
		default:
			r.Fail("broker "+s.address, c.adviceOn(s.err), "%v", preflight.Plain(s.err))
		}
	}
}

// brokersAt asks a broker for the cluster, which only those may do who are let in.
func brokersAt(ctx context.Context, b *kgo.Broker) (*kmsg.MetadataResponse, error) {
	resp, err := b.Request(ctx, noTopics())
	if err != nil {
		return nil, err
	}
	return resp.(*kmsg.MetadataResponse), nil
}

func noTopics() *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	return req
}

// adviceOn says what to do when a broker cannot be reached.
func (c *Config) adviceOn(err error) string {
	_, early := errors.AsType[*kgo.ErrFirstReadEOF](err)
	early = early || errors.Is(err, io.EOF)
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.IllegalSaslState):
		return "check the sasl block: mechanism, and user and password, token or keys"
	case strings.Contains(err.Error(), "tls alert record"):
		return "this port speaks TLS: add tls {}, with ca_file if the authority is one of your own"
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return "set sasl.mechanism to one that the brokers take"
	case early && c.SASL != nil:
		return "check the sasl block: brokers hang up on a mechanism, user or password they do not " +
			"take; and whether this port speaks TLS"
	case early:
		return "check that tls and sasl are as the brokers expect them on this port"
	}
	return preflight.Advice(err)
}

// Allowed reports whether the operations that a broker has told of include op; true if it has not
// told.
func Allowed(operations int32, op kmsg.ACLOperation) bool {
	return operations == math.MinInt32 || operations&(1<<int32(op)) != 0
}

// Topics looks topics up, with what this user may do with them.
func Topics(
	ctx context.Context, cl *kgo.Client, names []string,
) ([]kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	if names != nil {
		req.Topics = []kmsg.MetadataRequestTopic{}
	}
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	return resp.Topics, nil
}

// coordinatorWait is how long a cluster may take to make the topic that coordinators need, as it
// does when it is first asked for one.
const coordinatorWait = 5 * time.Second

// Coordinated asks what a coordinator is to answer until there is one, for a while.
func Coordinated(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, coordinatorWait)
	defer cancel()
	for {
		err := ask()
		early := errors.Is(err, kerr.CoordinatorNotAvailable) ||
			errors.Is(err, kerr.CoordinatorLoadInProgress) || errors.Is(err, kerr.NotCoordinator)
		if !early || fault.Sleep(ctx, 200*time.Millisecond) != nil {
			return err
		}
	}
}

// TryGroup reports a consumer group that this user may not use.
func TryGroup(ctx context.Context, cl *kgo.Client, group string, r *preflight.Report) {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{group}
	req.IncludeAuthorizedOperations = true
	var resp *kmsg.DescribeGroupsResponse
	err := Coordinated(ctx, func() (err error) {
		if resp, err = req.RequestWith(ctx, cl); err == nil && len(resp.Groups) == 1 {
			if code := kerr.ErrorForCode(resp.Groups[0].ErrorCode); kerr.IsRetriable(code) {
				return code
			}
		}
		return err
	})
	target, do := "group "+group, "give this user Read on the group "+group
	if err != nil {
		if !errors.Is(err, kerr.GroupAuthorizationFailed) {
			do = "see that the cluster is well: its coordinator does not answer"
		}
		r.Fail(target, do, "%v", err)
		return
	}
	for i := range resp.Groups {
		g := &resp.Groups[i]
		err := kerr.ErrorForCode(g.ErrorCode)
		switch {
		case errors.Is(err, kerr.GroupAuthorizationFailed):
			r.Fail(target, do, "%v", err)
		case err != nil && !errors.Is(err, kerr.GroupIDNotFound):
			r.Warn(target, "see that the cluster is well", "%v", err)
		case !Allowed(g.AuthorizedOperations, kmsg.ACLOperationRead):
			r.Fail(target, do, "this user may not join it")
		default:
			r.OK(target, "may be used")
		}
	}
}
