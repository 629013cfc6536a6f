# What the scripts share; sourced, never run. Sets root and goes there, so paths below are relative.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  bold=$'\033[1m' plain=$'\033[0m'
else
  bold='' plain=''
fi

say() { printf '%s\n' "${bold}==> $*${plain}"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Prints the comment at the head of the calling script: its help.
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

# configure PRESET [CMAKE ARGUMENTS]: the tests are part of the build where cmocka is there.
configure() {
  local preset=$1 tests=OFF launcher=()
  shift
  pkg-config --exists cmocka && tests=ON
  have ccache && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
  cmake --preset "$preset" -DEKSRUN_TESTS="$tests" "${launcher[@]}" ${EKSRUN_LUA:+-DEKSRUN_LUA="$EKSRUN_LUA"} "$@"
}

# The folder of the conformance data, which is never part of the repository. A worktree's data lies
# beside its main checkout.
conformance_data() {
  if [ -n "${EKSRUN_CONFORMANCE:-}" ]; then
    echo "$EKSRUN_CONFORMANCE"
    return
  fi
  local checkout
  checkout=$(dirname "$(git rev-parse --path-format=absolute --git-common-dir 2>/dev/null || echo "$root/.git")")
  echo "$checkout/../shared/conformance"
}
