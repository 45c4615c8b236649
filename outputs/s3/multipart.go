package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

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
	key = s.prefix + key
	id, err := s.begin(ctx, key, opts)
	if err != nil {
		return err
	}
	parts, err := s.uploadParts(ctx, id, key, r, size)
	if err == nil {
		err = s.complete(ctx, id, key, parts)
	}
	if err == nil {
		return nil
	}
	if abortErr := s.abort(ctx, id, key); abortErr != nil {
		// Not %w: the class of the failure is that of the upload.
		return errors.Join(err, errors.New("abort the multipart upload: "+abortErr.Error()))
	}
	return err
}

// begin begins an upload in parts and returns its id.
func (s *Store) begin(ctx context.Context, key string, opts spool.PutOptions) (string, error) {
	header := s.newObject(opts)
	if s.cfg.Checksum == "crc32c" {
		header.Set("X-Amz-Checksum-Algorithm", "CRC32C")
	}
	var upload struct {
		UploadID string `xml:"UploadId"`
	}
	if _, err := s.client.do(ctx, call{
		method: http.MethodPost, key: key, query: url.Values{"uploads": {""}}, header: header,
		into: &upload,
	}); err != nil {
		return "", err
	}
	if upload.UploadID == "" {
		return "", errNoAnswer
	}
	return upload.UploadID, nil
}

// abort gives an upload in parts up, also when ctx has ended.
func (s *Store) abort(ctx context.Context, id, key string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_, err := s.client.do(ctx, call{
		method: http.MethodDelete, key: key, query: url.Values{"uploadId": {id}},
	})
	if errorCode(err) == "NoSuchUpload" {
		return nil
	}
	return err
}

// Try implements spool.Trier: to begin an upload in parts takes the right to put and no other, but
// for that to decrypt by KMS, which reading the parts takes. What may not be aborted has no parts,
// and costs nothing; no second one is left.
func (s *Store) Try(ctx context.Context, key string) error {
	if s.lingers.Load() {
		return spool.ErrUntold
	}
	id, err := s.begin(ctx, s.prefix+key, spool.PutOptions{})
	var api *apiError
	switch {
	case errors.As(err, &api) && (api.status == http.StatusNotImplemented ||
		api.status == http.StatusMethodNotAllowed || strings.Contains(api.message, "kms:Decrypt")):
		return spool.ErrUntold
	case err != nil:
		return s.fail("put", key, err)
	}
	s.lingers.Store(s.abort(ctx, id, s.prefix+key) != nil)
	return nil
}

// part is one that the server has. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompletedPart.html
type part struct {
	CRC32C string `xml:"ChecksumCRC32C,omitempty"`
	ETag   string
	Number int `xml:"PartNumber"`
}

// complete makes an object of the parts.
func (s *Store) complete(ctx context.Context, id, key string, parts []part) error {
	text, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUpload"`
		Parts   []part   `xml:"Part"`
	}{Parts: parts})
	if err != nil {
		return err
	}
	var done struct{ ETag string }
	if _, err := s.client.do(ctx, call{
		method: http.MethodPost, key: key, query: url.Values{"uploadId": {id}},
		header: http.Header{"Content-Type": {"application/xml"}},
		body:   io.NewSectionReader(bytes.NewReader(text), 0, int64(len(text))),
		into:   &done,
	}); err != nil {
		return err
	}
	if done.ETag == "" {
		return errNoAnswer
	}
	return nil
}

// uploadParts uploads part_concurrency parts at once, each straight from r.
func (s *Store) uploadParts(
	ctx context.Context, id, key string, r io.ReaderAt, size int64,
) ([]part, error) {
	length := partSize(size, s.cfg.PartSize)
	parts := make([]part, (size+length-1)/length)
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
			header := http.Header{}
			sum.set(header)
			resp, err := s.client.do(groupCtx, call{
				method: http.MethodPut, key: key, header: header,
				query: url.Values{"partNumber": {strconv.Itoa(i + 1)}, "uploadId": {id}},
				body:  io.NewSectionReader(r, off, n),
			})
			if err != nil {
				return err
			}
			parts[i] = part{ETag: resp.Header.Get("ETag"), Number: i + 1}
			if parts[i].ETag == "" {
				return errNoAnswer
			}
			if resp.Header.Get(crcHeader) != "" { // the server knows it, so it wants it again
				parts[i].CRC32C = sum.crc32c
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return parts, ctx.Err() // some were not begun if it ended
}

const crcHeader = "X-Amz-Checksum-Crc32c"

// sums are checksums of a body, empty where there is none, in base64.
type sums struct{ crc32c, md5 string }

func (s sums) set(h http.Header) {
	if s.crc32c != "" {
		h.Set(crcHeader, s.crc32c)
	}
	if s.md5 != "" {
		h.Set("Content-Md5", s.md5)
	}
}

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

func encode(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// context returns the encryption context in the form that the header wants.
func (e *Encryption) context() string {
	if len(e.Context) == 0 {
		return ""
	}
	text, _ := json.Marshal(e.Context) // strings always marshal
	return encode(text)
}
