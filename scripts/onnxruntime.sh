#!/usr/bin/env bash
# ONNX Runtime, which judges a frame in a third of the CPU (ADR 0021): the library inside its PyPI wheel, put into the tool
# cache and loaded from there, never part of what we ship. Quick when it was done before. Where it cannot be installed
# it says so and succeeds: then rten, which is part of the program, judges.
source "$(dirname "$0")/lib.sh"

without() {
  printf "\033[33mnote:\033[0m %s.\n      rten judges frames, in three times the CPU. Run scripts/onnxruntime.sh again to mend that.\n" "$1" >&2
  exit 0
}

from_wheel "$CACHE_DIR/tools/onnxruntime/libonnxruntime.so" onnxruntime 1.32.0 \
  5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d onnxruntime/capi/libonnxruntime.so || without "$WHY"
