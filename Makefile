# Tabard: one HTTP exchange goes in, one verdict comes out.
# `make` prints the targets. Go and Python 3 are all that is needed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# The build tags of every native build and test, written here and nowhere else;
# engine/tags_test.go proves by behaviour that they are on. no_fs_access keeps
# bodies in memory, so that the binary and the filter run the same Coraza.
TAGS := no_fs_access,coraza.rule.case_sensitive_args_keys,coraza.rule.no_regex_multiline,coraza.rule.mandatory_rule_id_check
# The filter adds Coraza's reduced build (the tag is only a name: the compiler
# is Go's own), which saves Envoy two thirds of the code to compile at its start.
WASM_TAGS := $(TAGS),tinygo
export GOFLAGS := -buildvcs=false -tags=$(TAGS)
# Another GOOS or GOARCH in the environment would reach the tools, too.
unexport GOOS GOARCH
# Packages of the filter that are hardly ever hot are compiled without inlining:
# it saves Envoy 0.15 MB of code to compile at its start.
COLD := fmt regexp/syntax rsc.io/binaryregexp/syntax go.yaml.in/yaml/v3 github.com/tidwall/gjson github.com/corazawaf/coraza/v3/internal/seclang github.com/corazawaf/coraza/v3/internal/actions github.com/corazawaf/coraza/v3/internal/auditlog github.com/corazawaf/coraza/v3/internal/bodyprocessors tabard/engine tabard/engine/jwt tabard/engine/seclang tabard/filter
WASM := GOOS=wasip1 GOARCH=wasm GOFLAGS="-buildvcs=false -tags=$(WASM_TAGS)"

# ENVOY names another Envoy, 1.39 or newer.
ENVOY ?= $(CURDIR)/.tools/envoy
export ENVOY

# The race detector needs a C compiler; without one the tests run all the same.
RACE := $(shell command -v "$$(go env CC 2>/dev/null)" >/dev/null 2>&1 && echo -race)
# What needs a process, a socket or Envoy is in e2e; the rest is native.
NATIVE = $(shell go list ./... | grep -v '^tabard/e2e')

help: ## Print the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: dist/tabard dist/tabard.wasm dist/playground.wasm dist/tabard-beam ## Build dist/tabard, dist/tabard.wasm, dist/playground.wasm and dist/tabard-beam.

# Go knows best what has changed, so both are always asked for.
dist/tabard: FORCE
	go build -trimpath -o $@ ./cmd/tabard

# A module of its own: RATIONALE.md says why. Its go.mod follows the one above.
dist/tabard-beam: FORCE
	cd tools/beam && go build -mod=mod -trimpath -o $(CURDIR)/$@ .

# The three modules for Envoy: the filter; one whose engine fails on demand, for
# e2e; one without an engine, for the benchmark. The overlay keeps net/http and
# its cryptography out of them.
dist/tabard.wasm: MAIN := ./filter/wasm
dist/e2e/breaking.wasm: MAIN := ./e2e/breaking
dist/bench/headers.wasm: MAIN := ./tools/bench/headers
dist/tabard.wasm dist/e2e/breaking.wasm dist/bench/headers.wasm: dist/overlay.json FORCE
	$(WASM) go build -overlay dist/overlay.json -trimpath -ldflags="-s -w" $(COLD:%=-gcflags=%=-l) -buildmode=c-shared -o $@ $(MAIN)

# The engine of the playground's page. RATIONALE.md says why without overlay.
dist/playground.wasm: FORCE
	$(WASM) go build -trimpath -ldflags="-s -w" -buildmode=c-shared -o $@ ./internal/playground/wasm

dist/overlay.json: FORCE
	go run ./tools/overlay $@

# What compiles CRS for each of 70 mistakes shares nothing between goroutines:
# with the race detector it would take ten minutes.
SLOW := MistakesOfTheCompiler
test: build dist/e2e/breaking.wasm $(ENVOY) ## Run every test: native ones with the race detector, e2e with a real Envoy.
	@test -n "$(RACE)" || echo "no C compiler found: the tests run without the race detector"
	go test $(RACE) -timeout 20m -skip '$(SLOW)' $(NATIVE)
	cd tools/beam && go test -timeout 20m ./...
	TABARD_DIFFERENTIAL_SECONDS=180 go test -count=1 -timeout 20m -run 'Differential$$|$(SLOW)' -v ./engine/screen
	go test -count=1 -timeout 20m ./e2e/...

# SECONDS_LONG is how long `make differential` compares.
SECONDS_LONG ?= 1200
differential: ## Compare the fast path with plain Coraza for 20 minutes (SECONDS_LONG=n), with a fresh seed.
	TABARD_DIFFERENTIAL_SECONDS=$(SECONDS_LONG) go test -count=1 -timeout 2h -run 'Differential$$' -v ./engine/screen

e2e: build dist/e2e/breaking.wasm $(ENVOY) ## Run the tests that need a real Envoy; RUN=name picks some.
	go test -count=1 -timeout 20m -v $(if $(RUN),-run '$(RUN)') ./e2e/...

bench: build dist/bench/headers.wasm $(ENVOY) ## Measure Envoy alone and with the filter on this machine; ARGS='-rounds 3' and so on.
	go run ./tools/bench $(ARGS)
	go test -run '^$$' -bench . ./engine/ipset

golden: build dist/e2e/breaking.wasm $(ENVOY) ## Rewrite the golden files; then read the diff.
	UPDATE_GOLDEN=1 go test -count=1 ./...

generate: ## Rewrite the generated files.
	go generate ./...

demo: build $(ENVOY) ## Start Envoy with the filter, play requests and attacks, print a table.
	go run ./tools/demo

run: build $(ENVOY) ## The same, but stay up and print curl lines to try.
	go run ./tools/demo -stay

check: check-format check-vet check-lint check-dead check-tidy check-generated check-arch check-rules ## Everything that needs no test run.

check-format: ## gofmt has nothing to say.
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	test -z "$$unformatted" || { echo "not formatted (gofmt -w them):"; echo "$$unformatted"; exit 1; }

check-vet: ## go vet, native and for the filter.
	go vet ./...
	$(WASM) go vet ./engine/... ./rules/... ./filter/... ./e2e/breaking ./tools/bench/headers ./internal/playground/wasm

check-lint: .tools/staticcheck ## staticcheck, native and for the filter.
	.tools/staticcheck ./...
	$(WASM) .tools/staticcheck ./filter/... ./e2e/breaking ./tools/bench/headers ./internal/playground/wasm

check-dead: .tools/deadcode ## No function that nothing calls, tests included.
	@dead=$$(.tools/deadcode -test ./...); test -z "$$dead" || { echo "$$dead"; exit 1; }

check-tidy: ## go.mod and go.sum say what the code needs.
	go mod tidy -diff
	cd tools/beam && go mod tidy -diff

check-generated: ## The generated files are what make generate writes.
	@state() { git status --porcelain; git diff; }; before=$$(state); \
	$(MAKE) --no-print-directory generate; \
	test "$$before" = "$$(state)" || { git status --short; \
	echo "generated files were out of date: commit what make generate has written"; exit 1; }

check-arch: ## The layout is what the design says.
	go test -count=1 ./internal/arch

check-rules: ## Our rules are laid out by tabard fmt, and tabard check has nothing against them.
	go test -count=1 -run OurOwnRules ./internal/format ./internal/lint

# Development tools, each pinned in a module of its own.
.tools/%: tools/%/go.mod
	cd tools/$* && export GOFLAGS=-buildvcs=false && go build -o $(CURDIR)/$@ $$(go list tool)

$(CURDIR)/.tools/envoy: tools/envoy/requirements.txt tools/envoy/install.sh
	sh tools/envoy/install.sh $@

clean: ## Remove what was built and fetched.
	rm -rf dist .tools

FORCE:
.PHONY: help build test differential e2e bench golden generate demo run check check-format check-vet check-lint \
	check-dead check-tidy check-generated check-arch check-rules clean FORCE
