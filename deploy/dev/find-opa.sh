#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the path of OPA: COMMONS_OPA, else the PATH, else the cache folder of install-opa.sh. Exit 1: none.
cached=${XDG_CACHE_HOME:-$HOME/.cache}/commons-gateway/bin/opa
if [ -n "${COMMONS_OPA:-}" ]; then
    echo "$COMMONS_OPA"
elif ! command -v opa; then
    [ -x "$cached" ] && echo "$cached"
fi
