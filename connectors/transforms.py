# SPDX-License-Identifier: Apache-2.0
"""The named transforms of a mapping: pure functions from a source's value to the vocabulary's form.

A value a transform cannot read raises `Unreadable`; the field is then left out and its name reported. The value
itself is in no message. None and empty text never reach a transform.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

Transform = Callable[[Any], Any]


class Unreadable(ValueError):  # noqa: N818 - a condition of a value, named as the report names it
    """The value is not of the form the transform reads."""


_UK_DATE: Final = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ T].*)?")
_ISO_DATE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ].*)?")
_ISO_PART: Final = re.compile(r"\d{4}(?:-\d{2})?")
_POSTCODE: Final = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})")
_MONEY: Final = re.compile(r"(-?)£?\s?(-?)([0-9][0-9,]*)(?:\.([0-9]{1,2}))?0*")
_TITLE: Final = re.compile(r"[^\W\d_]+(?:['’](?:[sS]\b)?)?")
_TRUE: Final = frozenset({"y", "yes", "true", "t", "1"})
_FALSE: Final = frozenset({"n", "no", "false", "f", "0"})


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    raise Unreadable("text expected")


def trim(value: Any) -> str:
    """Outer spaces off, inner runs of white space to one space."""
    return " ".join(_text(value).split())


def uk_date(value: Any) -> str:
    """`DD/MM/YYYY` (also with dots or hyphens, and with a time behind it) to ISO 8601."""
    match = _UK_DATE.fullmatch(_text(value).strip())
    if not match:
        raise Unreadable("DD/MM/YYYY expected")
    return _real(int(match[3]), int(match[2]), int(match[1]))


def iso_date(value: Any) -> str:
    """The date part of an ISO 8601 date or time. FHIR's partial dates (YYYY, YYYY-MM) stay as they are."""
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()[:10]
    text = _text(value).strip()
    if match := _ISO_DATE.fullmatch(text):
        try:
            date.fromisoformat(match[1])
        except ValueError:
            raise Unreadable("no such day") from None
        return match[1]
    if _ISO_PART.fullmatch(text):
        return text
    raise Unreadable("YYYY-MM-DD expected")


def compact_date(value: Any) -> str:
    """`YYYYMMDD` to ISO 8601."""
    text = _text(value).strip()
    if len(text) != 8 or not text.isascii() or not text.isdigit():
        raise Unreadable("YYYYMMDD expected")
    return _real(int(text[:4]), int(text[4:6]), int(text[6:]))


def compact_stamp(value: Any) -> str:
    """`YYYYMMDDhhmm` or `YYYYMMDDhhmmss` to ISO 8601, without a zone since the source names none."""
    text = _text(value).strip()
    if len(text) not in (12, 14) or not text.isascii() or not text.isdigit():
        raise Unreadable("YYYYMMDDhhmmss expected")
    try:
        return datetime.fromisoformat(f"{text[:8]}T{text[8:].ljust(6, '0')}").isoformat()
    except ValueError:
        raise Unreadable("no such time") from None


def _real(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        raise Unreadable("no such day") from None


def nhs_number(value: Any) -> str:
    """Ten digits with a right check digit (modulus 11), spaces and hyphens off; not ten of the same digit."""
    text = _text(value).replace(" ", "").replace("-", "")
    if len(text) != 10 or not text.isascii() or not text.isdigit() or text == text[0] * 10:
        raise Unreadable("an NHS number expected")
    check = 11 - sum(int(digit) * weight for digit, weight in zip(text, range(10, 1, -1), strict=False)) % 11
    if check % 11 != int(text[9]):  # 11 stands for 0; 10 fits no digit
        raise Unreadable("an NHS number expected")
    return text


def uprn(value: Any) -> str:
    """Unique Property Reference Number: 1 to 12 digits, leading zeros off."""
    text = _text(value).strip()
    if not text.isascii() or not text.isdigit() or not 1 <= len(text.lstrip("0")) <= 12:
        raise Unreadable("a UPRN expected")
    return text.lstrip("0")


def postcode(value: Any) -> str:
    """UK postcode in upper case with one space before the inward part."""
    match = _POSTCODE.fullmatch("".join(_text(value).upper().split()))
    if not match:
        raise Unreadable("a postcode expected")
    return f"{match[1]} {match[2]}"


def title(value: Any) -> str:
    """Title Case; letters after an apostrophe are capital (O'Neill) unless it is a possessive s."""
    return _TITLE.sub(lambda match: match[0][0].upper() + match[0][1:].lower(), trim(value))


def lower(value: Any) -> str:
    """Lower case."""
    return _text(value).lower()


def upper(value: Any) -> str:
    """Upper case."""
    return _text(value).upper()


def money_pence(value: Any) -> int:
    """Pounds (`£1,234.50`, `-3.5`, a number or a Decimal) to integer pence. More than pence is refused."""
    if isinstance(value, bool):
        raise Unreadable("an amount expected")
    if isinstance(value, (int, float, Decimal)):
        value = _plain_number(value)
    match = _MONEY.fullmatch(_text(value).strip())
    if not match or (match[1] and match[2]):
        raise Unreadable("an amount expected")
    pence = int(match[3].replace(",", "")) * 100 + int((match[4] or "").ljust(2, "0"))
    return -pence if match[1] or match[2] else pence


def integer(value: Any) -> int:
    """A whole number."""
    text = _plain_number(value) if isinstance(value, (float, Decimal)) else _text(value).strip()
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise Unreadable("a whole number expected")
    return int(text)


def number_text(value: Any) -> str:
    """A number as plain text without needless zeros: 7.50 to `7.5`."""
    if isinstance(value, bool):
        raise Unreadable("a number expected")
    return _plain_number(value)


def _plain_number(value: Any) -> str:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise Unreadable("a number expected") from None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise Unreadable("a number expected")
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def boolean(value: Any) -> bool:
    """Y/N, yes/no, true/false, T/F, 1/0."""
    if isinstance(value, bool):
        return value
    word = _text(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Unreadable("yes or no expected")


def code(value: Any) -> str:
    """A code in upper case without any white space."""
    return "".join(_text(value).split()).upper()


def split(value: Any) -> list[str]:
    """Text at `;` or `|` to a list of trimmed parts."""
    return [part for part in (" ".join(part.split()) for part in re.split(r"[;|]", _text(value))) if part]


def reference(value: Any) -> str:
    """The last part of a FHIR reference or URI: `Patient/123` and `urn:uuid:…:123` give `123`."""
    return re.split(r"[/:]", _text(value).split("/_history/")[0])[-1]


def first(value: Any) -> Any:
    """The first of a list; anything else as it is."""
    return (value[0] if value else None) if isinstance(value, list) else value


TRANSFORMS: Final[dict[str, Transform]] = {
    "trim": trim,
    "uk-date": uk_date,
    "iso-date": iso_date,
    "compact-date": compact_date,
    "compact-stamp": compact_stamp,
    "nhs-number": nhs_number,
    "uprn": uprn,
    "postcode": postcode,
    "title": title,
    "lower": lower,
    "upper": upper,
    "money-pence": money_pence,
    "integer": integer,
    "number-text": number_text,
    "boolean": boolean,
    "code": code,
    "split": split,
    "reference": reference,
    "first": first,
}

_WHOLE_LIST: Final = frozenset({"first"})


def chained(names: list[str] | tuple[str, ...]) -> Transform | None:
    """The transforms as one function, applied left to right; to each member of a list, save `first`."""
    steps = tuple((TRANSFORMS[name], name in _WHOLE_LIST) for name in names)
    if not steps:
        return None
    if len(steps) == 1 and not steps[0][1]:
        only = steps[0][0]
        return lambda value: only(value) if type(value) is not list else [only(one) for one in value]

    def chain(value: Any) -> Any:
        for step, whole in steps:
            if value is None or value == "":
                return None
            value = step(value) if whole or type(value) is not list else [step(one) for one in value]
        return value

    return chain
