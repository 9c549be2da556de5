#!/usr/bin/env bash
# The one test command. Installs what it needs, then: house rules, format, lints, Rust tests (unit,
# conformance, media, crash), the web client, and the whole product in a real browser.
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

python_tools() {
  local venv="$CACHE_DIR/venv"
  # What is asked is whether they run: an environment from another place or interpreter may not.
  whole() { { "$venv/bin/python" -c 'import boto3, m3u8' && "$venv/bin/moto_server" --help; } >/dev/null 2>&1; }
  whole && return 0
  rm -rf "$venv" && python3 -m venv "$venv" \
    && "$venv/bin/pip" install --quiet --disable-pip-version-check boto3 'moto[server]>=5.2,<6' 'm3u8==6.0.0' && whole
}
web_checks() { ( cd clients/web && npm run --silent typecheck && npm test --silent && npm run --silent build && npm run --silent size ); }
format()     { cargo fmt --all --check; }
# And once more what only a build with the AWS engines compiles.
lints() {
  cargo clippy --quiet --workspace --all-targets --locked -- -D warnings \
    && cargo clippy --quiet -p signal -p bench --all-targets --features signal/aws,bench/aws --locked -- -D warnings
}
compile()    { cargo test --workspace --locked --no-run --quiet; }
classifier() { cargo build --quiet -p signal --locked && scripts/classifier.sh "$CARGO_TARGET_DIR/debug/signal"; }
# What failed is said once more at the end, where a log cut short still shows it.
cargo_tests() {
  local log="$CACHE_DIR/rust-tests.log"
  cargo test --workspace --locked --no-fail-fast --quiet 2>&1 | tee "$log" && return 0
  say "what failed, and the first words of each"
  awk '/^---- .* ----$/ { print; left = 3; next } /^error: test failed/ { print; next }
       left > 0 && NF { print "    " substr($0, 1, 240); left-- }' "$log" | tail -n 80
  return 1
}
# And packages, as readers by other people read them.
rust_tests() { cargo_tests && npm_tools playlists && node tests/outside/playlists.mjs; }
# What reads hostile files is another program after `make up`.
media_again() {
  local dir="$CACHE_DIR/tools/ffmpeg"
  [ -x "$dir/ffmpeg" ] || { echo "skipped: the newer ffmpeg could not be installed here"; return 0; }
  PATH="$dir:$PATH" cargo test --quiet -p ffmpeg --locked --no-fail-fast --test hostile --test damage --test media_table
}
media_requests() { python tests/outside/aws_media.py && python tests/outside/aws_vision.py; }
aws_engines() {
  cargo test --quiet -p signal --features aws --locked --lib --test aws_start --test aws_identity \
    && cargo build --quiet -p signal --features aws --locked \
    && AFTER='python tests/outside/aws_tables.py' node tests/e2e/local-aws.mjs
}
# A few clips; `make players` plays all of them.
players()    { npm_tools players && cargo build --quiet -p signal --locked && node tests/e2e/players.mjs --short; }
browser()    { cargo build --quiet -p signal --locked && node tests/e2e/walk.mjs; }

export PATH="$CACHE_DIR/venv/bin:$PATH"
# A double that is missing is a failure here, not a skipped test.
export SIGNAL_TEST_REQUIRE=dynamodb,s3,sqs,oidc
stage "room on the disk" room_to_build 14
stage "tools" scripts/deps.sh test
stage "python tools (boto3, moto, m3u8)" python_tools
stage "doubles" scripts/deps.sh doubles
stage "web packages" web_packages
stage "web client: types, unit tests, build, size" web_checks
stage "format" format
stage "lints" lints
stage "compile tests" compile
stage "ONNX Runtime" scripts/onnxruntime.sh
stage "classifier" classifier
stage "ffmpeg" scripts/ffmpeg.sh
stage "rust tests" rust_tests
stage "media engine on the newer ffmpeg" media_again
stage "requests to MediaConvert against its model" media_requests
stage "browser: packages in hls.js and Shaka" players
stage "browser: the whole product" browser
stage "browser: the whole product on AWS engines" aws_engines
stages
echo "all stages: ${#STAGE_NAMES[@]} passed, 0 failed"
