"""The documents stay true: every test that docs/failures.md names exists, and the README's code runs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (?P<failure>.+?) \| (?P<proof>.+?) \|$")


def rows() -> list[tuple[str, str]]:
    lines = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8").splitlines()
    found = [match for line in lines if (match := ROW.match(line))]
    return [(match["failure"], match["proof"]) for match in found if match["failure"] not in {"failure", "---"}]


def defined_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_failure_is_proven_by_tests_that_exist_or_says_not_yet() -> None:
    proven = 0
    for failure, proof in rows():
        if proof.startswith("not yet"):
            continue
        identifiers = re.findall(r"`([^`]+)`", proof)
        assert identifiers, f"{failure}: neither a test nor 'not yet'"
        for identifier in identifiers:
            file, _, test = identifier.partition("::")
            path = ROOT / file
            assert path.is_file(), f"{failure}: there is no {file}"
            assert test in defined_in(path), f"{failure}: there is no {test} in {file}"
            proven += 1
    assert proven > 30


def test_the_table_of_failures_lists_each_once() -> None:
    failures = [failure for failure, _ in rows()]
    assert len(failures) == len(set(failures))
    assert len(failures) >= 60


def readme_blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_first_program_of_the_readme_runs_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    program = readme_blocks("python")[0]
    assert ".run()" in program
    (tmp_path / "bot.py").write_text(program.replace(".run()", ".run(max_iterations=2)").replace('"1S"', "0"))
    for expected in (["1", "2"], ["3", "4"]):
        done = subprocess.run(
            [sys.executable, "bot.py"], cwd=tmp_path, capture_output=True, text=True, check=True, env={"PATH": ""}
        )
        assert re.findall(r"\d+", done.stdout) == expected


def test_the_readme_shows_code_before_line_thirty_and_stays_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines.index("```python") < 30
    assert len(lines) < 120


def test_the_documents_and_the_code_name_no_machine_and_no_registry() -> None:
    forbidden = re.compile(r"/work/|/root/|pypi\.org|npmjs|registry\.\w+\.(?:com|org|io)")
    here = Path(__file__)
    for path in [*ROOT.glob("*.*"), *ROOT.glob("src/**/*.py"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/**/*.py")]:
        if path.is_file() and path != here:
            assert not forbidden.search(path.read_text(encoding="utf-8")), path
