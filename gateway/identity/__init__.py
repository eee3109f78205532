# SPDX-License-Identifier: Apache-2.0
"""Who asks, who signs in, who is asked about."""
