#!/usr/bin/env bash
# A newer ffmpeg than most systems have, and with libvmaf (ADR 0020, 0013): the one inside the PyPI wheel
# imageio-ffmpeg, put into the tool cache and run from there, never part of what we ship. Quick when it was done before.
# Where it cannot be installed it says so and succeeds: then the system's encodes, and quality is measured as SSIM.
source "$(dirname "$0")/lib.sh"
FFMPEG="$CACHE_DIR/tools/ffmpeg/ffmpeg"

without() {
  printf "\033[33mnote:\033[0m %s.\n      The system's ffmpeg encodes, an eighth slower, and quality is measured as SSIM instead of VMAF.\n      Run scripts/ffmpeg.sh again to mend that.\n" "$1" >&2
  exit 0
}

from_wheel "$FFMPEG" imageio-ffmpeg 0.8.1 050d6850601c3b3890bd2b28306f3b842b3daea390a561101174375a1c460bda \
  imageio_ffmpeg/binaries/ffmpeg- || without "$WHY"
"$FFMPEG" -hide_banner -filters 2>/dev/null | grep libvmaf >/dev/null && exit 0
rm -f "$FFMPEG"
without "the ffmpeg of imageio-ffmpeg does not run here, or has no libvmaf"
