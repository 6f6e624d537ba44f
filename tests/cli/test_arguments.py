"""Numbers that an option can't have are wrong arguments: exit code 2, one error that names them."""

import pytest

from tica_fn.cli import main

WRONG = """
simulate --camera 9
simulate --ccd 0
simulate --frames 0
simulate --sector 0
simulate --seed -1
simulate --exposure nan
simulate --exposure 7
simulate --psf-sigma -1
simulate --psf-growth -9
simulate --hot 2
simulate --background -5
simulate --full-well nan
simulate --read-noise -1
simulate --read-noise 3 --no-noise
simulate --smear 3
simulate --jitter -1
simulate --format target --stamp 5000,3
demo --seed -1
cutout x --ra nan --dec 0 -o y
cutout x --ra 0 --dec 91 -o y
cutout x --ra 0 --dec 9 --size 0 -o y
wcs refstars x --camera 5 -o y
wcs refstars x --wing 0 -o y
wcs refstars x --epoch 3 -o y
wcs fit x --refstars y --degree 12
compare a b --relative nan
compare a b --sky -3
compare a --calibrate b
status x --interval 0
stage a b --sector 0 --orbit o1
select-dark
select-dark x --gap -1
select-dark x --dark-factor nan
models build bias x --sigma 1 -o y
models fetch 10min --timeout 0
fetch raw --sector 1 --timeout nan
run x --degree 0
regtest --right 11min
regtest --sky -1
"""


@pytest.mark.parametrize("line", WRONG.strip().splitlines())
def test_numbers_out_of_range_are_wrong_arguments(line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(line.split())
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("tica-fn")
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())
