package kafkaclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// mechanism returns the mechanism; what it needs from others must come within timeout.
func (s *SASL) mechanism(timeout time.Duration) (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "PLAIN":
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		token := s.OAuth.source()
		return bearer{oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			t, err := token(ctx)
			return oauth.Auth{Token: t, Extensions: s.OAuth.Extensions}, err
		})}, nil
	case "AWS_MSK_IAM":
		return iam{s.AWS.config(), timeout}, nil
	}
	return nil, fmt.Errorf("sasl.mechanism: %q is unknown", s.Mechanism)
}

// source returns what fetches the token for one authentication.
func (o *OAuth) source() func(context.Context) (string, error) {
	switch {
	case o.TokenFile != "":
		return func(context.Context) (string, error) {
			b, err := os.ReadFile(o.TokenFile)
			if err != nil {
				return "", fmt.Errorf("sasl.oauth.token_file: %w", err)
			}
			if t := strings.TrimSpace(string(b)); t != "" {
				return t, nil
			}
			return "", errors.New("sasl.oauth.token_file: " + o.TokenFile + " is empty")
		}
	case o.TokenURL != "":
		conf := clientcredentials.Config{
			ClientID:     o.ClientID,
			ClientSecret: o.ClientSecret,
			TokenURL:     o.TokenURL,
			Scopes:       o.Scopes,
		}
		var mu sync.Mutex
		var last *oauth2.Token
		return func(ctx context.Context) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			if !last.Valid() {
				t, err := conf.Token(ctx)
				if err != nil {
					return "", fmt.Errorf("sasl.oauth.token_url: %w", err)
				}
				last = t
			}
			return last.AccessToken, nil
		}
	}
	return func(context.Context) (string, error) { return o.Token, nil }
}

// config returns what returns the SDK's configuration, with the keys' provider and the region. The
// first call sets it up, so that a start does not depend on the metadata service.
func (a *AWS) config() func(context.Context) (aws.Config, error) {
	if a.AccessKeyID != "" {
		conf := aws.Config{
			Region: cmp.Or(a.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
			Credentials: credentials.NewStaticCredentialsProvider(
				a.AccessKeyID, a.SecretAccessKey, a.SessionToken,
			),
		}
		return func(context.Context) (aws.Config, error) { return conf, nil }
	}
	var mu sync.Mutex
	var conf *aws.Config
	return func(ctx context.Context) (aws.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		if conf != nil {
			return *conf, nil
		}
		var opts []func(*awsconfig.LoadOptions) error
		if a.Region != "" {
			opts = append(opts, awsconfig.WithRegion(a.Region))
		}
		if a.Profile != "" {
			opts = append(opts, awsconfig.WithSharedConfigProfile(a.Profile))
		}
		c, err := awsconfig.LoadDefaultConfig(ctx, opts...)
		if err == nil {
			conf = &c
		}
		return c, err
	}
}
