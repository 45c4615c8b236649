# Everything but `make integration` needs nothing but Go and the module proxy.

GO      ?= go
BIN     := bin/penstock
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The race detector needs a C compiler; without one the tests run without it.
RACE    := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)
FUZZTIME ?= 10s
# What runs once per batch, object, request, page or file of configuration is built without inlining:
# 4 MB. Of agent it is that package alone, and none below it but those named.
COLD    := github.com/aws github.com/hashicorp github.com/zclconf github.com/prometheus \
	github.com/spf13 $(addprefix github.com/twmb/franz-go/pkg/,kadm kmsg kversion sr) \
	github.com/twmb/franz-go/pkg/kgo/internal/sticky \
	$(addprefix github.com/parquet-go/parquet-go/,variant encoding/thrift) \
	$(addprefix github.com/expr-lang/expr/,builtin checker compiler optimizer parser) \
	$(addprefix github.com/penstock/penstock/,agent/admin agent/config agent/convert) \
	$(addprefix github.com/penstock/penstock/,agent/reference agent/graph agent/cases) \
	$(addprefix github.com/penstock/penstock/,agent/positions cmd spool/hook spool/inspect) \
	$(addprefix github.com/penstock/penstock/,agent/starter agent/ledger agent/push agent/state) \
	$(addprefix github.com/penstock/penstock/buffer/record/,preflight dataformat durable) \
	$(addprefix github.com/penstock/penstock/,network/tlsconf network/kafkaclient) \
	$(addprefix github.com/penstock/penstock/,spool/storehttp spool/protocol agent/joining) \
	$(addprefix github.com/penstock/penstock/inputs/,kubernetes listen) \
	$(addprefix github.com/penstock/penstock/outputs/,deadletter elasticsearch forward gcs http) \
	$(addprefix github.com/penstock/penstock/outputs/,drain httpsend local overflow replay s3) \
	github.com/andybalholm github.com/dsnet github.com/ulikunitz github.com/dustin github.com/elastic github.com/fsnotify github.com/coreos \
	github.com/go-logr github.com/mileusna github.com/json-iterator github.com/modern-go github.com/go-viper \
	github.com/pelletier github.com/google/go-cmp github.com/google/flatbuffers github.com/twpayne \
	github.com/dgraph-io cloud.google.com go.opentelemetry.io go.yaml.in \
	golang.org/x/net golang.org/x/crypto golang.org/x/oauth2 golang.org/x/text \
	google.golang.org vendor/golang.org \
	crypto/tls crypto/x509 crypto/hpke crypto/ecdh crypto/ecdsa crypto/ed25519 crypto/rsa \
	$(addprefix crypto/internal/fips140/,ecdh ecdsa ed25519 mlkem nistec rsa) \
	encoding/asn1 encoding/json encoding/xml fmt html internal/profile log/slog math/big mime net regexp/syntax \
	encoding/base64 encoding/csv encoding/hex encoding/pem os path reflect runtime/pprof text
FLAGS   := -trimpath $(COLD:%=-gcflags=%/...=-l) -gcflags=github.com/penstock/penstock/agent=-l \
	-ldflags "-s -w -X main.version=$(VERSION)"
# Tests wait most of the time, so that more of them run at once than there are processors.
BESIDE  := -p 3 -parallel 4
PACKAGES ?= ./...

.PHONY: build wasm share release image notice test slowest race integration bench size demo lint release-check vulncheck fuzz clean

build:
	@echo build $(BIN) $(VERSION)
	@CGO_ENABLED=0 $(GO) build $(FLAGS) -o $(BIN) ./cmd/penstock

# The same with modules of WebAssembly, whose compiler is 2.5 MB: penstock-wasm of a release.
wasm:
	@echo build $(BIN)-wasm $(VERSION)
	@CGO_ENABLED=0 $(GO) build -tags wasm_filter -gcflags=github.com/tetratelabs/wazero/...=-l \
		$(FLAGS) -o $(BIN)-wasm ./cmd/penstock

# Man pages and completions, where packages have them below /usr/share.
share: build
	rm -rf bin/share
	$(BIN) help --man bin/share/man && gzip -9n bin/share/man/*/*
	mkdir -p $(addprefix bin/share/,bash-completion/completions fish/vendor_completions.d) \
		$(addprefix bin/share/zsh/,site-functions vendor-completions) # RHEL and Debian
	$(BIN) completion bash > bin/share/bash-completion/completions/penstock
	for at in bin/share/zsh/*; do $(BIN) completion zsh > $$at/_penstock; done
	$(BIN) completion fish > bin/share/fish/vendor_completions.d/penstock.fish

# What is published, below bin/release: programs, packages, an image, bills of materials, checksums.
# Each program is made twice, from two directories, and compared. Needs a tree without changes.
release:
	$(GO) run ./.ci/release $(RELEASE)

# An image for this machine's architecture, without a daemon: docker load -i bin/image.tar
image: build
	$(GO) run ./.ci/release image -binary $(BIN) -arch $$($(GO) env GOARCH) -version $(VERSION)

# NOTICE, from the licences of what is linked.
notice:
	$(GO) run ./.ci/release notice

test:
	$(GO) test $(BESIDE) -timeout 15m ./...
	$(GO) test $(BESIDE) -timeout 15m -tags wasm_filter ./agent/filter/... ./spool/format/decode

# The ten slowest tests of `make test`; fewer packages with PACKAGES="./buffer ./spool/...".
slowest:
	GO=$(GO) bash .ci/slowest $(BESIDE) $(PACKAGES)

race:
	$(GO) test $(RACE) -short -timeout 15m ./...

integration:
	bash .ci/integration

bench: build
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/bench ./cmd/bench
	bin/bench -penstock $(BIN)

# What is in the binary, by section, module and package; kept in bin/size.txt.
size: build
	GO=$(GO) FLAGS='$(COLD:%=-gcflags=%/...=-l)' bash .ci/size $(BIN) | tee bin/size.txt

demo: build
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/demo ./cmd/demo
	bin/demo -penstock $(BIN)

lint:
	$(GO) vet ./...
	$(GO) vet -tags wasm_filter ./agent/filter/... ./spool/format/decode
	bash .ci/lint

# Packages and image in roots of their own, manifests and chart by the types of Kubernetes and by helm, and
# the alert rules by Prometheus's own tool: what they need takes minutes to build, once.
release-check:
	bash .ci/packages
	bash .ci/kubernetes
	[ -x .cache/bin/promtool ] || GOBIN=$(CURDIR)/.cache/bin CGO_ENABLED=0 \
		$(GO) install github.com/prometheus/prometheus/cmd/promtool@v0.316.0
	PENSTOCK_PROMTOOL=$(CURDIR)/.cache/bin/promtool $(GO) test -count=1 -run Alerts ./cmd/penstock/e2e

# Vulnerabilities that are known of what is linked; needs to reach their database.
vulncheck:
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./cmd/penstock

# Each fuzz target for FUZZTIME.
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz'); do \
			echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

clean:
	rm -rf bin .cache
