# stepup: what there is to do. `make help` lists it.
#
# `make run` and `make test` do all their own set-up; Go, git, make and openssl are all
# they need.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS   += --no-print-directory

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GOBUILD  := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'
OPA      := go tool opa
FUZZTIME ?= 3s
LISTEN   ?=

.PHONY: bench bundles help run demo build test check format lint vulnerabilities policies go-test fuzz fuzz-long soak docs clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## start the sidecar with the demonstration policy and print curl lines to try
	@exec bin/stepup serve --dev

build: ## build bin/stepup, a static binary
	@[ -e bin/stepup ] || echo "building bin/stepup: the first time, Go fetches and compiles all libraries, which takes a minute or a few" >&2
	@$(GOBUILD) -o bin/stepup ./cmd/stepup

test: ## run every test; sets itself up. What fails keeps nothing else from being run
	@$(MAKE) -k check policies go-test fuzz
	@echo "all tests passed"

check: format lint vulnerabilities ## formatting, vet, staticcheck, known vulnerabilities

format:
	@.ci/format

lint:
	@echo "== go vet, staticcheck"
	@go vet ./...
	@go tool staticcheck ./...

vulnerabilities:
	@.ci/vulnerabilities

policies: ## check, format and test the Rego tree with the stock opa
	@echo "== opa: fmt, check, test"
	@$(OPA) fmt --fail -l policies testdata cmd
	@$(OPA) check --strict --schema policies/schemas policies
	@for folder in testdata/policies/*/ cmd/stepup/demo_id_token; do $(OPA) check --strict --schema policies/schemas $$folder; done
	@$(OPA) test policies --coverage --threshold 100 >/dev/null || $(OPA) test policies -v
	@$(OPA) test policies cases:testdata/cases

go-test: build ## go test with the race detector
	@.ci/go-test

fuzz: ## a short run of every fuzz target (FUZZTIME each)
	@.ci/fuzz $(FUZZTIME)

fuzz-long: ## ten minutes of every fuzz target
	@.ci/fuzz 10m

soak: ## minutes of random policies, lives of the caches and questions to all doors, from new seeds
	@DERIVE_SEED=random DERIVE_POLICIES=3000 go test -count 1 -timeout 60m -v -run 'TestProof|TestAnswersLast|TestOracleAgreesWithOPA|TestRequirementsAre' ./sidecar/derive
	@KEPT_SEED=random KEPT_LIVES=60 go test -count 1 -timeout 60m -v -run TestKeptEqualsFresh ./sidecar/pdp
	@DOORS_SEED=random DOORS_QUESTIONS=10000 go test -count 1 -timeout 60m -v -run TestDoorsAgree ./sidecar

BENCH_SECONDS ?= 1
BENCH_ROWS    ?=

bench: ## measure against the limit and OPA's server, into docs/benchmarks.md; BENCH_ROWS=hot,cold prints some
	@go run ./sidecar/bench -seconds $(BENCH_SECONDS) -rows "$(BENCH_ROWS)" -page docs/benchmarks.md

bundles: ## build, sign and check the bundles of bundles/, into bin/bundles
	@.ci/bundles

demo: build ## the Fabrikam Intranet in a browser, complete on this machine
	@exec bin/stepup demo

docs: ## make the generated pages anew
	@go test ./sidecar/config -run TestReferenceIsThePage -update
	@go test ./docs -run "TestReasons|TestMetrics" -update
	@go test ./cmd/stepup -run TestDemoInBrowser -update

clean: ## remove what was built
	@rm -rf bin test-output
