#!/usr/bin/env bash
# The model that looks at uploads first: installs the npm package that tools/classifier names into the tool
# cache and lets the given `signal` convert it there. Quick when it was done before. Where it cannot be
# installed it says so and succeeds: then people look at every video.
source "$(dirname "$0")/lib.sh"
SIGNAL="${1:?usage: scripts/classifier.sh path/to/signal}"
PACKAGE="$CACHE_DIR/tools/classifier"

without() {
  printf '\033[33mnote:\033[0m %s; a person will approve every video.\n      Run scripts/classifier.sh again, or set moderation.classifier (config/laptop.toml).\n' "$1" >&2
  exit 0
}

package() {
  local lock="$ROOT/tools/classifier/package-lock.json"
  cmp -s "$lock" "$PACKAGE/package-lock.json" && [ -d "$PACKAGE/node_modules/nsfwjs" ] && return 0
  have npm || return 1
  rm -rf "$PACKAGE" && mkdir -p "$PACKAGE" && cp "$ROOT/tools/classifier/"{package.json,.npmrc} "$PACKAGE/" || return 1
  # The lock last: where it stands, the package does.
  ( cd "$PACKAGE" && cp "$lock" package-lock.json && npm install --no-save --no-audit --no-fund --loglevel=error ) \
    || { rm -rf "$PACKAGE"; return 1; }
  cp "$lock" "$PACKAGE/package-lock.json"
}

package || without "the package of the moderation model could not be installed"
"$SIGNAL" classifier "$PACKAGE/node_modules/nsfwjs" || without "the moderation model could not be converted"
