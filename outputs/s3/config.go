package s3

import (
	"errors"
	"strings"
	"time"

	"github.com/penstock/penstock/spool/storehttp"
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
	ConditionalWrites string        `hcl:"conditional_writes,optional" oneof:"auto|header|head" doc:"What keeps an object from being overwritten. header: the server does (If-None-Match); head: a look before the write, which two writers may get past; auto: header, or where endpoint is set what a trial shows to work."`
	Timeout           time.Duration `hcl:"timeout,optional" doc:"A request over which nothing moves for so long has failed, and is made again."`
	MaxAttempts       int           `hcl:"max_attempts,optional" doc:"Attempts at one request; after them the whole object is tried again, with longer waits."`
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
	var m storehttp.Mistakes
	if c.Bucket == "" ||
		strings.ContainsAny(c.Bucket, "/ ") && !strings.HasPrefix(c.Bucket, "arn:") {
		m.Add("bucket: must be the name of a bucket, without a scheme or a path, not %q", c.Bucket)
	}
	m.Prefix(c.Prefix)
	if u := m.Endpoint(c.Endpoint, "https://s3.example.com:9000"); u != nil && u.RawQuery != "" {
		m.Add("endpoint: must be a URL without a query; keys are access_key_id and secret_access_key")
	}
	m.Readable("ca_file", c.CAFile)
	if (c.AccessKeyID == "") != (c.SecretAccessKey == "") {
		m.Add("access_key_id: must be set together with secret_access_key")
	}
	if c.SessionToken != "" && c.AccessKeyID == "" {
		m.Add("session_token: needs access_key_id and secret_access_key")
	}
	if c.AccessKeyID != "" && c.Profile != "" {
		m.Add("profile: cannot be used together with access_key_id")
	}
	if r := c.AssumeRole; r != nil {
		if !strings.HasPrefix(r.ARN, "arn:") {
			m.Add("assume_role.arn: must begin with \"arn:\", not %q", r.ARN)
		}
		if r.Duration < 15*time.Minute || r.Duration > 12*time.Hour {
			m.Add("assume_role.duration: must be 15m to 12h, not %v", r.Duration)
		}
	}
	if e := c.Encryption; e != nil {
		m.OneOf("encryption.type", e.Type, "AES256", "aws:kms", "aws:kms:dsse")
		if e.Type == "AES256" && (e.KMSKeyID != "" || len(e.Context) > 0 || e.BucketKey) {
			m.Add("encryption.type: must be \"aws:kms\" for kms_key_id, context and bucket_key")
		}
	}
	if c.ACL != "" {
		m.OneOf(
			"acl", c.ACL, "private", "public-read", "public-read-write", "authenticated-read",
			"aws-exec-read", "bucket-owner-read", "bucket-owner-full-control",
		)
	}
	if len(c.Tags) > 10 {
		m.Add("tags: must be at most ten, not %d", len(c.Tags))
	}
	if c.PartSize < minPart || c.PartSize > maxPart {
		m.Add("part_size: must be 5MiB to 5GiB, not %d bytes", c.PartSize)
	}
	if c.PartConcurrency < 1 || c.PartConcurrency > 64 {
		m.Add("part_concurrency: must be 1 to 64, not %d", c.PartConcurrency)
	}
	m.OneOf("checksum", c.Checksum, "crc32c", "md5", "none")
	m.OneOf("conditional_writes", c.ConditionalWrites, "auto", "header", "head")
	m.Attempts(c.Timeout, c.MaxAttempts)
	return errors.Join(m...)
}
