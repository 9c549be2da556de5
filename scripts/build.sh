#!/usr/bin/env bash
# Builds the web client (only when its sources changed) and the release binary that carries it; `web` stops
# before the binary.
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

web() {
  local stamp="$ROOT/clients/web/dist/.stamp" now
  now="$(cd clients/web && find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -print0 \
        | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then echo "    web client unchanged"; return 0; fi
  web_packages || return 1
  ( cd clients/web && npm run build --silent ) || return 1
  printf '%s' "$now" > "$stamp"
}

binary() { cargo build --release -p signal --locked; }

stage "web client" web
[ "${1:-}" = web ] || stage "signal (release build)" binary
[ "${QUIET_STAGES:-}" = 1 ] || stages
