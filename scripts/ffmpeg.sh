#!/usr/bin/env bash
# A newer ffmpeg than most systems have, and with libvmaf (ADR 0020, 0013): the one inside the PyPI wheel
# imageio-ffmpeg, put into the tool cache and run from there, never part of what we ship. Quick when it was done before.
# Where it cannot be installed it says so and succeeds: then the system's encodes, and quality is measured as SSIM.
source "$(dirname "$0")/lib.sh"
VERSION=0.8.1
WHEEL_SHA256=050d6850601c3b3890bd2b28306f3b842b3daea390a561101174375a1c460bda
TARGET="$CACHE_DIR/tools/ffmpeg"

without() {
  printf "\033[33mnote:\033[0m %s.\n      The system's ffmpeg encodes, an eighth slower, and quality is measured as SSIM instead of VMAF.\n      Run scripts/ffmpeg.sh again to mend that.\n" "$1" >&2
  exit 0
}

[ -x "$TARGET/ffmpeg" ] && [ "$(cat "$TARGET/version" 2>/dev/null)" = "$VERSION" ] && exit 0
[ "$(uname -sm)" = "Linux x86_64" ] || without "there is no newer ffmpeg for $(uname -sm) here"
"$ROOT/scripts/deps.sh" python || without "python3 with venv is missing, which installs a newer ffmpeg"
work="$(mktemp -d "$CACHE_DIR/ffmpeg.XXXXXX")"
trap 'rm -rf "$work"' EXIT
wheel_member "$work" imageio-ffmpeg "$VERSION" "$WHEEL_SHA256" imageio_ffmpeg/binaries/ffmpeg- \
  || without "the package imageio-ffmpeg $VERSION could not be installed"
mkdir -p "$TARGET"
chmod +x "$work/member"
"$work/member" -hide_banner -filters 2>/dev/null | grep libvmaf >/dev/null || without "this ffmpeg has no libvmaf"
mv "$work/member" "$TARGET/ffmpeg"
printf '%s' "$VERSION" >"$TARGET/version"
