package s3

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// StoreConfig says where the bucket is and how objects are written to it.
type StoreConfig struct {
	Bucket    string `hcl:"bucket" doc:"Bucket, which must exist."`
	Prefix    string `hcl:"prefix,optional" doc:"Put before every key, with a slash between."`
	Region    string `hcl:"region,optional" doc:"Region of the bucket; from the environment or the profile when empty."`
	Endpoint  string `hcl:"endpoint,optional" doc:"URL of an S3-compatible server; empty for Amazon's."`
	PathStyle bool   `hcl:"path_style,optional" doc:"Put the bucket into the path and not into the host name, as most S3-compatible servers want it."`
	CAFile    string `hcl:"ca_file,optional" doc:"PEM file of certificate authorities to trust besides the system's."`

	AccessKeyID     string      `hcl:"access_key_id,optional" doc:"Static access key; without one the usual chain applies: environment, shared files, web identity, container, instance role."`
	SecretAccessKey string      `hcl:"secret_access_key,optional" secret:"true" doc:"Secret of the static access key."`
	SessionToken    string      `hcl:"session_token,optional" secret:"true" doc:"Session token of a temporary static access key."`
	Profile         string      `hcl:"profile,optional" doc:"Profile of the shared configuration files."`
	AssumeRole      *AssumeRole `hcl:"assume_role,block" doc:"Role to take on with the credentials above."`

	Encryption          *Encryption       `hcl:"encryption,block" doc:"Server-side encryption; the bucket's own default applies without it."`
	StorageClass        string            `hcl:"storage_class,optional" doc:"Storage class of new objects, such as STANDARD_IA or GLACIER_IR; the server's default when empty."`
	ACL                 string            `hcl:"acl,optional" oneof:"private|public-read|public-read-write|authenticated-read|aws-exec-read|bucket-owner-read|bucket-owner-full-control" doc:"Canned access control list of new objects; none is sent when empty."`
	Tags                map[string]string `hcl:"tags,optional" doc:"Tags of new objects, at most ten."`
	ExpectedBucketOwner string            `hcl:"expected_bucket_owner,optional" doc:"Account that must own the bucket; requests are refused otherwise."`

	PartSize          int64         `hcl:"part_size,optional" unit:"bytes" doc:"Larger objects are uploaded in parts of this size, 5 MiB to 5 GiB."`
	PartConcurrency   int           `hcl:"part_concurrency,optional" doc:"Parts of one object uploaded at once."`
	Checksum          string        `hcl:"checksum,optional" oneof:"crc32c|md5|none" doc:"Checksum sent for the server to verify: crc32c, md5 (Content-MD5) for old servers and for buckets with object lock on such, or none."`
	ConditionalWrites string        `hcl:"conditional_writes,optional" oneof:"auto|header|head" doc:"How a key is claimed: header trusts the server to honour If-None-Match, auto tries that out once where endpoint is set, head looks before it writes, which is not atomic."`
	Timeout           time.Duration `hcl:"timeout,optional" doc:"A request over which nothing moves for so long has failed."`
	MaxAttempts       int           `hcl:"max_attempts,optional" doc:"Attempts at one request before its error is returned; what is above retries by itself."`
}

// AssumeRole names a role.
type AssumeRole struct {
	ARN         string        `hcl:"arn" doc:"Role to assume."`
	SessionName string        `hcl:"session_name,optional" doc:"Name of the session."`
	ExternalID  string        `hcl:"external_id,optional" doc:"External identifier the role's trust policy asks for."`
	Duration    time.Duration `hcl:"duration,optional" doc:"Validity of a session, 15 minutes to 12 hours; it is renewed in time."`
}

// SetDefaults sets the presets.
func (a *AssumeRole) SetDefaults() { *a = AssumeRole{SessionName: "penstock", Duration: time.Hour} }

// Encryption is server-side encryption.
type Encryption struct {
	Type      string            `hcl:"type,optional" oneof:"AES256|aws:kms|aws:kms:dsse" doc:"Algorithm, or who keeps the key."`
	KMSKeyID  string            `hcl:"kms_key_id,optional" doc:"KMS key; the account's default key for S3 when empty."`
	BucketKey bool              `hcl:"bucket_key,optional" doc:"Use an S3 bucket key, which makes fewer calls of KMS."`
	Context   map[string]string `hcl:"context,optional" doc:"KMS encryption context."`
}

// SetDefaults sets the presets.
func (e *Encryption) SetDefaults() { *e = Encryption{Type: "AES256"} }

const (
	minPart = 5 << 20
	maxPart = 5 << 30
)

// DefaultStore returns the presets.
func DefaultStore() StoreConfig {
	return StoreConfig{
		PartSize: 16 << 20, PartConcurrency: 4, Checksum: "crc32c", ConditionalWrites: "auto",
		Timeout: 60 * time.Second, MaxAttempts: 3,
	}
}

// Validate reports every mistake at once.
func (c *StoreConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	oneOf := func(name, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			bad("%s: must be one of %s, not %q", name, strings.Join(allowed, ", "), value)
		}
	}
	if c.Bucket == "" ||
		strings.ContainsAny(c.Bucket, "/ ") && !strings.HasPrefix(c.Bucket, "arn:") {
		bad("bucket: must be the name of a bucket, without a scheme or a path, not %q", c.Bucket)
	}
	if strings.Contains(c.Prefix, "//") {
		bad("prefix: must not hold empty segments")
	}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			bad(
				"endpoint: must be a URL such as \"https://s3.example.com:9000\", not %q",
				c.Endpoint,
			)
		case u.RawQuery != "":
			bad("endpoint: must be a URL without a query; keys are access_key_id and secret_access_key")
		}
	}
	if c.CAFile != "" {
		if err := unix.Access(c.CAFile, unix.R_OK); err != nil {
			bad("ca_file: %s: %v", c.CAFile, err)
		}
	}
	if (c.AccessKeyID == "") != (c.SecretAccessKey == "") {
		bad("access_key_id: must be set together with secret_access_key")
	}
	if c.SessionToken != "" && c.AccessKeyID == "" {
		bad("session_token: needs access_key_id and secret_access_key")
	}
	if c.AccessKeyID != "" && c.Profile != "" {
		bad("profile: cannot be used together with access_key_id")
	}
	if r := c.AssumeRole; r != nil {
		if !strings.HasPrefix(r.ARN, "arn:") {
			bad("assume_role.arn: must begin with \"arn:\", not %q", r.ARN)
		}
		if r.Duration < 15*time.Minute || r.Duration > 12*time.Hour {
			bad("assume_role.duration: must be 15m to 12h, not %v", r.Duration)
		}
	}
	if e := c.Encryption; e != nil {
		oneOf("encryption.type", e.Type, "AES256", "aws:kms", "aws:kms:dsse")
		if e.Type == "AES256" && (e.KMSKeyID != "" || len(e.Context) > 0 || e.BucketKey) {
			bad("encryption.type: must be \"aws:kms\" for kms_key_id, context and bucket_key")
		}
	}
	if c.ACL != "" {
		oneOf(
			"acl", c.ACL, "private", "public-read", "public-read-write", "authenticated-read",
			"aws-exec-read", "bucket-owner-read", "bucket-owner-full-control",
		)
	}
	if len(c.Tags) > 10 {
		bad("tags: must be at most ten, not %d", len(c.Tags))
	}
	if c.PartSize < minPart || c.PartSize > maxPart {
		bad("part_size: must be 5MiB to 5GiB, not %d bytes", c.PartSize)
	}
	if c.PartConcurrency < 1 || c.PartConcurrency > 64 {
		bad("part_concurrency: must be 1 to 64, not %d", c.PartConcurrency)
	}
	oneOf("checksum", c.Checksum, "crc32c", "md5", "none")
	oneOf("conditional_writes", c.ConditionalWrites, "auto", "header", "head")
	if c.Timeout < time.Second {
		bad("timeout: must be at least 1s, not %v", c.Timeout)
	}
	if c.MaxAttempts < 1 {
		bad("max_attempts: must be at least 1, not %d", c.MaxAttempts)
	}
	return errors.Join(errs...)
}
