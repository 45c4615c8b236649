package gatetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// OAuthBearer is the mechanism of RFC 7628 as brokers speak it. Clients are called by their token.
type OAuthBearer struct {
	Extensions map[string]string // that clients must send

	mu     sync.Mutex
	tokens []string
}

// Accept makes these the tokens that are good, and no others.
func (o *OAuthBearer) Accept(tokens ...string) *OAuthBearer {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tokens = tokens
	return o
}

// Name implements Mechanism.
func (o *OAuthBearer) Name() string { return "OAUTHBEARER" }

const invalidToken = `{"status":"invalid_token","scope":"kafka"}`

// Check implements Mechanism: a token that is not good is answered with a challenge, which the
// client must end with one byte before it is told that it has failed.
func (o *OAuthBearer) Check(round int, msg []byte) (answer []byte, who string, err error) {
	if round > 0 {
		if string(msg) != "\x01" {
			return nil, "", fmt.Errorf("a challenge was answered with %q", msg)
		}
		return nil, "", errors.New(invalidToken)
	}
	body, ok := strings.CutPrefix(string(msg), "n,,\x01")
	body, ended := strings.CutSuffix(body, "\x01\x01")
	if !ok || !ended {
		return nil, "", fmt.Errorf("no initial response: %q", msg)
	}
	var token string
	extensions := map[string]string{}
	for _, pair := range strings.Split(body, "\x01") {
		key, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok:
			return nil, "", fmt.Errorf("no pair: %q", pair)
		case key != "auth":
			extensions[key] = value
		case token != "" || !strings.HasPrefix(value, "Bearer "):
			return nil, "", fmt.Errorf("auth is %q", value)
		default:
			token = strings.TrimPrefix(value, "Bearer ")
		}
	}
	if !maps.Equal(extensions, o.Extensions) {
		return nil, "", fmt.Errorf("extensions are %v", extensions)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Contains(o.tokens, token) {
		return []byte(invalidToken), "", nil
	}
	return nil, token, nil
}
