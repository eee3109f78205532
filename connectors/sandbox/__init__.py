# SPDX-License-Identifier: Apache-2.0
"""A runnable twin of each upstream, and the synthetic people who live in them."""
