#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds regal, the linter of Rego, at the version below into a cache folder outside the repository; needs Go. Prints the
# binary's path.
set -eu
version=v0.39.0
folder=${XDG_CACHE_HOME:-$HOME/.cache}/commons-gateway/bin
if [ -x "$folder/regal-$version" ]; then
    echo "$folder/regal-$version"
    exit 0
fi
if ! command -v go >/dev/null; then
    echo "Go is needed to build regal $version: install it" >&2
    exit 1
fi
echo "Building regal $version into $folder; this happens once." >&2
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
cd "$made"
# A module of its own, since `go install` asks for the list of versions first, which not every mirror has. Go's module
# proxy and its checksum database vouch for the source; -trimpath keeps paths of this machine out.
printf 'module build\n\ngo 1.26\n\nrequire github.com/open-policy-agent/regal %s\n' "$version" >go.mod
GOFLAGS=-mod=mod go build -trimpath -o regal github.com/open-policy-agent/regal
mkdir -p "$folder"
mv regal "$folder/regal-$version"
echo "$folder/regal-$version"
