# SPDX-License-Identifier: Apache-2.0
"""Alembic's entry: `gateway.migrate` hands over an open connection, inside a transaction that it owns."""

from __future__ import annotations

from alembic import context

config = context.config
context.configure(
    connection=config.attributes["connection"],
    target_metadata=config.attributes["metadata"],
    include_schemas=True,  # the log's tables are in the schema `log`
    transactional_ddl=True,  # SQLite too: gateway.db sends BEGIN itself
)
with context.begin_transaction():
    context.run_migrations()
