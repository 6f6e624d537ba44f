"""Raw files by MAST's scripts, from a server that serves such scripts and files."""

import io
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy.io import fits

from tica_fn.cli import main
from tica_fn.errors import BadFileError
from tica_fn.remote.scripts import Choice, choose, moment, read_script

STAMPS = ("2018349182459", "2018349175459", "2018349185459", "2018350000459")
"""Of four cadences; the second is the first in time."""
TIC = 322899250


def file_bytes(seed, summed=True, **cards):
    rng = np.random.default_rng(seed)
    primary, image = fits.PrimaryHDU(), fits.ImageHDU(rng.integers(0, 2**20, (200, 300), np.int32))
    for keyword, value in cards.items():
        primary.header[keyword] = image.header[keyword] = value
    if summed:
        for hdu in (primary, image):
            hdu.add_checksum()
    written = io.BytesIO()
    fits.HDUList([primary, image]).writeto(written)
    return written.getvalue()


class Archive:
    """A folder as MAST's: scripts, and the files that they name under another address."""

    def __init__(self, root, serve):
        self.scripts, self.files = root / "scripts", root / "files"
        self.scripts.mkdir(parents=True)
        self.files.mkdir()
        self.server = serve(root)
        self.content = {}

    def add(self, kind, name, data):
        self.content[name] = data
        (self.files / name).write_bytes(data)
        path = self.scripts / f"tesscurl_sector_6_{kind}.sh"
        if not path.exists():
            path.write_text("#!/bin/sh\n")
        with path.open("a") as stream:
            stream.write(f"curl -C - -L -o {name} {self.server.url}files/{name}\n")

    @property
    def asked(self):
        return [path.rsplit("/", 1)[-1] for path, _ in self.server.log]


def ffir(stamp, camera, ccd, sector=6):
    return f"tess{stamp}-s{sector:04d}-{camera}-{ccd}-0126-s_ffir.fits"


@pytest.fixture
def archive(tmp_path, serve, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    place = Archive(tmp_path / "mast", serve)
    for number, stamp in enumerate(STAMPS):
        for camera, ccd in ((2, 3), (2, 4), (1, 3)):
            data = file_bytes(number * 100 + camera * 10 + ccd, CAMERA=camera, CCD=ccd)
            place.add("ffir", ffir(stamp, camera, ccd), data)
    return place


@pytest.fixture
def fetch(archive, tmp_path, capsys):
    def run(*more):
        words = ["fetch", "raw", "--sector", "6", "--remote", f"{archive.server.url}scripts"]
        words += ["--outdir", str(tmp_path / "raw"), "--tries", "1", "--timeout", "5"]
        code = main([*words, *map(str, more)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def there(tmp_path):
    return {path.name: path.read_bytes() for path in (tmp_path / "raw").iterdir()}


def test_one_ccd_is_loaded_and_no_other_file_is_asked_for(fetch, archive, tmp_path):
    code, out, err = fetch("--camera", 2, "--ccd", 3)
    wanted = {ffir(stamp, 2, 3) for stamp in STAMPS}
    assert code == 0, err
    assert there(tmp_path) == {name: archive.content[name] for name in wanted}
    assert sorted(archive.asked) == sorted(["tesscurl_sector_6_ffir.sh", *wanted])
    assert "4 fetched, 0 there already, 0 failed" in out
    assert len([line for line in err.splitlines() if line.startswith("[")]) == 4  # progress
    archive.server.log.clear()
    code, out, _ = fetch("--camera", 2, "--ccd", 3)
    assert (code, archive.asked) == (0, ["tesscurl_sector_6_ffir.sh"])
    assert "0 fetched, 4 there already" in out


def test_the_first_are_the_first_in_time_of_each_ccd(fetch, archive, tmp_path):
    assert fetch("--camera", 2, "--first", 2)[0] == 0
    stamps = sorted(STAMPS)[:2]
    assert set(there(tmp_path)) == {ffir(stamp, 2, ccd) for stamp in stamps for ccd in (3, 4)}


@pytest.mark.parametrize(
    ("start", "stop", "number"),
    [
        ("2018349182459", None, 3), ("2018-12-15T18:24:59", "2018-12-15T18:24:59", 1),
        (None, "2018-12-15", 0), ("2018-12-15", "2018-12-16", 3), ("1468.24", "1468.27", 2),
        ("2018-12-15T20:24:59+02:00", None, 3),
    ],
)  # fmt: skip
def test_times_from_and_to_and_a_list_only(fetch, archive, tmp_path, start, stop, number):
    words = ["--camera", 1, "--list-only"]
    words += ["--from", start] if start else []
    words += ["--to", stop] if stop else []
    code, out, err = fetch(*words)
    low = moment(start) if start else moment("100.0")
    high = moment(stop) if stop else moment("9999.0")
    names = [ffir(s, 1, 3) for s in sorted(STAMPS) if low <= moment(s) <= high]
    assert len(names) == number
    assert out.splitlines() == names
    assert code == (0 if number else 1)
    assert number or "matches the request" in err
    assert archive.asked == ["tesscurl_sector_6_ffir.sh"]
    assert not (tmp_path / "raw").exists()


def test_tjd_is_the_julian_date_less_2457000():
    from astropy.time import Time

    assert abs(Time(moment("1468.27")) - Time(2457000 + 1468.27, format="jd")).sec < 1e-3


def changed(data):
    return data[:-3000] + bytes([data[-3000] ^ 1]) + data[-2999:]


WRONG = {
    "a changed bit": (changed, "DATASUM"),
    "half of it": (lambda data: data[: len(data) // 2 // 2880 * 2880], "truncated"),
    "a login page": (lambda data: b"<html>log in</html>", "not a FITS file"),
    "another CCD's": (lambda data: file_bytes(1, CAMERA=2, CCD=1), "CCD 1"),
    "without sums": (lambda data: file_bytes(1, summed=False), "no checksum"),
    "with more behind it": (lambda data: data + bytes(2880), "its headers announce"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_one_wrong_file_is_told_and_does_not_stop_the_others(fetch, archive, tmp_path, wrong):
    spoil, said = wrong
    name = ffir(STAMPS[2], 2, 3)
    (archive.files / name).write_bytes(spoil(archive.content[name]))
    code, out, err = fetch("--camera", 2, "--ccd", 3)
    assert code == 1
    (line,) = [line for line in err.splitlines() if line.startswith("tica-fn: ")]
    assert name in line
    assert said in line
    assert "3 fetched, 0 there already, 1 failed" in out
    assert set(there(tmp_path)) == {ffir(s, 2, 3) for s in STAMPS} - {name}  # and no parts
    (archive.files / name).write_bytes(archive.content[name])
    assert "1 fetched, 3 there already" in fetch("--camera", 2, "--ccd", 3)[1]


def test_half_a_file_is_continued(fetch, archive, tmp_path):
    name = ffir(STAMPS[0], 2, 3)
    archive.server.etags[f"/files/{name}"] = '"one"'
    archive.server.break_after, archive.server.ranges = 60_000, False
    only = ("--camera", 2, "--ccd", 3, "--from", STAMPS[0], "--to", STAMPS[0])
    assert fetch(*only)[0] == 1
    assert not (tmp_path / "raw" / name).exists()
    archive.server.break_after, archive.server.ranges = None, True
    archive.server.log.clear()
    assert fetch(*only)[0] == 0
    assert (f"/files/{name}", "bytes=60000-") in archive.server.log
    assert there(tmp_path) == {name: archive.content[name]}


def test_a_half_file_of_another_program_is_made_whole(fetch, archive, tmp_path):
    name = ffir(STAMPS[0], 2, 3)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / name).write_bytes(archive.content[name][:50_000])
    assert fetch("--camera", 2, "--ccd", 3)[0] == 0
    assert there(tmp_path)[name] == archive.content[name]


def test_a_server_without_the_files_is_given_up(fetch, archive):
    for path in archive.files.iterdir():
        path.unlink()
    code, out, err = fetch("--jobs", 1)
    assert code == 1
    assert "no such file (404)" in err
    assert "not begun, because no download succeeded" in out
    assert len(archive.asked) < 10


def test_killed_at_any_time_and_completed(archive, tmp_path):
    archive.server.delay_s, archive.server.piece = 0.02, 2**13
    command = [sys.executable, "-m", "tica_fn", "fetch", "raw", "--sector", "6", "--camera", "2"]
    command += ["--remote", f"{archive.server.url}scripts", "--outdir", str(tmp_path / "raw")]
    for pause_s in (0.2, 0.5, 0.9):
        archive.server.log.clear()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while process.poll() is None and len(archive.server.log) < 2:
            time.sleep(0.005)
        time.sleep(pause_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in (tmp_path / "raw").glob("tess*"):
            assert path.read_bytes() == archive.content[path.name]
    archive.server.delay_s = 0.0
    assert subprocess.run(command, env=os.environ | {"NO_PROXY": "*"}).returncode == 0
    assert len(there(tmp_path)) == 8


def test_target_pixels_of_a_star_and_the_collateral_of_its_ccd(fetch, archive, tmp_path):
    for tic in (TIC, 12345678):
        name = f"tess{STAMPS[0]}-s0006-{tic:016d}-0126-s_tp.fits"
        archive.add("tp", name, file_bytes(tic % 1000, CAMERA=2, CCD=3, TICID=tic))
    for number, which in enumerate(("smrow-2-3-b", "tvcol-2-3-b", "tvcol-2-4-a")):
        name = f"tess{STAMPS[0]}-s0006-{which}-0126-s_col.fits"
        archive.add("col", name, file_bytes(number, CAMERA=2, CCD=int(which[8])))
    code, _, err = fetch("--kind", "tp", "--tic", TIC)
    assert code == 0, err
    star = f"tess{STAMPS[0]}-s0006-{TIC:016d}-0126-s_tp.fits"
    assert set(there(tmp_path)) == {star}
    assert fetch("--kind", "tp", "--tic", TIC, "--collateral")[0] == 0
    beside = {f"tess{STAMPS[0]}-s0006-{k}-2-3-b-0126-s_col.fits" for k in ("smrow", "tvcol")}
    assert set(there(tmp_path)) == {star, *beside}
    assert set(fetch("--kind", "col", "--ccd", 4, "--list-only")[1].split()) == {
        f"tess{STAMPS[0]}-s0006-tvcol-2-4-a-0126-s_col.fits"
    }


SCRIPTS = {
    "a web page": ("<html>moved</html>\n", "not a download script"),
    "nothing": ("", "not a download script"),
    "a file of ours": (f"curl -o {ffir(STAMPS[0], 2, 3)} file:///etc/passwd\n", "file:///etc"),
    "a path for a name": (f"curl -o ../{ffir(STAMPS[0], 2, 3)} http://x/\n", "none of its 0"),
    "another sector": (f"curl -o {ffir(STAMPS[0], 2, 3, 7)} http://x/\n", "none of its 0"),
    "no name": ("curl -L http://x/\n", "none of its 0"),
    "a date that is none": (f"curl -o {ffir('2018999999999', 2, 3)} http://x/\n", "none of its 0"),
    "an open quote": ("curl -o 'a http://x/\ncurl x\n", "none of its 0"),
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_scripts_that_are_none(fetch, archive, tmp_path, script):
    text, said = script
    (archive.scripts / "tesscurl_sector_6_ffir.sh").write_text(text)
    code, out, err = fetch()
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert said in err
    assert not (tmp_path / "raw").exists()
    assert not list(tmp_path.rglob("*passwd*"))


def test_a_sector_without_a_script(fetch, archive):
    (archive.scripts / "tesscurl_sector_6_ffir.sh").unlink()
    code, _, err = fetch()
    assert code == 1
    assert "no ffir files of sector 6" in err


@pytest.mark.parametrize(
    "words",
    [("--from", "yesterday"), ("--kind", "tp", "--camera", 2), ("--tic", TIC), ("--collateral",)],
)
def test_choices_that_contradict_each_other(fetch, words):
    code, _, err = fetch(*words)
    assert code == 2
    assert len(err.splitlines()) == 1


def test_a_script_of_a_whole_sector_is_read_line_by_line(tmp_path):
    """As many lines as a sector of 10-minute exposures has, and a little less."""
    script = tmp_path / "script"
    with script.open("w") as stream:
        for n in range(2_000):
            stamp = f"2022{100 + n // 400:03d}{n % 400 // 20:02d}{n % 20:02d}00"
            for ccd in range(1, 17):
                name = ffir(stamp, (ccd - 1) // 4 + 1, (ccd - 1) % 4 + 1, 60)
                stream.write(f"curl -C - -L -o {name} https://mast.stsci.edu/x?uri=mast:{name}\n")
    found = choose(read_script(script, "http://x/s.sh", "ffir"), Choice(camera=4, ccd=4, first=3))
    assert [one.name[4:17] for one in found] == ["2022100000000", "2022100000100", "2022100000200"]
    assert found[0].url == f"https://mast.stsci.edu/x?uri=mast:{found[0].name}"


@pytest.mark.parametrize(
    "address", ["http://[]/x", "http://[1::2/x", "http://a:b/x", "file:///etc/passwd"]
)
def test_an_address_that_is_none_is_refused_with_its_script(tmp_path, address):
    script = tmp_path / "script"
    script.write_text(f"curl -C - -L -o {ffir('2022100000000', 1, 1, 60)} {address}\n")
    with pytest.raises(BadFileError, match=re.escape("http://x/s.sh: the address of tess")):
        list(read_script(script, "http://x/s.sh", "ffir"))
