#!/usr/bin/env bash
# ONNX Runtime, which judges a frame in a third of the CPU (ADR 0021): the library inside its PyPI wheel, put into the tool
# cache and loaded from there, never part of what we ship. Quick when it was done before. Where it cannot be installed
# it says so and succeeds: then rten, which is part of the program, judges.
source "$(dirname "$0")/lib.sh"
VERSION=1.32.0
WHEEL_SHA256=5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d
TARGET="$CACHE_DIR/tools/onnxruntime"

without() {
  printf "\033[33mnote:\033[0m %s.\n      rten judges frames, in three times the CPU. Run scripts/onnxruntime.sh again to mend that.\n" "$1" >&2
  exit 0
}

[ -f "$TARGET/libonnxruntime.so" ] && [ "$(cat "$TARGET/version" 2>/dev/null)" = "$VERSION" ] && exit 0
[ "$(uname -sm)" = "Linux x86_64" ] || without "there is no ONNX Runtime for $(uname -sm) here"
"$ROOT/scripts/deps.sh" python || without "python3 with venv is missing, which installs ONNX Runtime"
work="$(mktemp -d "$CACHE_DIR/onnxruntime.XXXXXX")"
trap 'rm -rf "$work"' EXIT
wheel_member "$work" onnxruntime "$VERSION" "$WHEEL_SHA256" onnxruntime/capi/libonnxruntime.so \
  || without "the package onnxruntime $VERSION could not be installed"
mkdir -p "$TARGET"
mv "$work/member" "$TARGET/libonnxruntime.so"
printf '%s' "$VERSION" >"$TARGET/version"
