package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// image is a container image of nothing but the program: no shell, no libraries, a user that is not
// root. Its content is the same as that of examples/kubernetes/Dockerfile.
type image struct {
	version      string
	made         time.Time
	certificates string
	programs     []program
}

type program struct{ arch, path string }

const imageUser = 65532

// descriptor points at a part of the image by its digest.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platformOf       `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platformOf struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        *descriptor  `json:"config,omitempty"`
	Layers        []descriptor `json:"layers,omitempty"`
	Manifests     []descriptor `json:"manifests,omitempty"`
}

type imageConfig struct {
	Created      string    `json:"created"`
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Config       runConfig `json:"config"`
	RootFS       rootFS    `json:"rootfs"`
	History      []history `json:"history"`
}

type runConfig struct {
	User         string
	ExposedPorts map[string]struct{}
	Entrypoint   []string
	Cmd          []string
	WorkingDir   string
	StopSignal   string
	Labels       map[string]string
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   string `json:"created"`
	CreatedBy string `json:"created_by"`
}

// writeImage writes an OCI layout as one tar, with the older manifest.json for the first program
// beside it: docker load, podman load, skopeo and crane all read it.
func writeImage(to string, i image) error {
	t := newTree(i.made)
	const oci = "application/vnd.oci.image."
	index := manifest{SchemaVersion: 2, MediaType: oci + "index.v1+json"}
	var older []map[string]any
	for n, p := range i.programs {
		layer, plain, err := i.layer(p)
		if err != nil {
			return err
		}
		layerAt := t.blob(oci+"layer.v1.tar+gzip", layer)
		configAt := t.blob(oci+"config.v1+json", asJSON(i.config(p, plain)))
		m := t.blob(oci+"manifest.v1+json", asJSON(manifest{
			SchemaVersion: 2, MediaType: oci + "manifest.v1+json",
			Config: &configAt, Layers: []descriptor{layerAt},
		}))
		m.Platform = &platformOf{Architecture: p.arch, OS: "linux"}
		index.Manifests = append(index.Manifests, m)
		if n == 0 {
			older = []map[string]any{{
				"Config": blobPath(configAt.Digest), "Layers": []string{blobPath(layerAt.Digest)},
				"RepoTags": []string{"penstock:" + i.version},
			}}
		}
	}
	at := t.blob(index.MediaType, asJSON(index))
	at.Annotations = map[string]string{
		"org.opencontainers.image.ref.name": i.version, "io.containerd.image.name": "penstock:" + i.version,
	}
	top := manifest{SchemaVersion: 2, MediaType: index.MediaType, Manifests: []descriptor{at}}
	t.bytes("index.json", asJSON(top), 0o644)
	t.bytes("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
	t.bytes("manifest.json", asJSON(older), 0o644)
	return t.write(to, false)
}

// layer is the whole file system, compressed, and the digest of it as it was before.
func (i image) layer(p program) (compressed []byte, plain string, err error) {
	t := newTree(i.made)
	t.file("usr/bin/penstock", p.path, 0o755)
	t.file("etc/ssl/certs/ca-certificates.crt", i.certificates, 0o644)
	for _, doc := range []string{"LICENSE", "NOTICE"} {
		t.file("usr/share/doc/penstock/"+doc, doc, 0o644)
	}
	user := fmt.Sprintf("penstock:x:%d:%[1]d:penstock:/var/lib/penstock:/sbin/nologin\n", imageUser)
	t.bytes("etc/passwd", []byte("root:x:0:0:root:/:/sbin/nologin\n"+user), 0o644)
	t.bytes("etc/group", fmt.Appendf(nil, "root:x:0:\npenstock:x:%d:\n", imageUser), 0o644)
	t.dir("etc/penstock", 0o755, 0)
	t.dir("tmp", 0o1777, 0)
	t.dir("var/lib/penstock", 0o750, imageUser)
	var raw bytes.Buffer
	if err := t.tar(&raw); err != nil {
		return nil, "", err
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, "", err
	}
	if _, err := z.Write(raw.Bytes()); err != nil {
		return nil, "", err
	}
	if err := z.Close(); err != nil {
		return nil, "", err
	}
	return packed.Bytes(), digest(raw.Bytes()), nil
}

func (i image) config(p program, plain string) imageConfig {
	created := i.made.Format(time.RFC3339)
	return imageConfig{
		Created: created, Architecture: p.arch, OS: "linux",
		Config: runConfig{
			User: fmt.Sprintf("%d:%[1]d", imageUser), ExposedPorts: map[string]struct{}{"9600/tcp": {}},
			Entrypoint: []string{"/usr/bin/penstock"}, Cmd: []string{"run", "/etc/penstock"},
			WorkingDir: "/", StopSignal: "SIGTERM",
			Labels: map[string]string{
				"org.opencontainers.image.title":    "penstock",
				"org.opencontainers.image.version":  i.version,
				"org.opencontainers.image.source":   "https://github.com/penstock/penstock",
				"org.opencontainers.image.licenses": "Apache-2.0",
			},
		},
		RootFS:  rootFS{Type: "layers", DiffIDs: []string{plain}},
		History: []history{{Created: created, CreatedBy: "make image"}},
	}
}

// blob adds a part under its digest.
func (t *tree) blob(mediaType string, data []byte) descriptor {
	d := descriptor{MediaType: mediaType, Digest: digest(data), Size: len(data)}
	t.bytes(blobPath(d.Digest), data, 0o644)
	return d
}

func blobPath(digest string) string { return "blobs/sha256/" + digest[len("sha256:"):] }

func digest(data []byte) string {
	s := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(s[:])
}

func asJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // none of the types here can fail
	}
	return data
}
