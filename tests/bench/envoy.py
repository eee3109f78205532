# SPDX-License-Identifier: Apache-2.0
"""Envoy's configuration: a plain proxy to one upstream, or the same with every request authorised by OPA first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_TYPES = "type.googleapis.com/envoy.extensions"


def write(path: Path, *, port: int, upstream: int, filters: tuple[dict[str, Any], ...] = (), opa: int = 0) -> None:
    """Write the bootstrap (JSON is YAML) of a proxy on `port`. `filters` come before the router; `opa` is the port
    of an ext_authz server (gRPC)."""
    router = {"name": "router", "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"}}
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "generate_request_id": False,
        "http_filters": [*filters, router],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}],
                }
            ]
        },
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    listener = {"address": _address(port), "filter_chains": [chain]}
    clusters = [_cluster("upstream", upstream)] + ([_cluster("opa", opa, http2=True)] if opa else [])
    bootstrap = {"static_resources": {"listeners": [listener], "clusters": clusters}}
    path.write_text(json.dumps(bootstrap, indent=1))


def token_check(jwks: dict[str, Any], issuer: str) -> dict[str, Any]:
    """Envoy's own verification of the access token, with a cache of verified ones; what it says goes on to OPA. The
    token is the asker's and stands in a header of its own, since `Authorization` is the source's credential."""
    provider = {
        "issuer": issuer,
        "audiences": [issuer],
        "local_jwks": {"inline_string": json.dumps(jwks)},
        "from_headers": [{"name": TOKEN_HEADER}],
        "payload_in_metadata": "token",
        "jwt_cache_config": {"jwt_cache_size": 1000},
    }
    return {
        "name": JWT,
        "typed_config": {
            "@type": f"{_TYPES}.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"commons": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "commons"}}],
        },
    }


def ext_authz() -> dict[str, Any]:
    """Ask OPA about every request, its body included; no answer is a no."""
    return {
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": f"{_TYPES}.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "failure_mode_allow": False,
            "with_request_body": {"max_request_bytes": 8192, "allow_partial_message": False},
            "metadata_context_namespaces": [JWT],
            "grpc_service": {"envoy_grpc": {"cluster_name": "opa"}, "timeout": "2s"},
        },
    }


TOKEN_HEADER = "x-access-token"
JWT = "envoy.filters.http.jwt_authn"


def _cluster(name: str, port: int, *, http2: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
    }
    if http2:
        found["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPES}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return found


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
