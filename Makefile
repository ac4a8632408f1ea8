export CGO_ENABLED := 0
# Everything is compiled alike, so that what one target has compiled serves the others:
# without the web pages of gRPC's tracing and the manual pages of the command line library,
# of which nothing is used and which every process would map and initialise.
TAGS     := grpcnotrace,urfave_cli_no_docs
export GOFLAGS := $(strip $(shell go env GOFLAGS 2>/dev/null) -trimpath -tags=$(TAGS))
COMMIT   := $(shell git describe --always --dirty --abbrev=12 2>/dev/null)
LDFLAGS  := -s -w -X main.commit=$(COMMIT)
GOBUILD  := go build -buildvcs=false
PLUGINS  := $(patsubst plugins/%/main.go,%,$(wildcard plugins/*/main.go))
FUZZTIME ?= 10s

ifneq ($(filter-out help clean,$(or $(MAKECMDGOALS),help)),)
ifneq ($(shell .ci/check-go && echo fine),fine)
$(error Go is missing)
endif
endif

.PHONY: $(shell grep -hoE '^[a-z-]+:' $(firstword $(MAKEFILE_LIST)) | tr -d :)
help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

build: ## bin/proofline with its keeper, bin/plugins/* and their plugins.lock
	$(GOBUILD) -ldflags '-s -w' -o bin/ ./cmd/proofline-keeper
	$(GOBUILD) -ldflags "$(LDFLAGS) -X github.com/proofline/proofline/host/keeper.digest=$$(sha256sum bin/proofline-keeper | cut -c1-64)" -o bin/ ./cmd/proofline
	$(GOBUILD) -ldflags '$(LDFLAGS)' -o bin/plugins/ $(PLUGINS:%=./plugins/%)
	bin/proofline plugins lock bin/plugins

run: build ## five blocks through the pipeline of pipeline.yaml; needs no node, GPU or account
	bin/proofline run --blocks 5

test: ## vet and all tests
	go vet ./...
	go test -vet=off -p 3 -timeout 25m ./...

long: ## 500 blocks through a pipeline: memory and open files stay flat; and whole what "make test" takes samples of
	PROOFLINE_LONG=1 go test -v -count=1 -timeout 30m -run '^Test(Long|ForkDay|TwoProversForOneBlock|ShadowIsComparedAndNotReported|SwappedProvers|AuthorsPath)$$' ./cmd/proofline/e2e
	PROOFLINE_LONG=1 go test -count=1 -timeout 30m ./host ./host/checkpoint ./plugins/prover-zisk/prover ./sdk/sdktest ./plugins/builder-stateless-input/input

race: ## all tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -timeout 30m ./...

lint: bin/tools/staticcheck ## gofmt, vet, staticcheck; every mutation fits the source
	@files=$$(git ls-files '*.go' | xargs gofmt -l); test -z "$$files" || { echo "gofmt would change:" $$files; exit 1; }
	go vet ./...
	bin/tools/staticcheck ./...
	go -C .ci/tools run ./mutate -check $(CURDIR) $(abspath $(wildcard .ci/mutations/*.txt))

bin/tools/staticcheck: .ci/tools/go.mod
	go -C .ci/tools build -o $(CURDIR)/bin/tools/ honnef.co/go/tools/cmd/staticcheck

test-browser: ## the dashboard in a headless Chromium; SHOTS=DIR keeps pictures of it, MINUTES=10 watches its memory for so long, AXE=axe.min.js runs axe-core
	PROOFLINE_BROWSER=1 PROOFLINE_SHOTS=$(SHOTS) PROOFLINE_AXE=$(abspath $(AXE)) PROOFLINE_BROWSER_MINUTES=$(MINUTES) go test -count=1 -v -timeout 30m ./host/monitor

ROUNDS ?= 200
chaos: ## ROUNDS=200 kills at random moments; SEED=… repeats the choices of an earlier campaign
	PROOFLINE_CHAOS_SEED=$(or $(SEED),1) PROOFLINE_CHAOS_ROUNDS=$(ROUNDS) go test -count=1 -v -timeout 2h -run '^TestChaos$$' ./cmd/proofline/e2e

crash: ## the whole crash matrix: the host is killed at every named moment, at its first and at a later occurrence
	PROOFLINE_CRASH_MATRIX=whole go test -count=1 -timeout 30m -run '^TestCrash' ./cmd/proofline/e2e

BLOCKS ?= 500
campaign-reports: ## BLOCKS=500 reported to two clusters, 40 % faulty replies, host and reporters killed; at most 20 minutes; SEED=… as above
	PROOFLINE_CHAOS_SEED=$(or $(SEED),1) PROOFLINE_REPORTS_BLOCKS=$(BLOCKS) go test -count=1 -v -timeout 20m -run '^TestReporting$$' ./cmd/proofline/e2e

test-ethproofs: ## the reporter against the server of PROOFLINE_ETHPROOFS_URL, _KEY and _CLUSTER; reads every row and proof back
	go test -count=1 -short -v -timeout 60m ./plugins/reporter-ethproofs/delivery

proto: ## the Go code of sdk/proto
	go -C .ci/tools run ./genproto $(CURDIR)/sdk/proto
	go -C .ci/tools run ./genproto $(CURDIR)/plugins/prover-zisk-cluster/proto
	go -C .ci/tools run ./genproto $(CURDIR)/plugins/prover-ere/proto

# Go would spend a minute on making each interesting input smaller, and hardly fuzz.
fuzz: ## every fuzz target for FUZZTIME (default 10s)
	@grep -rEo --include='*_test.go' '^func Fuzz\w+' cmd host plugins sdk | while IFS=: read -r file name; do \
		echo "$$file $$name"; go test -run '^$$' -fuzz "^$${name#func }$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s ./$$(dirname $$file) || exit 1; done

bench: ## what matters of speed and size, one line a figure beside its limit: a quarter of an hour; JSON=FILE keeps them, ONLY=REGEXP
	go -C .ci/tools run ./bench $(if $(JSON),-json $(abspath $(JSON))) $(if $(ONLY),-only '$(ONLY)') $(CURDIR)

bench-guard: ## the figures that no busy machine spoils, each against twice its limit or more; fails for a regression
	go -C .ci/tools run ./bench -guard $(CURDIR)

bench-all: ## every benchmark
	go test -run '^$$' -bench . -benchmem ./...

bench-source: ## what the source adds, detection delay, memory of a 500 MB witness
	go test -run '^$$' -bench . -benchtime 1x ./plugins/source-rpc

bench-input: ## time and memory of the input builders beside what they cannot do without, mainnet 24647140
	go test -run '^$$' -bench '^BenchmarkInput$$' -benchtime 1x ./plugins/builder-ethrex
	go test -run '^$$' -bench '^BenchmarkBuild$$' -benchtime 1x ./plugins/builder-stateless-input

SEED  ?= $(shell date +%s)
COUNT ?= 10000
fuzz-ethrex: ## COUNT random inputs from SEED on, compared with the reference writer
	ETHREX_SEED=$(SEED) ETHREX_COUNT=$(COUNT) go test -count=1 -timeout 0 -v -run '^TestAgainstReference$$' ./plugins/builder-ethrex/input

oracle: ## guest inputs read and written by ethrex's published types; needs cargo
	cargo build --locked --manifest-path .ci/tools/oracle/Cargo.toml --target-dir bin/oracle
	ETHREX_ORACLE=$(CURDIR)/bin/oracle/debug/oracle go test -count=1 -v -run '^TestOracle' ./plugins/builder-ethrex/input ./plugins/builder-ethrex/strict

MUTATIONS ?= 10000
mutate-proofs: ## MUTATIONS changes of each ZisK proof, none of which may verify
	PROOFLINE_MUTATIONS=$(MUTATIONS) go test -count=1 -timeout 0 -v -run '^TestMutations$$' ./sdk/zisk/verify

mutate: ## changes of .ci/mutations/*.txt, each of which a test must notice
	go -C .ci/tools run ./mutate $(CURDIR) $(abspath $(wildcard .ci/mutations/*.txt))

cases: build ## the scenes of ../shared/cases, where they are; CASES="01 22" plays those that begin so
	.ci/cases ../shared/cases $(CASES)

bench-engine: ## what a claim costs while 100, 10,000 and 100,000 jobs wait
	go test -run '^$$' -bench '^BenchmarkClaims$$' -benchtime 1x -v ./host/engine

bench-simulate: ## a simulated day of 7,200 blocks in less than 10 s of a processor
	go test -run '^$$' -bench '^BenchmarkDay$$' -benchtime 1x -v ./host/simulate

test-simulate: ## the simulator beside the same doubles in real time, and beside a pipeline of processes: twelve minutes
	PROOFLINE_SIMULATE_REAL=1 go test -count=1 -v -timeout 20m -p 1 -run '^(TestAgreesWithRealTime|TestSimulateAgreesWithAPipeline)$$' ./host/simulate ./cmd/proofline/e2e

bench-verify: ## time of the ZisK verifier beside that of its hash functions alone
	go test -run '^$$' -bench '^Benchmark(Verify|Wire)' ./sdk/zisk/verify

.PHONY: docs test-archive test-docs dist test-deploy test-package
docs: ## host/docs/reference.md anew, from the schemas
	PROOFLINE_DOCS=1 go test -count=1 -run '^TestReference$$' ./cmd/proofline/e2e

test-archive: ## reporter-archive and source-archive against versitygw, an S3 service that checks signatures and digests
	go -C .ci/s3 build -o $(CURDIR)/bin/tools/ github.com/versity/versitygw/cmd/versitygw
	PROOFLINE_S3_SERVER=$(CURDIR)/bin/tools/versitygw go test -count=1 ./plugins/internal/objects ./plugins/reporter-archive ./plugins/source-archive

test-docs: ## what the documentation says, done in a fresh clone
	.ci/test-docs

dist: ## archives, .deb, OCI image layout, bill of materials, checksums: dist/
	go -C .ci/dist build -o $(CURDIR)/bin/tools/dist .
	bin/tools/dist

test-deploy: ## the files of host/deploy against the types and programs that read them
	go -C .ci/dist test ./...
	go test -count=1 ./host/deploy

test-package: ## the .deb in a Debian root: an upgrade in the middle of a block; root, debootstrap; OLD=COMMIT is the older one
	OLD=$(OLD) .ci/test-package

clean: ## removes bin; data and output stay
	rm -rf bin coverage.out
