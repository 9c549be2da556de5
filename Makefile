# Signal Video. `make help` lists what there is.
#
# Build artefacts live outside the checkout, so that a fresh clone builds warm.
CACHE_DIR        ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/signal-video
CARGO_TARGET_DIR ?= $(CACHE_DIR)/target
DATA_DIR         ?= $(or $(XDG_DATA_HOME),$(HOME)/.local/share)/signal-video
export CACHE_DIR CARGO_TARGET_DIR DATA_DIR

SIGNAL := $(CARGO_TARGET_DIR)/release/signal

.DEFAULT_GOAL := help
.PHONY: help up build deps test check players bench clean

help: ## List the targets
	@echo "Signal Video"; echo
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "  make up ARGS='--port 9090'    passes flags to 'signal up'"
	@echo "  make bench ONLY=walk          runs one group of benchmarks"

up: ## Install what is missing, build, start the whole product and print its address
	@scripts/up.sh $(ARGS)

build: ## Build the web client and the release binary
	@scripts/build.sh

deps: ## Install what building and running need (Debian, Ubuntu)
	@scripts/deps.sh run

test: ## Run every test: tidy, unit, conformance, media, browser
	@scripts/test.sh

check: ## Quick checks: format, clippy, arrows, web types
	@scripts/check.sh

players: ## Play every sample clip in hls.js and Shaka in Chromium (ONLY=name)
	@scripts/players.sh "$(ONLY)"

bench: ## Run benchmarks and print RESULT lines (ONLY=walk|stores|media)
	@scripts/bench.sh "$(ONLY)"

clean: ## Remove the build cache (never data)
	rm -rf "$(CACHE_DIR)"
