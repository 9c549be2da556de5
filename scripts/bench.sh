#!/usr/bin/env bash
# Benchmarks: each prints `RESULT <name> value=… unit=… [baseline=… ratio=…] target=… PASS|FAIL`.
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
ONLY="${1:-}"
case "$ONLY" in ''|walk) ;; *) fail "no benchmark group \"$ONLY\": there is walk";; esac
stage "tools" scripts/deps.sh run
stage "build" env QUIET_STAGES=1 scripts/build.sh
stage "bench binary" cargo build --release --quiet -p bench --locked
exec "$CARGO_TARGET_DIR/release/bench" walk --signal "$CARGO_TARGET_DIR/release/signal"
