# SPDX-License-Identifier: Apache-2.0
"""OpenAPI 3.1 of everything, the query path included, and a documentation page whose assets are served from here.

The query path is a plain ASGI callable, so its description is made from the msgspec types it really decodes and
encodes; the other routes describe themselves.
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from gateway import errors
from gateway.errors import CommonsError
from gateway.model import Answer, Preview
from gateway.web import examples
from gateway.web.problems import MEDIA_TYPE
from gateway.web.record_queries import ASK, PREVIEW
from gateway.web.wire import RecordQuery

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "code", "layer", "retryable"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "layer": {"enum": ["client", "gateway", "policy", "source"]},
        "retryable": {"type": "boolean"},
        "retry_after_s": {"type": "integer"},
        "decision": {"type": "string"},
        "trace_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901"},
                    "code": {"type": "string"},
                    "expected": {"type": "string"},
                },
            },
        },
    },
}
OPEN = ("/v1/catalogue/", "/v1/sessions")
"""Routes that need no token, or give one."""

_STATUSES = (400, 401, 403, 409, 411, 413, 415, 422, 500, 503)


def install(app: FastAPI, public_url: str) -> None:
    """Give `app` its description at `/openapi.json` and its page at `/docs`."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, public_url)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
    assets = Path(str(importlib.resources.files("fastapi_offline"))) / "static"
    app.mount("/docs/assets", StaticFiles(directory=assets), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Commons gateway API",
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/docs/assets/favicon.png",
        )


def _document(app: FastAPI, public_url: str) -> dict[str, Any]:
    document = get_openapi(
        title="Commons gateway",
        version=app.version,
        openapi_version="3.1.0",
        summary="One query joins a citizen's records across councils, the NHS and charities.",
        description=app.description,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        contact={"name": "The commons gateway project"},
        servers=[{"url": public_url}],
    )
    _, schemas = msgspec.json.schema_components(
        [RecordQuery, Answer, Preview], ref_template="#/components/schemas/{name}"
    )
    components = document.setdefault("components", {})
    described = components.setdefault("schemas", {})
    if twice := sorted(described.keys() & schemas.keys()):
        raise ValueError(f"two schemas have the name {twice[0]}: rename the route's own")
    described.update(schemas | {"Problem": _PROBLEM})
    components["securitySchemes"] = {
        "agency": {
            "type": "oauth2",
            "description": "Client credentials with private_key_jwt (RFC 7523); tokens are RFC 9068 `at+jwt`.",
            "flows": {"clientCredentials": {"tokenUrl": f"{public_url}/oauth2/token", "scopes": {}}},
        }
    }
    paths = document["paths"]
    paths[ASK] = {"post": _operation("ask", "Ask for a joined-up record", "Answer", examples.ANSWER)}
    paths[PREVIEW] = {
        "post": _operation("preview", "Decision only; nothing is fetched", "Preview", examples.PREVIEW)
    }
    for path, operations in paths.items():
        for method, operation in operations.items():
            _say_problems(path, method, operation)
    for replaced in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(replaced, None)
    return document


def _say_problems(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add the problems that every route of its kind can answer with, where the route does not say them itself, and
    put our form in the place of FastAPI's own."""
    responses = operation["responses"]
    if "422" in responses and MEDIA_TYPE not in responses["422"]["content"]:
        del responses["422"]
    if not path.startswith("/v1/"):
        return
    takes = bool(operation.get("requestBody")) or any(
        parameter["in"] != "header" for parameter in operation.get("parameters", ())
    )
    possible = {401: not path.startswith(OPEN), 403: not path.startswith(OPEN), 404: "{" in path, 422: takes}
    possible |= {409: method != "get", 503: True}
    for status, so in possible.items():
        if so:
            responses.setdefault(str(status), _problem(status))


def _operation(name: str, summary: str, answer: str, example: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": f"record_queries_{name}",
        "summary": summary,
        "tags": ["record queries"],
        "security": [{"agency": []}],
        "parameters": [
            _header("X-Request-ID", "A UUID; the same one on a retry.", required=True),
            _header("X-Correlation-ID", "Yours; echoed.", required=False),
            _header("Idempotency-Key", "Makes a retry one query. Default: X-Request-ID.", required=False),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/RecordQuery"},
                    "examples": {"discharge": {"summary": "Hospital discharge", "value": examples.QUERY}},
                }
            },
        },
        "responses": {
            "200": {
                "description": "The answer; `completeness` says what came, what did not, and why.",
                "headers": {
                    "Decision-Id": _text("GET /v1/decisions/{id} explains it."),
                    "Audit-Entry": _text(
                        "`<origin>#<index>` of the log entry that was durable before this was sent."
                    ),
                    "Audit-Checkpoint": _text("Base64 of the signed checkpoint that covers the entry (C2SP)."),
                    "Server-Timing": _text("Milliseconds in each of the eight stages."),
                },
                "content": {
                    "application/json": {
                        "schema": {"$ref": f"#/components/schemas/{answer}"},
                        "examples": {"discharge": {"value": example}},
                    }
                },
            },
            **{str(status): _problem(status) for status in _STATUSES},
        },
    }


def _problem(status: int) -> dict[str, Any]:
    kinds = [kind for kind in _family(CommonsError) if kind.status == status]
    return {
        "description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    kind.code: {
                        "value": {
                            "type": f"https://gateway.example/problems/{kind.code}",
                            "title": kind.title,
                            "status": kind.status,
                            "code": kind.code,
                            "layer": kind.layer,
                            "retryable": kind.retryable,
                        }
                    }
                    for kind in kinds
                },
            }
        },
    }


def _family(root: type[CommonsError]) -> list[type[CommonsError]]:
    """Every class of the family in `gateway/errors.py`, parents first."""
    found = [root] if root.__module__ == errors.__name__ and root is not CommonsError else []
    return found + [kind for child in root.__subclasses__() for kind in _family(child)]


def _header(name: str, description: str, *, required: bool) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": {"type": "string"},
    }


def _text(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}
