#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `opa fmt` and `opa check --strict` over policies/. Without OPA it says so; with COMMONS_REQUIRE_ALL=1 it fails.
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
# regal judges style; it is not to be had from the registries that a build may use, so it is asked only where it is.
if command -v regal >/dev/null 2>&1; then
    regal lint policies
else
    echo "regal is absent: the style of the rules was not checked" >&2
fi
