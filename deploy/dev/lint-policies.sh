#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `opa fmt`, `opa check --strict` and `regal lint` over policies/. Without OPA it says so; with COMMONS_REQUIRE_ALL=1 it
# fails. Without regal it says so.
set -eu
cd "$(dirname "$0")/../.."
if ! opa=$(sh deploy/dev/find-opa.sh); then
    echo "OPA is absent: policies were not checked (deploy/dev/install-opa.sh builds it with Go)" >&2
    [ "${COMMONS_REQUIRE_ALL:-0}" != 1 ]
    exit
fi
changed=$("$opa" fmt --list policies)
if [ -n "$changed" ]; then
    echo "Not in the form of opa fmt (make format mends it):" "$changed" >&2
    exit 1
fi
"$opa" check --strict --v1-compatible policies
regal=$(ls "${XDG_CACHE_HOME:-$HOME/.cache}"/commons-gateway/bin/regal-v* 2>/dev/null | tail -n 1)
if [ -n "$regal" ]; then
    "$regal" lint --config-file deploy/dev/regal.yaml policies
else
    echo "regal is absent: the style of the rules was not checked (deploy/dev/install-regal.sh builds it with Go)" >&2
fi
