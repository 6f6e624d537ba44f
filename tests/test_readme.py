"""The Python examples of the README run as they stand, one after the other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_python_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    names: dict = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("electron ('subtract_bias', 'subtract_pedestal', 'apply_gain'")
    assert said[1:] == ["electron", "True"]
    assert (tmp_path / "calibrated.cal.fits").stat().st_size % 2880 == 0


def test_commands_named_exist():
    from tica_fn.cli.commands import NAMES

    named = set(re.findall(r"^    tica-fn (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named
    assert named <= set(NAMES)
