# SPDX-License-Identifier: Apache-2.0
"""Every setting, with its unit and its reason. Nothing else reads the environment.

Each field is the variable `COMMONS_<FIELD>`; a value that is missing or wrong stops the start with a sentence
that says what to do. There are no development secrets here: keys are files made by `commons keys init`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl
from pydantic_settings import BaseSettings, SettingsConfigDict


def _base_url(url: str) -> str:
    return str(HttpUrl(url)).rstrip("/")


def _without_year(origin: str) -> str:
    if re.search(r"/[0-9]{4}$", origin):
        raise ValueError("leave the year out: the log has a shard a year, and each adds its own")
    return origin.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_base_url)]


class CitizenProvider(BaseModel):
    """One OpenID provider that citizens sign in with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jwks: str = Field(min_length=1, description="Address or file of its JWK Set.")
    audience: str = Field(min_length=1, description="The client id it knows this gateway by.")
    level: str = Field(default="P2", pattern="^P[0-9]$", description="The least identity proof (`vot`) we take.")
    claim: str = Field(default="nhs_number", description="The claim that holds the citizen's identifier.")
    system: str = Field(default="https://fhir.nhs.uk/Id/nhs-number", description="The identifier's system.")


class Settings(BaseSettings):
    """The one configuration value; frozen, so that what was read at the start holds until the stop."""

    model_config = SettingsConfigDict(env_prefix="COMMONS_", frozen=True, extra="forbid")

    data_dir: Path = Field(
        description="Folder of the embedded databases and keys. Must exist and be ours alone (0700)."
    )
    database_url: str = Field(
        default="",
        description=(
            "SQLAlchemy URL of PostgreSQL (`postgresql+psycopg://…`). Empty: SQLite files in `data_dir`, "
            "`commons.db` and `log.db`."
        ),
    )
    keys_dir: Path | None = Field(
        default=None, description="Folder of key files, mode 0600 each. Empty: `data_dir/keys`."
    )
    public_url: BaseUrl = Field(
        description="The address agencies use, without a trailing slash. It is the OAuth issuer (RFC 8414) and "
        "the token audience; it never comes from the Host header, which a caller can choose."
    )
    log_origin: Annotated[str, AfterValidator(_without_year)] = Field(
        pattern=r"^[!-*,-~]{1,190}$",
        description="Name of the access log: a schema-less URL prefix, e.g. `gateway.example/log`, to which each "
        "year's shard adds its year: `gateway.example/log/2026` (C2SP tlog-checkpoint: no spaces, no plus sign).",
    )
    log_monitor_token: str | None = Field(
        default=None,
        min_length=32,
        description="Bearer token that monitors need for entry bundles. Empty: bundles are not served.",
    )
    log_policy: Path | None = Field(
        default=None,
        description="File with the log's witnesses and their quorum (C2SP tlog-policy). Empty: no witness is "
        "asked, and checkpoints are published with the log's signature alone.",
    )
    log_folder: Path | None = Field(
        default=None,
        description="Folder into which the log is published as files, for any static web server. Empty: it is "
        "served by the gateway only.",
    )
    log_folder_entries: bool = Field(
        default=False,
        description="Write entry bundles into that folder too. They tell which organisation asked for what: "
        "whoever serves the folder must then let nobody but monitors read `tile/entries`.",
    )
    log_seat_dir: Path | None = Field(
        default=None,
        description="With PostgreSQL: folder in which the gateways of one machine agree which of them writes the "
        "log for all. It must be on a disk of that machine. Empty: `data_dir`.",
    )
    log_seen_dir: Path | None = Field(
        default=None,
        description="Folder in which the newest published checkpoint is kept, so that a database that was put back "
        "to an older state is refused. Never back it up with the database. Empty: `data_dir/seen`.",
    )
    policies_dir: Path | None = Field(
        default=None,
        description="Folder of rules and data that `commons policy build` packs. Empty: those in the distribution. "
        "A server never reads it: it serves the bundle that was activated.",
    )
    policy_keys_dir: Path | None = Field(
        default=None,
        description="Folder of the public keys (`KEYID.pem`) of the stewards whose bundles are loaded. Empty: "
        "`data_dir/policy/keys`. No private key may lie there.",
    )
    policy_archive_dir: Path | None = Field(
        default=None,
        description="Folder in which every activated bundle is kept, and the one in force for OPA. Empty: "
        "`data_dir/policy/bundles`.",
    )
    judge: Literal["embedded", "opa"] = Field(
        default="embedded",
        description="Who judges: the engine in the process, or an OPA server that loads the same signed bundle.",
    )
    opa_url: str = Field(
        default="http://127.0.0.1:8181",
        pattern=r"^(unix:///|https?://)[^?#]+$",
        description="Address of that OPA server: `unix:///run/opa.sock`, or HTTP on loopback.",
    )
    opa_timeout_ms: int = Field(
        default=250,
        ge=5,
        le=5000,
        description="Milliseconds OPA may take for one decision, connecting included; then the query is answered "
        "503 and nothing is disclosed.",
    )
    manifests_dir: Path | None = Field(
        default=None, description="Folder of connector manifests. Empty: those packed in the distribution."
    )
    secrets_dir: Path | None = Field(
        default=None,
        description="Folder with one file per connector secret (base URL, database URL, key), named as the "
        "manifest names it. Empty: `data_dir/secrets`.",
    )
    trusted_issuers: dict[str, str] = Field(
        default_factory=dict,
        description="External OAuth issuers we accept access tokens of: issuer URL → JWKS URL or file path.",
    )
    citizen_providers: dict[str, CitizenProvider] = Field(
        default_factory=dict,
        description="OpenID providers that citizens sign in with: issuer URL → object of `jwks` (address or file), "
        "`audience` (our client id), `level` (least identity proof in `vot`; One Login `P2`, NHS login `P9`), "
        "`claim` and `system` (which claim holds an identifier, of which system). Empty: nobody can sign in.",
    )
    synthetic_only: bool = Field(
        default=True,
        description="Take test NHS numbers (999…) only, so that a real one cannot come in by mistake. "
        "A production gateway sets it to false.",
    )
    step_up_acr: tuple[str, ...] = Field(
        default=("phr", "phrh"),
        description="Values of `acr` that count as a strong sign-in, where one is asked for (RFC 9470). The "
        "default are the phishing-resistant ones of OpenID EAP ACR Values 1.0.",
    )
    step_up_max_age_s: int = Field(
        default=300, ge=30, le=3600, description="Seconds since the user signed in so, at the most."
    )
    access_token_lifetime_s: int = Field(
        default=300, ge=30, le=300, description="Seconds an access token lives; five minutes is the most."
    )
    clock_skew_s: int = Field(
        default=10,
        ge=0,
        le=60,
        description="Seconds a client's clock may differ (FAPI 2.0 §5.3.2.1: 10 to 60).",
    )
    default_deadline_ms: int = Field(
        default=2000,
        ge=50,
        le=30000,
        description="Milliseconds a query may gather when it names no deadline.",
    )
    max_deadline_ms: int = Field(
        default=10000,
        ge=50,
        le=30000,
        description="The longest deadline in milliseconds a query may ask for.",
    )
    max_body_bytes: int = Field(
        default=32768, ge=1024, description="Largest request body in bytes; a full query is under 4 KiB."
    )
    max_in_flight: int = Field(
        default=256, ge=1, description="Queries one worker takes at once; more are answered 503 at once."
    )
    consent_requests_per_hour: int = Field(
        default=500,
        ge=1,
        description="Requests for consent one organisation may make in an hour; more are answered 429.",
    )
    log_commit_deadline_ms: int = Field(
        default=2000, ge=100, description="Milliseconds a log entry may wait to be durable before 503."
    )

    @property
    def keys(self) -> Path:
        """Folder of key files."""
        return self.keys_dir or self.data_dir / "keys"

    @property
    def secrets(self) -> Path:
        """Folder of connector secrets."""
        return self.secrets_dir or self.data_dir / "secrets"

    @property
    def log_seat(self) -> Path:
        """Folder in which the gateways of this machine agree who writes the log."""
        return self.log_seat_dir or self.data_dir

    @property
    def log_seen(self) -> Path:
        """Folder of the checkpoints that left this gateway."""
        return self.log_seen_dir or self.data_dir / "seen"

    @property
    def policy_keys(self) -> Path:
        """Folder of the stewards' public keys."""
        return self.policy_keys_dir or self.data_dir / "policy" / "keys"

    @property
    def policy_archive(self) -> Path:
        """Folder of the activated bundles."""
        return self.policy_archive_dir or self.data_dir / "policy" / "bundles"

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database of record."""
        return self.database_url or f"sqlite:///{self.data_dir / 'commons.db'}"


def load(data_dir: Path) -> Settings:
    """The settings of the gateway whose folder is `data_dir`: the environment, then `data_dir/commons.env`."""
    return Settings(data_dir=data_dir, _env_file=data_dir / "commons.env")  # type: ignore[call-arg]
