#!/usr/bin/env bash
# Installs what building, running (run) and testing (test) need, what scripts in Python need (python), and the
# stand-ins for cloud services that tests talk to (doubles; the Python ones are installed by test.sh). Debian
# and Ubuntu are the reference; elsewhere it says what is missing and stops.
source "$(dirname "$0")/lib.sh"
WHAT="${1:-run}"

missing_python() { have python3 || echo "python3"; python3 -c 'import venv, ensurepip' 2>/dev/null || echo "python3-venv"; }

missing_tools() {
  if [ "$WHAT" = python ]; then missing_python; return; fi
  have cc || echo "gcc"; have make || echo "make"; have pkg-config || echo "pkg-config"; have curl || echo "curl"
  have ffmpeg && have ffprobe || echo "ffmpeg"
  have node && [ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 18' 2>/dev/null)" = true ] || echo "nodejs"
  have npm || echo "npm"
  if [ "$WHAT" = test ]; then
    have chromium || have chromium-browser || echo "chromium"
    missing_python
  fi
}

install_rust() {
  have cargo && return 0
  [ -x "$HOME/.cargo/bin/cargo" ] && { export PATH="$HOME/.cargo/bin:$PATH"; return 0; }
  fail "Rust is missing. Install it from https://rustup.rs (stable, 1.94 or newer), then run this again."
}

# Built beside the product's own build, once a version: cargo's list says which (the program's word is stale).
install_doubles() {
  local version=3.2.0 root="$CACHE_DIR/tools" built="$CACHE_DIR/tools/build"
  [ -x "$root/bin/dynoxide" ] && grep -qsF "\"dynoxide-rs $version " "$root/.crates.toml" && return 0
  say "building dynoxide $version, once"
  CARGO_TARGET_DIR="$built" cargo install dynoxide-rs --version "$version" --locked --quiet --force \
    --no-default-features --features native-sqlite,http-server,cli --root "$root"
  rm -rf "$built"
}

[ "$WHAT" = python ] || install_rust
if [ "$WHAT" = doubles ]; then install_doubles; exit 0; fi
need="$(missing_tools | sort -u | tr '\n' ' ')"
if [ -n "${need// /}" ]; then
  have apt-get || fail "missing: $need. This script installs them on Debian and Ubuntu only; install them with your package manager and run this again."
  sudo=""; [ "$(id -u)" -eq 0 ] || { have sudo && sudo=sudo || fail "missing: $need. Run as root, or install them by hand."; }
  say "installing $need"
  log="$CACHE_DIR/apt.log"
  { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need; } \
    >"$log" 2>&1 || { tail -20 "$log" >&2; fail "installing $need did not work (log: $log)"; }
fi
