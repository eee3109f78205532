# SPDX-License-Identifier: Apache-2.0
"""Consent records as HL7 FHIR R4 `Consent`, and back. A pure translation, without loss.

It keeps to IHE Privacy Consent on FHIR 1.1 where it can: one status, scope, patient, dateTime, policy, source and
provision, performer and organization there, recipients as actors of role IRCP, exceptions one level deep. Against
it, categories stand in `provision.class`, since PCF has no other place for them. Whatever R4 cannot say stands in
an extension, so that reading what was written gives the same event again.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from consent.errors import MalformedEvent
from consent.model import Event, Kind, Scope, State
from consent.records import Record
from consent.words import FHIR_STATUS

V3 = "http://terminology.hl7.org/CodeSystem/v3-"
URN = "urn:commons:consent:"
CARRIED = URN + "event"
"""Extension that holds the members of the event that R4 has no place for, each as JSON."""

_IN_PLACE = ("id", "at", "expires_at", "language", "organisation", "purpose", "agreement", "notice_hash", "person")
"""Members of an event with a place of their own in the resource; what a provision says is looked at beside."""


def bundle(records: Sequence[Record], subject: Mapping[str, str]) -> dict[str, Any]:
    """A `Bundle` of records. `subject`: FHIR Identifier by which the receiver knows the person."""
    entries = [{"fullUrl": f"urn:uuid:{one.event.id}", "resource": consent(one, subject)} for one in records]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def consent(record: Record, subject: Mapping[str, str]) -> dict[str, Any]:
    """The `Consent` of one record."""
    event = record.event
    resource: dict[str, Any] = {
        "resourceType": "Consent",
        "id": event.id,
        "status": FHIR_STATUS[record.state],
        "scope": _concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [_concept(V3 + "ActCode", "INFA")],
        "patient": {"identifier": dict(subject)},
        "dateTime": _instant(event.at),
        "performer": [{"identifier": _identifier("authoriser", event.authoriser)} if event.authoriser else
                      {"identifier": dict(subject)}],
        "organization": [{"identifier": _identifier("source", source)} for source in event.provision.sources]
        or [{"identifier": _identifier("organisation", event.organisation)}],
        "sourceReference": {"identifier": _identifier("notice", event.notice_hash or event.agreement)},
        "policy": [{"uri": f"{URN}agreement:{event.agreement}"}],
        "provision": _provision(record),
        "extension": [*_state(record), _carried(event)],
    }  # fmt: skip
    if event.language:
        resource["language"] = event.language
    return resource


def event(resource: Mapping[str, Any], person: str) -> Event:
    """The event that a `Consent` began with, about `person`. Raises MalformedEvent: the resource cannot be read
    without guessing."""
    try:
        provision = resource["provision"]
        notice = resource["sourceReference"]["identifier"]["value"]
        agreement = resource["policy"][0]["uri"].removeprefix(f"{URN}agreement:")
        period = provision.get("period", {})
        members: dict[str, Any] = {
            "id": resource["id"],
            "kind": _kind(resource, provision),
            "person": person,
            "organisation": provision["actor"][0]["reference"]["identifier"]["value"],
            "purpose": provision["purpose"][0]["code"],
            "agreement": agreement,
            "at": _seconds(resource["dateTime"]),
            "expires_at": _seconds(period["end"]) if "end" in period else 0,
            "notice_hash": "" if notice == agreement else notice,
            "language": resource.get("language", ""),
            "actor": "imported",
            "channel": "paper",
            "provision": {
                "categories": [one["code"] for one in provision["class"]],
                "sources": [
                    one["identifier"]["value"]
                    for one in resource["organization"]
                    if one["identifier"]["system"] == URN + "source"
                ],
            },
        }
        if any(_dates(provision)):
            named = ("period_from", "period_to")
            members["provision"]["conditions"] = dict(zip(named, _dates(provision), strict=True))
        made = msgspec.convert(members | _uncarried(resource), Event)
        if not _agrees(made, members["provision"], provision):
            raise MalformedEvent
        return made
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:  # msgspec's are ValueErrors
        raise MalformedEvent from error


def _agrees(made: Event, said: Mapping[str, Any], provision: Mapping[str, Any]) -> bool:
    """Whether the resource's own members say what the extension says: what was narrowed or refused by whoever does
    not know the extension would else be taken over wider."""
    carried = made.provision
    dates = carried.conditions.period if carried.conditions is not None else ("", "")
    return (
        list(carried.categories) == said["categories"]
        and list(carried.sources) == said["sources"]
        and dates == _dates(provision)
        and (made.kind is Kind.REFUSED) == (provision["type"] == "deny")
    )


def _dates(provision: Mapping[str, Any]) -> tuple[str, str]:
    period = provision.get("dataPeriod", {})
    return period.get("start", ""), period.get("end", "")


def exceptions(resource: Mapping[str, Any]) -> list[tuple[str, Scope]]:
    """What was taken out of a permit later: (category, scope). Raises MalformedEvent."""
    try:
        return [
            (one["class"][0]["code"], msgspec.json.decode(_value(one, "scope"), type=Scope))
            for one in resource["provision"].get("provision", [])
        ]
    except (KeyError, IndexError, TypeError, AttributeError, StopIteration, ValueError) as error:
        raise MalformedEvent from error


def _kind(resource: Mapping[str, Any], provision: Mapping[str, Any]) -> str:
    if resource["status"] in ("proposed", "draft"):
        return Kind.REQUESTED
    return Kind.GIVEN if provision["type"] == "permit" else Kind.REFUSED


def _provision(record: Record) -> dict[str, Any]:
    event, conditions = record.event, record.event.provision.conditions
    said: dict[str, Any] = {
        "type": "deny" if event.kind is Kind.REFUSED else "permit",
        "period": {"start": _instant(event.at)} | ({"end": _instant(event.expires_at)} if event.expires_at else {}),
        "actor": [
            {
                "role": _concept(V3 + "ParticipationType", "IRCP"),
                "reference": {"identifier": _identifier("organisation", event.organisation)},
            }
        ],
        "purpose": [{"system": URN + "purpose", "code": event.purpose}],
        "class": [_category(category) for category in event.provision.categories],
    }
    if conditions is not None and any(conditions.period):
        named = zip(("start", "end"), conditions.period, strict=True)
        said["dataPeriod"] = {name: date for name, date in named if date}
    holes = [(one.category, hole) for one in record.left if one.state is State.GIVEN for hole in one.holes]
    if holes:
        said["provision"] = [
            {
                "type": "deny",
                "class": [_category(category)],
                "extension": [_extension("scope", msgspec.json.encode(hole).decode())],
            }
            for category, hole in holes
        ]
    return said


def _state(record: Record) -> Iterator[dict[str, Any]]:
    """Which of R4's few statuses it is, in DPV's words, and why it ended."""
    yield {"url": URN + "status", "valueUri": record.status}
    if record.reason:
        yield {"url": URN + "status-reason", "valueCode": record.reason}


def _carried(event: Event) -> dict[str, Any]:
    members = msgspec.to_builtins(event)
    rest = {name: value for name, value in members.items() if name not in _IN_PLACE}
    return {
        "url": CARRIED,
        "extension": [_extension(name, msgspec.json.encode(value).decode()) for name, value in rest.items()],
    }


def _uncarried(resource: Mapping[str, Any]) -> dict[str, Any]:
    for extension in resource.get("extension", ()):
        if extension["url"] == CARRIED:
            return {
                name: msgspec.json.decode(one["valueString"])
                for one in extension["extension"]
                if (name := one["url"].removeprefix(URN)) not in _IN_PLACE
            }
    return {}


def _extension(name: str, value: str) -> dict[str, Any]:
    return {"url": URN + name, "valueString": value}


def _value(element: Mapping[str, Any], name: str) -> str:
    return str(next(one["valueString"] for one in element["extension"] if one["url"] == URN + name))


def _category(code: str) -> dict[str, str]:
    return {"system": URN + "category", "code": code}


def _identifier(kind: str, value: str) -> dict[str, str]:
    return {"system": URN + kind, "value": value}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _instant(at: int) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat().replace("+00:00", "Z")


def _seconds(instant: str) -> int:
    return int(datetime.datetime.fromisoformat(instant).timestamp())
