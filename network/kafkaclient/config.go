package kafkaclient

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/network/tlsconf"
)

// Config is the part of a component's configuration that says how to reach a Kafka cluster.
// Components embed it.
type Config struct {
	Brokers        []string        `hcl:"brokers" doc:"Addresses host:port to find the cluster with; the port is 9092 if left out."`
	ClientID       string          `hcl:"client_id,optional" doc:"Name shown to the brokers, for their logs and quotas; by default penstock and the agent's name."`
	DialTimeout    time.Duration   `hcl:"dial_timeout,optional" doc:"How long opening a connection may take; then it is tried again."`
	RequestTimeout time.Duration   `hcl:"request_timeout,optional" doc:"How long a broker may take to answer a request; then it is made again, over another connection."`
	MetadataMaxAge time.Duration   `hcl:"metadata_max_age,optional" doc:"How often topics, partitions and leaders are looked up anew without an occasion."`
	TLS            *tlsconf.Client `hcl:"tls,block" doc:"Connect with TLS."`
	SASL           *SASL           `hcl:"sasl,block" doc:"How to authenticate."`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		DialTimeout:    10 * time.Second,
		RequestTimeout: 10 * time.Second,
		MetadataMaxAge: 5 * time.Minute,
	}
}

// SASL is how to authenticate with the brokers.
type SASL struct {
	Mechanism string `hcl:"mechanism" oneof:"PLAIN|SCRAM-SHA-256|SCRAM-SHA-512|OAUTHBEARER|AWS_MSK_IAM" doc:"Mechanism the brokers expect."`
	Username  string `hcl:"username,optional" doc:"User name for PLAIN and SCRAM."`
	Password  string `hcl:"password,optional" secret:"true" doc:"Password for PLAIN and SCRAM."`
	OAuth     OAuth  `hcl:"oauth,block" doc:"Where the token for OAUTHBEARER comes from: token, token_file or token_url."`
	AWS       AWS    `hcl:"aws,block" doc:"Credentials for AWS_MSK_IAM; the SDK's usual chain unless set."`
}

// OAuth is where bearer tokens come from.
type OAuth struct {
	Token        string            `hcl:"token,optional" secret:"true" doc:"A fixed token."`
	TokenFile    string            `hcl:"token_file,optional" path:"read" doc:"File that holds the token; read at each authentication, so that it can be renewed."`
	TokenURL     string            `hcl:"token_url,optional" doc:"Token endpoint for the client credentials grant."`
	ClientID     string            `hcl:"client_id,optional" doc:"Client id for token_url."`
	ClientSecret string            `hcl:"client_secret,optional" secret:"true" doc:"Client secret for token_url."`
	Scopes       []string          `hcl:"scopes,optional" doc:"Scopes to ask token_url for."`
	Extensions   map[string]string `hcl:"extensions,optional" doc:"SASL extensions to send with the token."`
}

// AWS says which credentials sign AWS_MSK_IAM.
type AWS struct {
	Region          string `hcl:"region,optional" doc:"Region of the cluster, where the brokers' names do not tell it, and for looking up credentials."`
	Profile         string `hcl:"profile,optional" doc:"Profile of the shared AWS configuration."`
	AccessKeyID     string `hcl:"access_key_id,optional" doc:"Fixed access key instead of the SDK's chain."`
	SecretAccessKey string `hcl:"secret_access_key,optional" secret:"true" doc:"Secret that belongs to access_key_id."`
	SessionToken    string `hcl:"session_token,optional" secret:"true" doc:"Session token that belongs to temporary keys."`
}

// Validate reports everything that is wrong; each error begins with the attribute's path.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Brokers) == 0 {
		bad("brokers: name at least one broker, such as \"kafka-1:9092\"")
	}
	for _, b := range c.Brokers {
		if err := checkAddr(b); err != nil {
			bad("brokers: %w", err)
		}
	}
	if c.DialTimeout <= 0 {
		bad("dial_timeout: must be more than 0s")
	}
	if c.RequestTimeout < 100*time.Millisecond {
		bad("request_timeout: must be at least 100ms")
	}
	if c.MetadataMaxAge < time.Second {
		bad("metadata_max_age: must be at least 1s")
	}
	if c.TLS != nil {
		errs = append(errs, within("tls", c.TLS.Validate()))
	}
	if c.SASL != nil {
		errs = append(errs, within("sasl", c.SASL.validate()))
	}
	return errors.Join(errs...)
}

func checkAddr(addr string) error {
	host, port := addr, "9092"
	if strings.Contains(addr, ":") {
		var err error
		if host, port, err = net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("%q is not host:port", addr)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" ||
		strings.ContainsAny(host, "/ ") {
		return fmt.Errorf("%q is not host:port", addr)
	}
	return nil
}

func within(block string, err error) error {
	if err == nil {
		return nil
	}
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range list.Unwrap() {
			errs = append(errs, fmt.Errorf("%s.%w", block, e))
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("%s.%w", block, err)
}

func (s *SASL) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch s.Mechanism {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		if s.Username == "" {
			bad("username: %s needs a user name", s.Mechanism)
		}
		if s.Password == "" {
			bad("password: %s needs a password", s.Mechanism)
		}
	case "OAUTHBEARER":
		n := 0
		for _, v := range []string{s.OAuth.Token, s.OAuth.TokenFile, s.OAuth.TokenURL} {
			if v != "" {
				n++
			}
		}
		if n != 1 {
			bad("oauth: OAUTHBEARER needs exactly one of token, token_file and token_url")
		}
		if s.OAuth.TokenURL != "" && (s.OAuth.ClientID == "" || s.OAuth.ClientSecret == "") {
			bad("oauth.token_url: needs client_id and client_secret")
		}
	case "AWS_MSK_IAM":
		if (s.AWS.AccessKeyID == "") != (s.AWS.SecretAccessKey == "") {
			bad("aws.access_key_id: access_key_id and secret_access_key go together")
		}
	default:
		bad(
			"mechanism: %q is unknown; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM",
			s.Mechanism,
		)
	}
	return errors.Join(errs...)
}
