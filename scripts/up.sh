#!/usr/bin/env bash
# The one run command: install, build, start. Re-running is quick and keeps data.
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
stage "room on the disk" room_to_build 4
stage "tools" scripts/deps.sh run
export QUIET_STAGES=1
source_build() { scripts/build.sh; }
stage "build" source_build
stage "ONNX Runtime" scripts/onnxruntime.sh
stage "classifier" scripts/classifier.sh "$CARGO_TARGET_DIR/release/signal"
stage "ffmpeg" scripts/ffmpeg.sh
say "ready to start"; stages
exec "$CARGO_TARGET_DIR/release/signal" up "$@"
