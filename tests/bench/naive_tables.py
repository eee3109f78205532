# SPDX-License-Identifier: Apache-2.0
"""The tables of the naive version."""

from __future__ import annotations

import datetime

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The tables."""


class Link(Base):
    """One identifier of one person."""

    __tablename__ = "link"
    system: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[str] = mapped_column(String(64), primary_key=True)
    person: Mapped[str] = mapped_column(String(36), index=True)


class Consent(Base):
    """One consent in force."""

    __tablename__ = "consent"
    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(String(36))
    organisation: Mapped[str] = mapped_column(String(120))
    purpose: Mapped[str] = mapped_column(String(80))
    category: Mapped[str] = mapped_column(String(80))
    expires_at: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Index("consent_by", "person", "organisation", "purpose"),)


class Audit(Base):
    """One access."""

    __tablename__ = "audit"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    at: Mapped[datetime.datetime]
    system: Mapped[str] = mapped_column(String(100))
    organisation: Mapped[str] = mapped_column(String(120))
    user: Mapped[str] = mapped_column(String(120))
    person: Mapped[str] = mapped_column(String(36))
    purpose: Mapped[str] = mapped_column(String(80))
    decision: Mapped[str] = mapped_column(Text)
    body_digest: Mapped[str] = mapped_column(String(64))
