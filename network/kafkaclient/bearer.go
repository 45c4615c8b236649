package kafkaclient

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/sasl"
)

// bearer is OAUTHBEARER with an end for a refused token: the broker says why only to clients that
// answer its challenge (RFC 7628, 3.2.3), at which franz-go gives up.
type bearer struct{ sasl.Mechanism }

func (b bearer) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	_, first, err := b.Mechanism.Authenticate(ctx, host)
	return new(bearerSession), first, err
}

type bearerSession struct{ refused bool }

func (s *bearerSession) Challenge(msg []byte) (done bool, answer []byte, err error) {
	switch {
	case s.refused:
		return false, nil, errors.New("the broker refused the token and then went on")
	case len(msg) > 0:
		s.refused = true
		return false, []byte{1}, nil
	}
	return true, nil, nil
}
