# SPDX-License-Identifier: Apache-2.0
"""The wheel that others install holds all that the gateway needs, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree without network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("commons_gateway-*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Paths of all files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _sources(folder: str) -> set[str]:
    paths = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT / folder).as_posix() for path in paths}


@pytest.mark.parametrize(
    ("folder", "packed"),
    [
        ("policies", "gateway/_policies"),
        ("deploy/migrations", "gateway/_migrations"),
        ("gateway", "gateway"),
        ("consent", "consent"),
        ("connectors", "connectors"),
    ],
)
def test_every_file_of_a_room_is_packed(folder: str, packed: str, names: set[str]) -> None:
    wanted = {f"{packed}/{name}" for name in _sources(folder)}
    assert wanted
    assert not wanted - names


@pytest.mark.parametrize("package", ["gateway", "consent", "connectors"])
def test_each_package_says_that_it_is_typed(package: str, names: set[str]) -> None:
    assert f"{package}/py.typed" in names


def test_nothing_but_our_packages_and_metadata_is_packed(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"gateway", "consent", "connectors"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_licence_travels_with_the_wheel(names: set[str]) -> None:
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]


def test_the_installed_wheel_finds_its_own_migrations(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    url = f"sqlite:///{tmp_path / 'commons.db'}"
    program = f"import gateway, gateway.migrate as m; print(gateway.__file__, m.upgrade({url!r}) == m.head())"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.split() == [str(installed / "gateway" / "__init__.py"), "True"]
