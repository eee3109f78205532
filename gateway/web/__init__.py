# SPDX-License-Identifier: Apache-2.0
"""HTTP only: parse, call one function, render."""
