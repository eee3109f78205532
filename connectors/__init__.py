# SPDX-License-Identifier: Apache-2.0
"""Connectors speak to other people's systems; they know nothing of law, consent or serving HTTP."""
