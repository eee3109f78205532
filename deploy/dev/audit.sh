#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Looks every locked package up among the known vulnerabilities of the package index.
# Exit status: 0 none known, 1 some are, 3 the index gave no vulnerability data, so nothing was audited.
set -eu
cd "$(dirname "$0")/../.."
report=$(mktemp)
trap 'rm -f "$report" "$report.err"' EXIT
status=0
.venv/bin/pip-audit --require-hashes --disable-pip --progress-spinner off --requirement deploy/locks/dev.txt \
    --format json --output "$report" 2>"$report.err" || status=$?
audited=$(grep -o '"vulns": \[' "$report" | wc -l)
if [ "$audited" -eq 0 ]; then
    grep -v -i 'not found\|No known' "$report.err" | tail -n 3 >&2 || true
    echo "pip-audit: the index gave no vulnerability data from here; nothing was audited" >&2
    exit 3
fi
cat "$report.err"
echo "pip-audit: $audited packages looked up"
exit "$status"
