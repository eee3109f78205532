#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds `fsck` of Tessera at the version below into a cache folder outside the repository; needs Go. It derives every
# tile and the root of a log again from its entries, and was written by others. Prints the binary's path.
set -eu
version=v1.0.4
folder=${XDG_CACHE_HOME:-$HOME/.cache}/commons-gateway/bin
if [ -x "$folder/tessera-fsck-$version" ]; then
    echo "$folder/tessera-fsck-$version"
    exit 0
fi
if ! command -v go >/dev/null; then
    echo "Go is needed to build fsck of Tessera $version: install it" >&2
    exit 1
fi
echo "Building fsck of Tessera $version into $folder; this happens once." >&2
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
# Go's module proxy and its checksum database vouch for the source; GOFLAGS keeps paths of this machine out.
GOBIN=$made GOFLAGS=-trimpath go install "github.com/transparency-dev/tessera/cmd/fsck@$version"
mkdir -p "$folder"
mv "$made/fsck" "$folder/tessera-fsck-$version"
echo "$folder/tessera-fsck-$version"
