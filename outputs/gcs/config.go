package gcs

import (
	"errors"
	"strings"
	"time"

	"github.com/penstock/penstock/spool/storehttp"
)

// StoreConfig says where the bucket is and how objects are written to it.
type StoreConfig struct {
	Bucket          string `hcl:"bucket" doc:"Bucket, which must exist."`
	Prefix          string `hcl:"prefix,optional" doc:"Put before every key, with a slash between."`
	CredentialsFile string `hcl:"credentials_file,optional" doc:"JSON file with credentials of a service account, a user, or workload identity federation; application-default credentials apply without it."`
	Endpoint        string `hcl:"endpoint,optional" doc:"URL of an emulator or a private endpoint; no credentials are sent to one that begins with http://."`
	Anonymous       bool   `hcl:"anonymous,optional" doc:"Send no credentials."`
	UserProject     string `hcl:"user_project,optional" doc:"Project to bill where the requester pays."`

	StorageClass  string `hcl:"storage_class,optional" oneof:"STANDARD|NEARLINE|COLDLINE|ARCHIVE" doc:"Storage class of new objects; the bucket's default when empty."`
	KMSKey        string `hcl:"kms_key,optional" doc:"Cloud KMS key for new objects, as projects/P/locations/L/keyRings/R/cryptoKeys/K; the bucket's default when empty."`
	PredefinedACL string `hcl:"predefined_acl,optional" oneof:"authenticatedRead|bucketOwnerFullControl|bucketOwnerRead|private|projectPrivate|publicRead" doc:"Access control list of new objects; none is sent when empty, as buckets with uniform access want it."`

	ChunkSize   int64         `hcl:"chunk_size,optional" unit:"bytes" doc:"Larger objects are uploaded in resumable chunks of this size, a multiple of 256 KiB."`
	Timeout     time.Duration `hcl:"timeout,optional" doc:"A request over which nothing moves for so long has failed."`
	MaxAttempts int           `hcl:"max_attempts,optional" doc:"Attempts at one request before its error is returned; what is above retries by itself."`
}

const quantum = 256 << 10 // chunks are multiples of it

// DefaultStore returns the presets.
func DefaultStore() StoreConfig {
	return StoreConfig{ChunkSize: 8 << 20, Timeout: 60 * time.Second, MaxAttempts: 3}
}

// Validate reports every mistake at once.
func (c *StoreConfig) Validate() error {
	var m storehttp.Mistakes
	if c.Bucket == "" || strings.ContainsAny(c.Bucket, "/ :") {
		m.Add("bucket: must be the name of a bucket, without a scheme or a path, not %q", c.Bucket)
	}
	m.Prefix(c.Prefix)
	m.Endpoint(c.Endpoint, "http://localhost:4443")
	m.Readable("credentials_file", c.CredentialsFile)
	if c.CredentialsFile != "" {
		if c.Anonymous {
			m.Add("anonymous: cannot be used together with credentials_file")
		}
		if strings.HasPrefix(c.Endpoint, "http:") {
			m.Add("endpoint: must begin with https:// for credentials to be sent to it")
		}
	}
	if c.StorageClass != "" {
		m.OneOf("storage_class", c.StorageClass, "STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
	}
	if c.PredefinedACL != "" {
		m.OneOf(
			"predefined_acl", c.PredefinedACL, "authenticatedRead", "bucketOwnerFullControl",
			"bucketOwnerRead", "private", "projectPrivate", "publicRead",
		)
	}
	if c.KMSKey != "" && !strings.HasPrefix(c.KMSKey, "projects/") {
		m.Add(
			"kms_key: must be like \"projects/P/locations/L/keyRings/R/cryptoKeys/K\", not %q",
			c.KMSKey,
		)
	}
	if c.ChunkSize < quantum || c.ChunkSize > 1<<30 || c.ChunkSize%quantum != 0 {
		m.Add(
			"chunk_size: must be 256KiB to 1GiB and a multiple of 256KiB, not %d bytes",
			c.ChunkSize,
		)
	}
	m.Attempts(c.Timeout, c.MaxAttempts)
	return errors.Join(m...)
}
