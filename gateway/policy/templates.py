# SPDX-License-Identifier: Apache-2.0
"""New rules from templates: each a Rego file with its METADATA and its proof, which pass lint and tests as written.

What is written is a real rule about one category, so that an author changes something that works. Pure but for
`write`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from gateway.policy import rules
from gateway.policy.documents import PolicyFolderError

Kind = Literal["limit", "ground", "obligation"]

_NAME = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
_FOLDERS: dict[Kind, str] = {"limit": "limits", "ground": "grounds", "obligation": "obligations"}

_HEAD = """# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: {title}
# description: >-
#   {description}
# scope: package
# custom:
{custom}
package commons.{folder}.{name}
"""

_TEST_HEAD = """# SPDX-License-Identifier: Apache-2.0

package commons_test.{folder}.{name}

import data.commons.{folder}.{name}
import data.commons_test.world
"""

_LIMIT = """
import data.commons.lib.asked.positions

# Every other category.
holds contains position.n if {{
	some position in positions
	position.term.category != "{category}"
}}

# This one, where the condition is met.
holds contains position.n if {{
	some position in positions
	position.term.category == "{category}"
	input.caller.role_assured == true
}}
"""

_LIMIT_TEST = """
# The test world's agreement with this category in the place of its first.
agreements := world.kinds_with("k0", {{"category": "{category}"}})

held(facts) := found if {{
	found := {name}.holds with input as facts with data.agreements as agreements with data.roles as world.roles
}}

test_it_holds_for_every_other_category if {{
	held(world.asking("care")) == {{0}}
}}

test_the_category_needs_the_condition if {{
	held(world.asking("task")) == set()
}}

test_the_category_with_the_condition_holds if {{
	held(object.union(world.asking("task"), {{"caller": {{"role_assured": true}}}})) == {{0}}
}}

test_a_pair_without_a_category_does_not_hold if {{
	held(world.question({{"pairs": [{{"n": 0}}]}})) == set()
}}
"""

_GROUND = """
import data.commons.lib.asked.positions

applies contains position.n if {{
	some position in positions
	position.rests_on == "article-6"
	position.term.lawful_basis == "6(1)(e)"
	input.caller.role_assured == true
}}
"""

_GROUND_TEST = """
applied(facts) := found if {{
	found := {name}.applies with input as facts with data.agreements as world.agreements
		with data.roles as world.roles
}}

test_a_term_on_its_basis_applies_where_the_condition_is_met if {{
	applied(world.question({{"caller": {{"role_assured": true}}}})) == {{0}}
}}

test_without_the_condition_it_does_not if {{
	applied(world.facts) == set()
}}

test_a_term_that_rests_on_consent_does_not if {{
	applied(object.union(world.asking("consented"), {{"caller": {{"role_assured": true}}}})) == set()
}}
"""

_OBLIGATION = """
import data.commons.lib.agreement.agreement

stated if is_string(agreement.id)

duties contains {{"type": "{duty}"}} if agreement.onward_sharing == true
"""

_OBLIGATION_TEST = """
test_an_agreement_with_the_condition_makes_it_a_duty if {{
	open := {{"agreement": object.union(world.agreement, {{"onward_sharing": true}})}}
	{name}.duties == {{{{"type": "{duty}"}}}} with input as world.facts with data.agreements as open
}}

test_one_without_it_does_not if {{
	count({name}.duties) == 0 with input as world.facts with data.agreements as world.agreements
	{name}.stated with input as world.facts with data.agreements as world.agreements
}}

test_without_an_agreement_it_cannot_be_stated if {{
	object.get({name}, "stated", "undefined") == "undefined" with input as world.facts with data.agreements as {{}}
}}
"""


def write(folder: Path, kind: Kind, name: str, category: str) -> tuple[Path, Path]:
    """Write the rule and its proof into a policies folder; gives both. Raises PolicyFolderError when the name is
    not one, or is there already."""
    if not _NAME.fullmatch(name):
        raise PolicyFolderError("a rule's name is lower-case words joined by _, such as assured_role")
    paths = (folder / _FOLDERS[kind] / f"{name}.rego", folder / _FOLDERS[kind] / f"{name}_test.rego")
    if any(path.exists() for path in paths):
        raise PolicyFolderError(f"{paths[0].name} is there already")
    order = 1 + max((rule.order for rule in rules.read(folder).values()), default=0)
    for path, text in zip(paths, made(kind, name, category, order), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def made(kind: Kind, name: str, category: str, order: int) -> tuple[str, str]:
    """The text of the rule and of its proof. `order`: of a limit, where it stands among the reasons."""
    title = name.replace("_", " ").capitalize()
    body, proof = {
        "limit": (_LIMIT, _LIMIT_TEST),
        "ground": (_GROUND, _GROUND_TEST),
        "obligation": (_OBLIGATION, _OBLIGATION_TEST),
    }[kind]
    words = {
        "name": name, "folder": _FOLDERS[kind], "category": category, "title": title,
        "duty": name.replace("_", "-"),
        "description": f"Say here what {title.lower()} asks for, and why.", "custom": _custom(kind, title, order),
    }  # fmt: skip
    return (_HEAD + body).format(**words), (_TEST_HEAD + proof).format(**words)


def _custom(kind: Kind, title: str, order: int) -> str:
    members: dict[str, object] = {}
    if kind == "limit":
        members |= {"order": order, "about": "request", "withheld_reason": "role-not-permitted"}
        members |= {"remedy": "change-request"}
    elif kind == "ground":
        members |= {"withheld_reason": "legal-basis-not-permitted", "remedy": "change-request"}
    else:
        members |= {"remedy": "change-request"}
    members |= {
        "legal_source": "UK GDPR Article 5(1)(f)",
        "agency": f"{title} is asked for here.",
        "citizen": f"{title} is asked for before a service sees this.",
    }
    return "\n".join(f"#   {name}: {value}" for name, value in members.items())
