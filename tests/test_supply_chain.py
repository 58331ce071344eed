"""What is installed is what was looked at: every file by its hash; and what is built is the same bytes everywhere."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)


def pins(name):
    """The versions of each package: one, or several for different Pythons."""
    found = defaultdict(set)
    for package, version in PIN.findall((ROOT / name).read_text()):
        found[canonicalize_name(package)].add(version)
    return found


def test_hashed_constraints_are_those_of_constraints_txt():
    plain, hashed = pins("constraints.txt"), pins("constraints-hashed.txt")
    both = plain.keys() & hashed.keys()
    moved = {name: (plain[name], hashed[name]) for name in both if plain[name] != hashed[name]}
    assert not moved, "run `make lock`"
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*declared["dependencies"], *chain(*declared["optional-dependencies"].values())]
    missing = {canonicalize_name(Requirement(line).name) for line in wanted} - set(hashed)
    assert not missing, "run `make lock`"


def test_every_hashed_constraint_has_a_hash_and_no_address():
    text = (ROOT / "constraints-hashed.txt").read_text()
    entries = text.split("\n", 1)[1].replace("\\\n", " ").splitlines()
    assert len(entries) > 100
    for entry in entries:
        assert PIN.match(entry) and re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert "://" not in text and "--index" not in text


def test_two_builds_of_the_wheel_are_byte_identical(tmp_path):
    """From trees that differ in what must not matter: place, times, modes, and the order of sets."""
    built = []
    for number, mode in ((1, 0o644), (2, 0o600)):
        tree = tmp_path / f"tree{number}"
        tree.mkdir()
        for name in ("judge", "prompts"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
            shutil.copy(ROOT / name, tree / name)
        for path in tree.rglob("*"):
            if path.is_file():
                os.utime(path, (number * 1e8, number * 1e8))
                path.chmod(mode)
        environment = {**os.environ, "PYTHONHASHSEED": str(number), "TZ": f"UTC{number}"}
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (wheel,) = (tree / "dist").glob("*.whl")
        built.append(wheel.read_bytes())
    assert built[0] == built[1]
