package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/klauspost/compress/zstd"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/spool/inspect"
)

// lake is a store that consumers archive into, and how to look at it without their help.
type lake struct {
	kind    string                      // of the output
	block   string                      // attributes that name the store
	faults  *faults                     // that requests may meet; nil for a directory
	refuse  func(t *testing.T, on bool) // whether nothing can be stored
	objects func(t *testing.T) map[string][]byte
}

// fail sets the share of requests that fail.
func (l *lake) fail(rate float64) {
	if l.faults != nil {
		l.faults.fail(rate)
	}
}

// faultyLake is a lake of that kind whose requests may meet faults.
func faultyLake(
	kind, block string, f *faults, objects func(t *testing.T) map[string][]byte,
) *lake {
	return &lake{
		kind: kind, block: block, faults: f, objects: objects,
		refuse: func(_ *testing.T, on bool) {
			if f.lift(); on {
				f.cast("PUT", "503")
			}
		},
	}
}

func localLake(t *testing.T) *lake {
	dir := filepath.Join(t.TempDir(), "lake")
	return &lake{
		kind: "local", block: fmt.Sprintf("directory = %q", dir),
		refuse: func(t *testing.T, on bool) {
			t.Helper()
			topics, aside := filepath.Join(dir, topic), filepath.Join(dir, ".aside")
			var err error
			if on { // a file stands where its directory was
				err = errors.Join(
					os.Rename(topics, aside), os.WriteFile(topics, nil, 0o600),
				)
			} else {
				err = errors.Join(os.Remove(topics), os.Rename(aside, topics))
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		objects: func(t *testing.T) map[string][]byte { return filesBelow(t, dir) },
	}
}

// filesBelow reads all files below a directory, as a query engine finds them: hidden ones left out.
func filesBelow(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path == dir:
			return nil
		case err != nil:
			return err
		case strings.HasPrefix(d.Name(), ".") && d.IsDir():
			return fs.SkipDir
		case d.IsDir() || strings.HasPrefix(d.Name(), "."):
			return nil
		}
		key, err := filepath.Rel(dir, path)
		if err == nil {
			out[filepath.ToSlash(key)], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func s3Block(endpoint, bucket, access, secret string) string {
	return fmt.Sprintf(
		"bucket = %q\n  endpoint = %q\n  region = \"us-east-1\"\n  path_style = true\n  access_key_id = %q\n  secret_access_key = %q",
		bucket, endpoint, access, secret,
	)
}

func fakeS3Lake(t *testing.T, rng *rand.Rand) *lake {
	s3 := newFaultyS3(t, rng, "lake")
	return faultyLake(
		"s3", s3Block(s3.URL, "lake", "key", "secret"), s3.faults,
		func(t *testing.T) map[string][]byte { return s3.contents(t, "lake") },
	)
}

// contents reads all objects of a bucket.
func (s *faultyS3) contents(t *testing.T, bucket string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, key := range s.keys(t, bucket) {
		o, err := s.Backend.GetObject(bucket, key, nil)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(o.Contents)
		if err = errors.Join(err, o.Contents.Close()); err != nil {
			t.Fatal(err)
		}
		out[key] = data
	}
	return out
}

// faultyProxy stands before a real server.
func faultyProxy(t *testing.T, rng *rand.Rand, to string) (string, *faults) {
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	f := newFaults(rng)
	srv := httptest.NewServer(f.in(&httputil.ReverseProxy{
		// The host is signed: it stays as the client wrote it.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.Scheme, u.Host, r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}))
	t.Cleanup(srv.Close)
	return srv.URL, f
}

func realS3Lake(t *testing.T, rng *rand.Rand) *lake {
	dir := t.TempDir()
	s3, err := servers.NewS3(dir, "lake")
	if errors.Is(err, servers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s3.Close)
	addr, f := faultyProxy(t, rng, s3.URL())
	return faultyLake(
		"s3", s3Block(addr, "lake", servers.S3AccessKey, servers.S3SecretKey), f,
		func(t *testing.T) map[string][]byte { return filesBelow(t, filepath.Join(dir, "data", "lake")) },
	)
}

func emulatedGCSLake(t *testing.T, rng *rand.Rand) *lake {
	gcs, err := servers.NewGCS(t.TempDir(), "lake")
	if errors.Is(err, servers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gcs.Close)
	addr, f := faultyProxy(t, rng, gcs.URL())
	return faultyLake(
		"gcs", fmt.Sprintf("bucket = \"lake\"\n  endpoint = %q\n  anonymous = true", addr), f,
		func(t *testing.T) map[string][]byte { return gcsObjects(t, gcs.URL(), "lake") },
	)
}

// fakeGCSLake is a bucket of an emulator within this process, which can be made to fail.
func fakeGCSLake(t *testing.T, rng *rand.Rand) *lake {
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "lake"})
	f := newFaults(rng)
	front, direct := httptest.NewServer(
		f.in(server.HTTPHandler()),
	), httptest.NewServer(
		server.HTTPHandler(),
	)
	t.Cleanup(func() {
		front.Close()
		direct.Close()
		f.tell(t)
	})
	return faultyLake(
		"gcs", fmt.Sprintf(
			"bucket = \"lake\"\n  endpoint = %q\n  anonymous = true", front.URL+"/storage/v1/",
		), f,
		func(t *testing.T) map[string][]byte { return gcsObjects(t, direct.URL+"/storage/v1/", "lake") },
	)
}

// gcsObjects reads all objects of a bucket over the JSON API; base ends with /storage/v1/.
func gcsObjects(t *testing.T, base, bucket string) map[string][]byte {
	t.Helper()
	get := func(u string) []byte {
		resp, err := http.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %s %v", u, resp.Status, err)
		}
		return body
	}
	out := map[string][]byte{}
	for page := ""; ; {
		var list struct {
			NextPageToken string
			Items         []struct{ Name string }
		}
		if err := json.Unmarshal(
			get(base+"b/"+bucket+"/o?pageToken="+url.QueryEscape(page)), &list,
		); err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			out[o.Name] = get(base + "b/" + bucket + "/o/" + url.PathEscape(o.Name) + "?alt=media")
		}
		if page = list.NextPageToken; page == "" {
			return out
		}
	}
}

// event is one produced record. Its number is its offset.
type event struct {
	TS time.Time `json:"ts"`
	P  int32     `json:"p"`
	N  int64     `json:"n"`
}

// appendEvent appends the nth record of a partition. Its time is of one of twelve hours, over
// midnight, and a function of p and n: so many that a cut goes into a directory as a batch.
func appendEvent(dst []byte, p int32, n int64) []byte {
	at := time.Date(2026, 3, 28, 21, 0, 0, 0, time.UTC).
		Add(time.Duration((uint64(n)*0x9e3779b97f4a7c15+uint64(p)*77)>>40%(12*3600)) * time.Second)
	return fmt.Appendf(
		dst, `{"ts":%q,"p":%d,"n":%d,"level":"info","msg":"request served","trace":"%016x"}`,
		at.Format(time.RFC3339), p, n, uint64(n)*0x9e3779b97f4a7c15,
	)
}

// archiveVerify returns what "penstock archive verify --deep" says, and an error where that is not
// well.
func archiveVerify(t *testing.T, config string) (rep inspect.Report, err error) {
	t.Helper()
	out, err := exec.Command(
		binary, "archive", "verify", "--config", config, "--deep", "--strict", "--json",
	).Output()
	if jerr := json.Unmarshal(out, &rep); jerr != nil {
		t.Fatalf("archive verify: %v, %v: %s", err, jerr, out)
	}
	return rep, err
}

// lagRow is what "penstock archive lag" says of a partition.
type lagRow struct {
	Partition      int32
	Committed, Lag int64
	Intent         *struct{ Start, End int64 }
}

func archiveLag(t *testing.T, config string) (rows []lagRow) {
	t.Helper()
	out, err := exec.Command(binary, "archive", "lag", "--config", config, "--json").Output()
	if err != nil {
		t.Fatalf("archive lag: %v", err)
	}
	for line := range bytes.Lines(out) {
		var row lagRow
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// verifyLake holds what "penstock archive verify --deep" says against what was produced: every
// position covered once, and nothing else found. "archive lag" must say that nothing is left to do.
func verifyLake(t *testing.T, config string, produced []int64, objects int) {
	t.Helper()
	rep, err := archiveVerify(t, config)
	if err != nil || !rep.OK() || len(rep.Gaps) > 0 {
		t.Errorf("archive verify: %v: problems %+v, gaps %+v", err, rep.Problems, rep.Gaps)
	}
	if rep.Objects != objects || rep.Read != rep.Records {
		t.Errorf(
			"archive verify saw %d objects and read %d of %d records; there are %d objects",
			rep.Objects, rep.Read, rep.Records, objects,
		)
	}
	for p, n := range produced {
		if l := rep.Lives(topic, int32(p)); len(l) != 1 || l[0].Start != 0 || l[0].End != n ||
			l[0].Records != n {
			t.Errorf("archive verify says of partition %d: %+v; %d records were produced", p, l, n)
		}
	}
	rows := archiveLag(t, config)
	for _, row := range rows {
		if row.Lag != 0 || row.Intent != nil || row.Committed != produced[row.Partition] {
			t.Errorf("archive lag says %+v", row)
		}
	}
	if len(rows) != len(produced) {
		t.Errorf("archive lag tells of %d partitions", len(rows))
	}
}

var lakeKey = regexp.MustCompile(
	`^(?:app-logs/(dt=\d{4}-\d\d-\d\d/hr=\d\d)|_dead_letter/app-logs)/app-logs-(\d+)_(\d{20})-(\d{20})(?:\.[0-9a-f]{8})?\.ndjson\.(?:gz|zst)$`,
)

// refuser is a filter that refuses what isRefused tells, of what appendEvent makes.
const refuser = `
filter "parse" "some" {
  if         = "field.n % 11 == 7"
  format     = "regex"
  field      = "msg"
  pattern    = "^(?P<x>refused)$"
  on_failure = "dead_letter"
}
`

func isRefused(n int64) bool { return n%11 == 7 }

// unwrap returns the event that a line of a dead-letter object has.
func unwrap(line []byte) (e event, err error) {
	var letter struct {
		Partition int32
		Offset    int64
		Value     string `json:"value_text"`
		Reason    string
	}
	if err = json.Unmarshal(line, &letter); err == nil {
		err = json.Unmarshal([]byte(letter.Value), &e)
	}
	if err == nil && (letter.Partition != e.P || letter.Offset != e.N || letter.Reason == "") {
		err = errors.New("the letter is of another record, or has no reason")
	}
	return e, err
}

// checkLake tells what is wrong with objects that ought to hold each record of a topic once. That
// is offsets 0 to produced[p]-1 of each partition, in the hive partition of their time, in order
// within each object, and none outside of the range that the object's name says.
func checkLake(objects map[string][]byte, produced []int64) (wrong []string) {
	return checkLakeWithLetters(objects, produced, func(int64) bool { return false })
}

// checkLakeWithLetters is checkLake where some records are to be among the dead letters.
func checkLakeWithLetters(
	objects map[string][]byte, produced []int64, isLetter func(n int64) bool,
) (wrong []string) {
	bad := func(format string, args ...any) {
		if len(wrong) < 20 {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	in := make([]map[int64]string, len(produced))
	for p := range in {
		in[p] = make(map[int64]string, produced[p])
	}
	for key, data := range objects {
		m := lakeKey.FindStringSubmatch(key)
		if m == nil {
			bad("%s: a strange object", key)
			continue
		}
		p, _ := strconv.ParseInt(m[2], 10, 32)
		start, _ := strconv.ParseInt(m[3], 10, 64)
		end, _ := strconv.ParseInt(m[4], 10, 64)
		if p >= int64(len(produced)) {
			bad("%s: no such partition", key)
			continue
		}
		lines, err := objectLines(key, data)
		if err != nil || len(lines) == 0 {
			bad("%s: %d lines, %v", key, len(lines), err)
		}
		last := int64(-1)
		for _, line := range lines {
			e, err := event{}, error(nil)
			if m[1] == "" {
				e, err = unwrap(line)
			} else {
				err = json.Unmarshal(line, &e)
			}
			if err != nil {
				bad("%s: %q: %v", key, line, err)
				continue
			}
			switch {
			case int64(e.P) != p || e.N < start || e.N >= end || isLetter(e.N) != (m[1] == ""):
				bad("%s holds %d/%d", key, e.P, e.N)
				continue
			case m[1] == "":
			case e.TS.UTC().Format("dt=2006-01-02/hr=15") != m[1]:
				bad("%s holds a record of %v", key, e.TS)
			case e.N <= last:
				bad("%s: %d after %d", key, e.N, last)
			}
			last = e.N
			if other := in[p][e.N]; other != "" {
				bad("%d/%d is in %s and in %s", p, e.N, other, key)
			}
			in[p][e.N] = key
		}
	}
	for p, n := range produced {
		if int64(len(in[p])) == n {
			continue
		}
		for i := range n {
			if in[p][i] == "" {
				bad(
					"partition %d: %d of %d records archived; the first missing is %d", p,
					len(in[p]), n, i,
				)
				break
			}
		}
	}
	return wrong
}

// objectLines returns the lines of an object whose name tells its compression.
func objectLines(key string, data []byte) ([][]byte, error) {
	var r io.Reader
	var err error
	switch filepath.Ext(key) {
	case ".gz":
		r, err = gzip.NewReader(bytes.NewReader(data))
	case ".zst":
		r, err = zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1))
	default:
		err = fmt.Errorf("%s has an unknown compression", key)
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(r)
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")), err
}

// The check is held against lakes that are wrong in known ways.
func TestCheckLake(t *testing.T) {
	parallel(t)
	object := func(ns ...int64) []byte {
		var b bytes.Buffer
		zw := gzip.NewWriter(&b)
		for _, n := range ns {
			_, _ = zw.Write(append(appendEvent(nil, 0, n), '\n'))
		}
		_ = zw.Close()
		return b.Bytes()
	}
	hour := func(n int64) string {
		var e event
		if err := json.Unmarshal(appendEvent(nil, 0, n), &e); err != nil {
			t.Fatal(err)
		}
		return e.TS.Format("dt=2006-01-02/hr=15")
	}
	at := map[string][]int64{}
	for n := range int64(50) {
		at[hour(n)] = append(at[hour(n)], n)
	}
	if len(at) < 5 {
		t.Fatalf("the records fall into %d hours", len(at))
	}
	key := func(hour string, end int) string {
		return fmt.Sprintf("app-logs/%s/app-logs-0_%020d-%020d.ndjson.gz", hour, 0, end)
	}
	sound := func() map[string][]byte {
		out := map[string][]byte{}
		for h, ns := range at {
			out[key(h, 50)] = object(ns...)
		}
		return out
	}
	if wrong := checkLake(sound(), []int64{50}); wrong != nil {
		t.Fatal(wrong)
	}
	if wrong := checkLakeWithLetters(sound(), []int64{50}, isRefused); wrong == nil {
		t.Error("letters among other records: not found")
	}
	h := hour(0)
	for name, damage := range map[string]func(map[string][]byte){
		"lost":            func(o map[string][]byte) { o[key(h, 50)] = object(at[h][1:]...) },
		"object lost":     func(o map[string][]byte) { delete(o, key(h, 50)) },
		"twice":           func(o map[string][]byte) { o[key(h, 51)] = object(0) },
		"disordered":      func(o map[string][]byte) { o[key(h, 50)] = object(append(append([]int64{}, at[h][1:]...), 0)...) },
		"wrong partition": func(o map[string][]byte) { o[strings.Replace(key(h, 50), "hr=", "hr=1", 1)] = o[key(h, 50)] },
		"wrong hour": func(o map[string][]byte) {
			for other := range at {
				if other != h {
					o[key(other, 50)] = object(append(append([]int64{}, at[other]...), at[h]...)...)
					break
				}
			}
			delete(o, key(h, 50))
		},
		"not in the name's range": func(o map[string][]byte) { o[key(h, 1)] = o[key(h, 50)]; delete(o, key(h, 50)) },
		"cut off":                 func(o map[string][]byte) { o[key(h, 50)] = o[key(h, 50)][:20] },
	} {
		o := sound()
		damage(o)
		if checkLake(o, []int64{50}) == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
