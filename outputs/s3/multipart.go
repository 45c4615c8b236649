package s3

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/penstock/penstock/spool"
	"golang.org/x/sync/errgroup"
)

const (
	maxParts     = 10_000
	abortTimeout = 15 * time.Second
)

// partSize returns part, or what it takes to stay below the limit of parts, in whole MiB.
func partSize(size, part int64) int64 {
	if least := (size + maxParts - 1) / maxParts; least > part {
		return (least + 1<<20 - 1) &^ (1<<20 - 1)
	}
	return part
}

// putParts uploads the object in parts. What fails is aborted, so that no part is left to be paid
// for; what a crash leaves behind is for a lifecycle rule of the bucket.
func (s *Store) putParts(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	create := &s3.CreateMultipartUploadInput{
		Bucket: &s.cfg.Bucket,
		Key:    aws.String(s.prefix + key),
		ContentType: optional(
			opts.ContentType,
		),
		ContentEncoding: optional(opts.ContentEncoding),
		Metadata:        opts.Metadata,
		ACL: types.ObjectCannedACL(
			s.cfg.ACL,
		),
		StorageClass:        types.StorageClass(s.cfg.StorageClass),
		Tagging:             s.tags,
		ExpectedBucketOwner: optional(s.cfg.ExpectedBucketOwner),
	}
	if s.cfg.Checksum == "crc32c" {
		create.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32c
	}
	if e := s.cfg.Encryption; e != nil {
		create.ServerSideEncryption = types.ServerSideEncryption(e.Type)
		create.SSEKMSKeyId, create.SSEKMSEncryptionContext = optional(e.KMSKeyID), e.context()
		if e.BucketKey {
			create.BucketKeyEnabled = aws.Bool(true)
		}
	}
	upload, err := s.client.CreateMultipartUpload(ctx, create)
	if err != nil {
		return err
	}
	if upload.UploadId == nil {
		return errNoAnswer
	}
	parts, err := s.uploadParts(ctx, upload.UploadId, key, r, size)
	if err == nil {
		var done *s3.CompleteMultipartUploadOutput
		done, err = s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket:   &s.cfg.Bucket,
			Key:      create.Key,
			UploadId: upload.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{
				Parts: parts,
			},
			ExpectedBucketOwner: create.ExpectedBucketOwner,
		})
		if err == nil && done.ETag == nil {
			err = errNoAnswer
		}
	}
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_, abortErr := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket:              &s.cfg.Bucket,
		Key:                 create.Key,
		UploadId:            upload.UploadId,
		ExpectedBucketOwner: create.ExpectedBucketOwner,
	})
	if abortErr != nil && errorCode(abortErr) != "NoSuchUpload" {
		// Not %w: the class of the failure is that of the upload.
		return errors.Join(err, errors.New("abort the multipart upload: "+abortErr.Error()))
	}
	return err
}

// uploadParts uploads part_concurrency parts at once, each straight from r.
func (s *Store) uploadParts(
	ctx context.Context, id *string, key string, r io.ReaderAt, size int64,
) ([]types.CompletedPart, error) {
	length := partSize(size, s.cfg.PartSize)
	parts := make([]types.CompletedPart, (size+length-1)/length)
	g, groupCtx := errgroup.WithContext(ctx)
	g.SetLimit(s.cfg.PartConcurrency)
	for i := range parts {
		if groupCtx.Err() != nil {
			break
		}
		g.Go(func() error {
			off := int64(i) * length
			n := min(length, size-off)
			sum, err := s.checksum(r, off, n)
			if err != nil {
				return err
			}
			in := &s3.UploadPartInput{
				Bucket:              &s.cfg.Bucket,
				Key:                 aws.String(s.prefix + key),
				UploadId:            id,
				PartNumber:          aws.Int32(int32(i + 1)),
				Body:                io.NewSectionReader(r, off, n),
				ContentLength:       &n,
				ChecksumCRC32C:      sum.crc32c,
				ContentMD5:          sum.md5,
				ExpectedBucketOwner: optional(s.cfg.ExpectedBucketOwner),
			}
			out, err := s.client.UploadPart(groupCtx, in, s.unsigned)
			if err != nil {
				return err
			}
			if out.ETag == nil {
				return errNoAnswer
			}
			parts[i] = types.CompletedPart{ETag: out.ETag, PartNumber: in.PartNumber}
			if out.ChecksumCRC32C != nil { // the server knows it, so it wants it again
				parts[i].ChecksumCRC32C = sum.crc32c
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return parts, ctx.Err() // some were not begun if it ended
}

type sums struct{ crc32c, md5 *string }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum reads size bytes of r at off. An r that is shorter than promised is found here.
func (s *Store) checksum(r io.ReaderAt, off, size int64) (sums, error) {
	section := io.NewSectionReader(r, off, size)
	copyAll := func(w io.Writer) error {
		n, err := io.Copy(w, section)
		if err == nil && n != size {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	switch s.cfg.Checksum {
	case "crc32c":
		h := crc32.New(castagnoli)
		if err := copyAll(h); err != nil {
			return sums{}, err
		}
		return sums{crc32c: encode(binary.BigEndian.AppendUint32(nil, h.Sum32()))}, nil
	case "md5":
		h := md5.New()
		if err := copyAll(h); err != nil {
			return sums{}, err
		}
		return sums{md5: encode(h.Sum(nil))}, nil
	}
	return sums{}, nil
}

func encode(sum []byte) *string { return aws.String(base64.StdEncoding.EncodeToString(sum)) }

// context returns the encryption context in the form that the header wants.
func (e *Encryption) context() *string {
	if len(e.Context) == 0 {
		return nil
	}
	text, _ := json.Marshal(e.Context) // strings always marshal
	return encode(text)
}
