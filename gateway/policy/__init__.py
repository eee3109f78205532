# SPDX-License-Identifier: Apache-2.0
"""Facts in, decision out: the judge of the commons, and the filter that obeys it."""
