#!/usr/bin/env bash
# Quick checks before a commit.
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
stage "format" cargo fmt --all --check
stage "house rules" cargo test --quiet -p xtask --locked
stage "lints" cargo clippy --quiet --workspace --all-targets --locked -- -D warnings
if [ -d clients/web/node_modules ]; then stage "web types" npm --prefix clients/web run --silent typecheck; fi
stages
