# SPDX-License-Identifier: Apache-2.0
"""Where engines part: each trap that shaped the rules, pinned. One that no longer shows means the engine changed:
read docs/reference/policy.md again before trusting it more."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import regorus

UNDEFINED = "<undefined>"
Modules = dict[str, str]

COUNTED = """package commons.access
allow[i] := count(held) == count(data.manifest.limits) if {
	some i in [0]
	packages := data.commons.limits
	held := {name | some name in data.manifest.limits; i in packages[name].holds}
}
"""
EVERY = """package commons.access
allow contains i if {
	some i in [0]
	every name in data.manifest.limits { i in data.commons.limits[name].holds }
}
"""
NOT_MISSING = """package commons.access
missing contains 0 if { some name in data.manifest.limits; not 0 in data.commons.limits[name].holds }
allow contains 0 if not 0 in missing
"""
ACTIVE = "package commons.limits.active\nholds contains 0 if input.active == true\n"
KNOWN = "package commons.limits.known\nholds contains 0 if input.known == true\n"
DATA = {"manifest": {"limits": ["active", "known"]}}
GOOD = {"active": True, "known": True}


def interpreted(modules: Modules, rule: str, given: Any, data: Any = None) -> Any:
    engine = regorus.Engine()
    for name, text in modules.items():
        engine.add_policy(name, text)
    engine.add_data_json(json.dumps(data or {}))
    engine.set_input_json(json.dumps(given))
    return json.loads(engine.eval_rule_as_json(rule))


def virtual(modules: Modules, rule: str, given: Any, data: Any = None) -> Any:
    program = regorus.Program.compile_from_modules(json.dumps(data or {}), list(modules.items()), [rule])
    machine = regorus.Rvm()
    machine.load_program(program)
    machine.set_data_json(json.dumps(data or {}))
    machine.set_input_json(json.dumps(given))
    answer = machine.execute_entry_point(rule)
    return UNDEFINED if answer == UNDEFINED else json.loads(answer)


@pytest.fixture
def oracle(opa: str, tmp_path: Path) -> Any:
    def ask(modules: Modules, rule: str, given: Any, data: Any = None) -> Any:
        for name, text in modules.items():
            (tmp_path / f"{name}.rego").write_text(text)
        (tmp_path / "data.json").write_text(json.dumps(data or {}))
        (tmp_path / "input.json.txt").write_text(json.dumps(given))
        paths = [f"--data={tmp_path / name}.rego" for name in modules] + [f"--data={tmp_path / 'data.json'}"]
        command = [opa, "eval", *paths, f"--input={tmp_path / 'input.json.txt'}", "--format=json", rule]
        result = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
        return result["result"][0]["expressions"][0]["value"] if "result" in result else UNDEFINED

    return ask


def allows(answer: Any) -> bool:
    return answer not in (UNDEFINED, [], {}, {"0": False})


CASES: list[tuple[str, Modules, Any, bool]] = [
    ("all good", {"active": ACTIVE, "known": KNOWN}, GOOD, True),
    ("a fact missing", {"active": ACTIVE, "known": KNOWN}, {"active": True}, False),
    ("a limit's file gone", {"active": ACTIVE}, GOOD, False),
    ("empty input", {"active": ACTIVE, "known": KNOWN}, {}, False),
]


@pytest.mark.parametrize(("name", "limits", "given", "right"), CASES, ids=[case[0] for case in CASES])
def test_the_counted_form_is_right_in_every_engine(
    oracle: Any, name: str, limits: Modules, given: Any, right: bool
) -> None:
    modules = {"access": COUNTED, **limits}
    for ask in (interpreted, virtual, oracle):
        assert allows(ask(modules, "data.commons.access.allow", given, DATA)) is right


@pytest.mark.parametrize(("name", "limits", "given", "right"), CASES, ids=[case[0] for case in CASES])
def test_every_over_a_dynamic_path_is_open_in_the_virtual_machine(
    oracle: Any, name: str, limits: Modules, given: Any, right: bool
) -> None:
    modules = {"access": EVERY, **limits}
    assert allows(interpreted(modules, "data.commons.access.allow", given, DATA)) is right
    assert allows(oracle(modules, "data.commons.access.allow", given, DATA)) is right
    open_to = virtual(modules, "data.commons.access.allow", given, DATA)
    assert allows(open_to) is (given != {}), "mended: read the reference again"


def test_a_double_negation_is_open_in_opa_when_a_limits_file_is_gone(oracle: Any) -> None:
    modules = {"access": NOT_MISSING, "active": ACTIVE}
    assert not allows(interpreted(modules, "data.commons.access.allow", GOOD, DATA))
    assert allows(oracle(modules, "data.commons.access.allow", GOOD, DATA))


def test_a_call_with_something_undefined_inside_not_is_judged_otherwise(oracle: Any) -> None:
    modules = {"t": 'package t\nredact if not input.role in object.get(input, ["roles"], [])\n'}
    assert interpreted(modules, "data.t.redact", {}) is True
    assert oracle(modules, "data.t.redact", {}) == UNDEFINED


def test_a_head_that_is_undefined_once_loses_the_whole_rule_in_the_interpreter(oracle: Any) -> None:
    modules = {"t": 'package t\nreason[n] := why(n) if some n in [0, 2]\nwhy(n) := "because" if n == 0\n'}
    assert oracle(modules, "data.t.reason", {}) == {"0": "because"}
    assert interpreted(modules, "data.t.reason", {}) == {}
    bound = modules["t"].replace(
        ":= why(n) if some n in [0, 2]", ":= text if {\nsome n in [0, 2]\ntext := why(n)\n}"
    )
    for ask in (interpreted, oracle):
        assert ask({"t": bound}, "data.t.reason", {}) == {"0": "because"}


def test_an_element_that_is_undefined_once_is_an_error_in_the_interpreter(oracle: Any) -> None:
    modules = {"t": 'package t\nheld contains why(n) if some n in [2, 0]\nwhy(n) := "because" if n == 0\n'}
    assert oracle(modules, "data.t.held", {}) == ["because"]
    with pytest.raises(RuntimeError, match="not an object"):
        interpreted(modules, "data.t.held", {})


def test_an_iteration_over_what_is_no_collection_is_an_error_in_the_interpreter(oracle: Any) -> None:
    modules = {"t": 'package t\nheld := [x | some x in "text"]\n'}
    assert oracle(modules, "data.t.held", {}) == []
    with pytest.raises(RuntimeError):
        interpreted(modules, "data.t.held", {})


def test_a_default_function_is_undefined_in_the_virtual_machine(oracle: Any) -> None:
    modules = {"t": "package t\ndefault f(_) := 3\nf(x) := x if x > 5\nr := f(1)\n"}
    assert interpreted(modules, "data.t.r", {}) == 3
    assert oracle(modules, "data.t.r", {}) == 3
    assert virtual(modules, "data.t.r", {}) == UNDEFINED


def test_zero_and_every_text_are_true_enough_unless_compared(oracle: Any) -> None:
    modules = {"t": "package t\nloose if input.active\nstrict if input.active == true\n"}
    for ask in (interpreted, oracle):
        for value in (0, 1, "", "no"):
            assert ask(modules, "data.t.loose", {"active": value}) is True
            assert ask(modules, "data.t.strict", {"active": value}) == UNDEFINED


def test_every_text_is_later_than_every_instant(oracle: Any) -> None:
    modules = {"t": "package t\nin_force if input.until > 1795000000\n"}
    for ask in (interpreted, oracle):
        assert ask(modules, "data.t.in_force", {"until": "0"}) is True


def test_what_is_undefined_is_said_with_a_word_in_quotes() -> None:
    assert interpreted({"t": "package t\nr if input.x\n"}, "data.t.r", {}) == UNDEFINED


def test_python_booleans_are_kept_by_this_build_but_text_is_what_we_send() -> None:
    engine = regorus.Engine()
    engine.add_policy("t", "package t\nkept if input.active == false\n")
    engine.set_input({"active": False})
    assert json.loads(engine.eval_rule_as_json("data.t.kept")) is True


def test_a_panic_is_no_exception_that_a_broad_handler_would_catch() -> None:
    engine = regorus.Engine()
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            engine.set_input_json("{}")
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert not isinstance(raised[0], Exception)


def test_an_else_without_a_value_is_lost_where_the_branch_before_it_gave_one(opa: str, tmp_path: Path) -> None:
    """OPA: true. The interpreter: undefined, so that whatever needs it refuses."""
    rule = 'package a\nf(x) := false if { x == "n" } else if { x == "c" } else := false\nr := f("c")\n'
    (tmp_path / "a.rego").write_text(rule)
    said = subprocess.run(
        [opa, "eval", "-d", str(tmp_path), "data.a.r"], capture_output=True, text=True, check=True, timeout=30
    )
    assert json.loads(said.stdout)["result"][0]["expressions"][0]["value"] is True
    engine = regorus.Engine()
    engine.add_policy("a.rego", rule)
    engine.set_input_json("{}")
    assert engine.eval_rule_as_json("data.a.r") != "true"


def test_a_variable_of_a_comprehension_inside_another_of_its_name_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="used before definition"):
        interpreted({"a.rego": "package a\nr := [x | some x in {x | some x in [1]}]\n"}, "data.a.r", {})
