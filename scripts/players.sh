#!/usr/bin/env bash
# Plays every sample clip that must publish in hls.js and Shaka in Chromium, and every packaging option; with a name,
# only what has it in its own (`make players ONLY=bee`). Installs what that needs.
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
scripts/deps.sh test && web_packages && npm_tools players && cargo build --quiet -p signal --locked || fail "the players cannot be set up"
exec node tests/e2e/players.mjs ${1:+--only "$1"}
