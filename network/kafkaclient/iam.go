package kafkaclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/twmb/franz-go/pkg/sasl"
)

// iam is AWS_MSK_IAM: one message, which is the query of a signed request to connect to the broker.
// Unlike franz-go's it can be told the region of brokers whose names do not say it.
type iam struct {
	config  func(context.Context) (aws.Config, error)
	timeout time.Duration // for fetching the keys
}

func (iam) Name() string { return "AWS_MSK_IAM" }

func (m iam) Authenticate(ctx context.Context, addr string) (sasl.Session, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, err
	}
	first, err := m.sign(ctx, host)
	if err != nil {
		return nil, nil, fmt.Errorf("sasl.aws: %w", err)
	}
	return iamSession{}, first, nil
}

// brokerName matches the names that MSK gives to brokers, in every partition of AWS.
var brokerName = regexp.MustCompile(`\.kafka(?:-serverless)?\.([a-z0-9-]+)\.`)

func (m iam) sign(ctx context.Context, host string) ([]byte, error) {
	conf, err := m.config(ctx)
	if err != nil {
		return nil, err
	}
	if name := brokerName.FindStringSubmatch(host); name != nil {
		conf.Region = name[1]
	}
	if conf.Region == "" {
		return nil, fmt.Errorf("the name of broker %s does not tell its region: set region", host)
	}
	keys, err := conf.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	query := url.Values{"Action": {"kafka-cluster:Connect"}, "X-Amz-Expires": {"300"}}
	req := &http.Request{
		Method: http.MethodGet,
		Host:   host,
		URL:    &url.URL{Scheme: "https", Host: host, Path: "/", RawQuery: query.Encode()},
	}
	const emptyBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	signed, _, err := v4.NewSigner().
		PresignHTTP(ctx, keys, req, emptyBody, "kafka-cluster", conf.Region, time.Now())
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(signed)
	if err != nil {
		return nil, err
	}
	msg := map[string]string{"version": "2020_10_22", "host": host, "user-agent": "penstock"}
	for name, values := range u.Query() {
		msg[strings.ToLower(name)] = values[0]
	}
	return json.Marshal(msg)
}

type iamSession struct{}

func (iamSession) Challenge(msg []byte) (done bool, answer []byte, err error) {
	if len(msg) == 0 {
		return false, nil, errors.New("sasl.aws: the broker's answer is empty")
	}
	return true, nil, nil
}
