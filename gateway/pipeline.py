# SPDX-License-Identifier: Apache-2.0
"""The pipeline: one agency query through its eight stages."""
