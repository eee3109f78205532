# SPDX-License-Identifier: Apache-2.0
"""Past decisions judged again: under the law of their day (replay), and under one that is not yet (rehearsal)."""
