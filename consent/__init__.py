# SPDX-License-Identifier: Apache-2.0
"""Consent: what citizens decided. A library without web or policy engine, readable by a privacy officer."""
