package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// S3 is versitygw, an S3 server over a directory.
type S3 struct {
	dir, addr string
	p         *process
}

// Credentials of the server.
const (
	S3AccessKey = "penstock-test"
	S3SecretKey = "penstock-test-secret"
)

// NewS3 starts a server with its data under dir and the given buckets. The binary is
// $PENSTOCK_VERSITYGW.
func NewS3(dir string, buckets ...string) (*S3, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	s := &S3{dir: dir, addr: fmt.Sprintf("127.0.0.1:%d", port)}
	if os.Getenv("PENSTOCK_VERSITYGW") == "" {
		return nil, fmt.Errorf("versitygw: %w", ErrMissing)
	}
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		return nil, err
	}
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(s.URL()), Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(S3AccessKey, S3SecretKey, ""),
	})
	for _, b := range buckets {
		if _, err := client.CreateBucket(
			context.Background(), &s3.CreateBucketInput{Bucket: aws.String(b)},
		); err != nil {
			s.Close()
			return nil, fmt.Errorf("create bucket %s: %w", b, err)
		}
	}
	return s, nil
}

// URL returns the server's endpoint.
func (s *S3) URL() string { return "http://" + s.addr }

// Start starts the server and returns once it listens.
func (s *S3) Start() error {
	cmd := exec.Command(
		os.Getenv("PENSTOCK_VERSITYGW"), "--access", S3AccessKey, "--secret", S3SecretKey, "--port",
		s.addr, "--region", "us-east-1", "posix", "--sidecar", filepath.Join(s.dir, "meta"),
		filepath.Join(s.dir, "data"),
	)
	if err := os.MkdirAll(filepath.Join(s.dir, "meta"), 0o755); err != nil {
		return err
	}
	p, err := startProcess(cmd, filepath.Join(s.dir, "s3.log"))
	if err != nil {
		return fmt.Errorf("start versitygw: %w", err)
	}
	s.p = p
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return p.waitListening(ctx, s.addr)
}

// Close kills the server.
func (s *S3) Close() { s.p.kill() }
