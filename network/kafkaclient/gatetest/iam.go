package gatetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// IAM is the mechanism AWS_MSK_IAM: a request to connect, signed with version 4 of AWS's
// signatures. Clients are called by their access key.
type IAM struct {
	Region, AccessKey, Secret string
	SessionToken              string   // "" for lasting keys
	Hosts                     []string // that clients may take the broker for

	mu sync.Mutex
}

// SetSecret makes another secret belong to the access key.
func (m *IAM) SetSecret(secret string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Secret = secret
}

// Name implements Mechanism.
func (m *IAM) Name() string { return "AWS_MSK_IAM" }

// Check implements Mechanism.
func (m *IAM) Check(round int, msg []byte) (answer []byte, who string, err error) {
	if round > 0 {
		return nil, "", errors.New("a second message")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.verify(msg, time.Now()); err != nil {
		return nil, "", fmt.Errorf("access denied: %w", err)
	}
	return []byte(`{"version":"2020_10_22","request-id":"d0a2d4a5"}`), m.AccessKey, nil
}

func (m *IAM) verify(msg []byte, now time.Time) error {
	var got map[string]string
	if err := json.Unmarshal(msg, &got); err != nil {
		return err
	}
	at, err := time.Parse("20060102T150405Z", got["x-amz-date"])
	if err != nil {
		return err
	}
	expires, err := strconv.Atoi(got["x-amz-expires"])
	if err != nil {
		return err
	}
	scope := fmt.Sprintf("%s/%s/kafka-cluster/aws4_request", at.Format("20060102"), m.Region)
	signed := map[string]string{
		"Action":              "kafka-cluster:Connect",
		"X-Amz-Algorithm":     "AWS4-HMAC-SHA256",
		"X-Amz-Credential":    m.AccessKey + "/" + scope,
		"X-Amz-Date":          got["x-amz-date"],
		"X-Amz-Expires":       got["x-amz-expires"],
		"X-Amz-SignedHeaders": "host",
	}
	if m.SessionToken != "" {
		signed["X-Amz-Security-Token"] = m.SessionToken
	}
	var query []string
	for _, name := range slices.Sorted(maps.Keys(signed)) {
		if lower := strings.ToLower(name); got[lower] != signed[name] {
			return fmt.Errorf("%s is %q, want %q", lower, got[lower], signed[name])
		}
		query = append(query, name+"="+escape(signed[name]))
	}
	switch age := now.Sub(at); {
	case age < -time.Minute || expires < 1 || expires > 900 ||
		age > time.Duration(expires)*time.Second:
		return fmt.Errorf("signed at %v for %d seconds", at, expires)
	case got["version"] != "2020_10_22" || got["user-agent"] == "":
		return fmt.Errorf("version %q, user-agent %q", got["version"], got["user-agent"])
	case !slices.Contains(m.Hosts, got["host"]):
		return fmt.Errorf("host is %q, want one of %q", got["host"], m.Hosts)
	case len(got) != len(signed)+4: // version, host, user-agent and signature
		return fmt.Errorf("other members: %q", slices.Sorted(maps.Keys(got)))
	}
	empty := sha256.Sum256(nil)
	canonical := sha256.Sum256(
		[]byte(
			"GET\n/\n" + strings.Join(
				query, "&",
			) + "\nhost:" + got["host"] + "\n\nhost\n" + hex.EncodeToString(
				empty[:],
			),
		),
	)
	key := []byte("AWS4" + m.Secret)
	text := "AWS4-HMAC-SHA256\n" + got["x-amz-date"] + "\n" + scope + "\n" +
		hex.EncodeToString(canonical[:])
	for _, part := range append(strings.Split(scope, "/"), text) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	if got["x-amz-signature"] != hex.EncodeToString(key) {
		return errors.New("the signature does not match")
	}
	return nil
}

// escape leaves letters, digits and -_.~ alone.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
