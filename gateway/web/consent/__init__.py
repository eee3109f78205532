# SPDX-License-Identifier: Apache-2.0
"""`/v1/consent/…`: what a citizen sees and decides, and what an agency may know of its own. One noun a file.

A citizen is known by their session alone: no address, body or answer names another person, so there is nobody else
whose things could be asked for.
"""
