# SPDX-License-Identifier: Apache-2.0
"""Each of the house's own lint rules catches what it is there for, and only that."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from deploy.dev import house_rules

GOOD = '''# SPDX-License-Identifier: Apache-2.0
"""A module."""

import os

LIMIT = 1


def answer(folder: str) -> list[str]:
    """Names in `folder`."""
    return os.listdir(folder)
'''

BAD = {
    "environment": GOOD + "\nHOME = os.environ['HOME']\n",
    "log_writes": GOOD + "\nSQL = 'insert into log.entry values (1)'\n",
    "hidden_imports": GOOD + "\ndef _late() -> None:\n    import json\n",
    "sizes": GOOD + "\n" * 401,
    "docstrings": GOOD + "\ndef open() -> None:\n    return None\n",
    "licence": GOOD.partition("\n")[2],
    "unfinished": GOOD + "\n# TO" + "DO: later\n",
}


def _write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize("rule", sorted(BAD))
def test_a_rule_catches_what_it_is_for(rule: str, tmp_path: Path) -> None:
    _write(tmp_path, "consent/rule.py", BAD[rule])
    found = house_rules.check(tmp_path)
    assert [line.split(": ")[1] for line in found] == [rule]


def test_a_good_file_passes_every_rule(tmp_path: Path) -> None:
    _write(tmp_path, "consent/rule.py", GOOD)
    assert house_rules.check(tmp_path) == []


@pytest.mark.parametrize(
    ("taken", "written"),
    [
        ("from gateway.audit.tables import entry", "entry.insert()"),
        ("from gateway.audit.tables import entry as leaf", "insert(leaf)"),
        ("from gateway.audit import log, tables", "sqlalchemy.delete(tables.entry)"),
    ],
)
def test_the_tables_of_the_log_are_written_by_their_room_alone(taken: str, written: str, tmp_path: Path) -> None:
    text = GOOD.replace("import os", f"import os\n{taken}") + f"\n{written}\n"
    _write(tmp_path, "gateway/pipeline.py", text)
    _write(tmp_path, "gateway/audit/sequencer.py", text)
    found = house_rules.check(tmp_path)
    assert [line.split(":")[0] for line in found] == ["gateway/pipeline.py"]


def test_the_tables_of_the_log_may_be_read(tmp_path: Path) -> None:
    text = GOOD.replace("import os", "from gateway.audit.tables import entry") + "\nALL = select(entry)\n"
    _write(tmp_path, "gateway/consents.py", text)
    assert house_rules.check(tmp_path) == []


def test_the_settings_may_read_the_environment(tmp_path: Path) -> None:
    _write(tmp_path, "gateway/settings.py", BAD["environment"])
    assert house_rules.check(tmp_path) == []


def test_every_rule_is_tried_and_says_why() -> None:
    assert {rule.__name__ for rule in house_rules.RULES} == set(BAD)
    assert all("Why: " in (inspect.getdoc(rule) or "") for rule in house_rules.RULES)
