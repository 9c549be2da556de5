#!/usr/bin/env bash
# Benchmarks: each prints `RESULT <name> value=… unit=… [baseline=… ratio=…] target=… PASS|FAIL`. What could not
# be measured is a failure, too; ALLOW_SKIP=1 lets it pass.
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
ONLY="${1:-}"
bench() {
  local may=(); [ "${ALLOW_SKIP:-0}" != 1 ] || may=(--allow-skip)
  "$CARGO_TARGET_DIR/release/bench" "$@" --signal "$CARGO_TARGET_DIR/release/signal" ${may[@]+"${may[@]}"}
}

# Seconds of a check from nothing, in a directory of its own.
cold_check() {
  local dir start end ok=0; dir="$(mktemp -d)"
  start=$(date +%s)
  CARGO_TARGET_DIR="$dir" cargo check --quiet --locked "$@" >&2 || ok=1
  end=$(date +%s)
  rm -rf "$dir"
  echo $((end - start))
  return "$ok"
}

walk() {
  stage "build" env QUIET_STAGES=1 scripts/build.sh
  stage "bench binary" cargo build --release --quiet -p bench --locked
  bench walk
}

stores() {
  stage "doubles" scripts/deps.sh doubles
  QUIET_STAGES=1 scripts/build.sh web
  stage "build with AWS engines" cargo build --release --quiet --locked -p signal -p bench --features signal/aws,bench/aws
  bench stores --dynoxide "$CACHE_DIR/tools/bin/dynoxide" || STATUS=1
  aws_crates
  [ "${COLD_CHECK:-1}" = 1 ] || return 0
  say "cold checks (COLD_CHECK=0 leaves them out)"
  local plain with
  plain=$(cold_check) && with=$(cold_check --features signal/aws,bench/aws) || fail "a cold check failed"
  local word=PASS; [ "$plain" -lt "$with" ] || { word=FAIL; STATUS=1; }
  echo "RESULT cold_check_of_default_members value=$plain unit=s baseline=$with target=<baseline $word (baseline: with the AWS engines)"
}

# A plain build compiles no crate of AWS's SDK: two times, which the machine moves, prove that less well.
aws_crates() {
  local tree crates with word=PASS
  tree=$(cargo tree --quiet --locked --prefix none --edges normal,build,dev) || fail "cargo tree failed"
  with=$(cargo tree --quiet --locked --prefix none --edges normal,build,dev --features signal/aws,bench/aws) || fail "cargo tree failed"
  count() { grep -oE '^aws-[a-z0-9-]+' | sort -u | wc -l; }
  crates=$(count <<<"$tree" || true); with=$(count <<<"$with" || true)
  # Without any on the other side, either the question was wrong or the features are.
  [ "$crates" -eq 0 ] && [ "$with" -gt 0 ] || { word=FAIL; STATUS=1; }
  echo "RESULT aws_sdk_crates_of_default_members value=$crates unit=crates target=<=0 $word ($with with the AWS engines)"
}

# Cost, quality and what every clip keeps; PART=cost|facts|classifier|quality|delivered|speed does one.
media() {
  stage "build" env QUIET_STAGES=1 scripts/build.sh
  stage "ONNX Runtime" scripts/onnxruntime.sh
  stage "classifier" scripts/classifier.sh "$CARGO_TARGET_DIR/release/signal"
  stage "ffmpeg" scripts/ffmpeg.sh
  stage "bench binary" cargo build --release --quiet -p bench --locked
  bench media ${PART:+--part "$PART"}
}

STATUS=0
stage "tools" scripts/deps.sh run
case "$ONLY" in
  '') walk || STATUS=1; stores; media || STATUS=1 ;;
  walk) walk || STATUS=1 ;;
  stores) stores ;;
  media) media || STATUS=1 ;;
  *) fail "no benchmark group \"$ONLY\": there are walk, stores and media" ;;
esac
exit "$STATUS"
