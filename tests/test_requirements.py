"""requirements.lock holds the hashes of what constraints.txt pins and pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]


def lines(name):
    """The lines of a requirements file, without comments, each with its hashes on it."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", "")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def versions(lines):
    pins = [line.split()[0].split("==") for line in lines]
    assert len({canonicalize_name(name) for name, _ in pins}) == len(pins)
    return {canonicalize_name(name): Version(version) for name, version in pins}


@pytest.fixture
def locked():
    return versions(lines("requirements.lock")[1:])


def test_every_line_is_a_version_with_hashes_of_wheels():
    # What comes as source would be built, by tools that nobody has checked.
    wheels_only, *pins = lines("requirements.lock")
    assert wheels_only == "--only-binary :all:"
    for pin in pins:
        assert re.fullmatch(r"[\w.-]+==[\w.+]+( +--hash=sha256:[0-9a-f]{64})+", pin), pin


def test_versions_are_those_of_the_constraints(locked):
    # The one local label is that of the build of torch without CUDA.
    labels = {name: version.local for name, version in locked.items() if version.local}
    assert labels == {"torch": "cpu"}
    public = {name: Version(version.public) for name, version in locked.items()}
    assert public == versions(lines("constraints.txt"))


def test_nothing_that_alvae_asks_for_is_missing(locked):
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    asked = pyproject["build-system"]["requires"] + project["dependencies"]
    for extra in project["optional-dependencies"].values():
        asked += extra
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        if name != project["name"]:  # alvae[cluster]: its extras are among those above
            assert name in locked
            assert locked[name] in requirement.specifier, requirement
