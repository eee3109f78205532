# SPDX-License-Identifier: Apache-2.0
"""The twin of a council's core system: a PostgreSQL database with a schema that nobody would choose today."""
