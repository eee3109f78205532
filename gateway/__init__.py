# SPDX-License-Identifier: Apache-2.0
"""The commons gateway: everything that answers a request."""
