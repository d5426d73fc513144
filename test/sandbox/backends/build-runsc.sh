#!/bin/sh
# Builds gVisor's runsc for the tests, as an ordinary Go module, into DIRECTORY/runsc. Distributions ship one that is too old
# (Debian 12: of 2022, which fails statx). Usage: build-runsc.sh DIRECTORY. Exit 1, with a reason, where it cannot be built.
set -eu
VERSION=v0.0.0-20260905035102-160fafc42237
directory=$1
[ -x "$directory/runsc" ] && [ "$(cat "$directory/version" 2>/dev/null)" = "$VERSION" ] && exit 0
command -v go >/dev/null 2>&1 || { echo 'runsc is not built: go is not installed' >&2; exit 1; }
mkdir -p "$directory"
build=$(mktemp -d)
trap 'chmod -R u+w "$build"; rm -rf "$build"' EXIT
cd "$build"
export GOPATH="$build/path" GOCACHE="$build/cache" GOFLAGS=-mod=mod CGO_ENABLED=0
{
  go mod init sluice.invalid/runsc &&
    go get "gvisor.dev/gvisor@$VERSION" &&
    go build -o "$directory/runsc.new" gvisor.dev/gvisor/runsc
} >log 2>&1 || { echo "runsc is not built: $(tail -1 log)" >&2; exit 1; }
mv "$directory/runsc.new" "$directory/runsc"
echo "$VERSION" >"$directory/version"
