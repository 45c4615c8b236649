package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/twmb/franz-go/pkg/sasl"
	msk "github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

func (s *SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "PLAIN":
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		token := s.OAuth.source()
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			t, err := token(ctx)
			return oauth.Auth{Token: t, Extensions: s.OAuth.Extensions}, err
		}), nil
	case "AWS_MSK_IAM":
		credentials := s.AWS.credentials()
		return msk.ManagedStreamingIAM(func(ctx context.Context) (msk.Auth, error) {
			c, err := credentials(ctx)
			return msk.Auth{AccessKey: c.AccessKeyID, SecretKey: c.SecretAccessKey, SessionToken: c.SessionToken}, err
		}), nil
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
		conf := clientcredentials.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL, Scopes: o.Scopes}
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

// credentials returns what fetches the keys for one authentication. The chain is set up by the first call, so that a start does
// not depend on the metadata service.
func (a *AWS) credentials() func(context.Context) (aws.Credentials, error) {
	if a.AccessKeyID != "" {
		fixed := aws.Credentials{AccessKeyID: a.AccessKeyID, SecretAccessKey: a.SecretAccessKey, SessionToken: a.SessionToken}
		return func(context.Context) (aws.Credentials, error) { return fixed, nil }
	}
	var mu sync.Mutex
	var chain aws.CredentialsProvider
	return func(ctx context.Context) (aws.Credentials, error) {
		mu.Lock()
		defer mu.Unlock()
		if chain == nil {
			var opts []func(*awsconfig.LoadOptions) error
			if a.Region != "" {
				opts = append(opts, awsconfig.WithRegion(a.Region))
			}
			if a.Profile != "" {
				opts = append(opts, awsconfig.WithSharedConfigProfile(a.Profile))
			}
			conf, err := awsconfig.LoadDefaultConfig(ctx, opts...)
			if err != nil {
				return aws.Credentials{}, fmt.Errorf("sasl.aws: %w", err)
			}
			chain = conf.Credentials
		}
		c, err := chain.Retrieve(ctx)
		if err != nil {
			return c, fmt.Errorf("sasl.aws: %w", err)
		}
		return c, nil
	}
}
