# SPDX-License-Identifier: Apache-2.0
"""The access log: a C2SP transparency log whose entries commit to what they do not show."""
