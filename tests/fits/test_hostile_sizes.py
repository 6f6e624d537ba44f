"""Sizes that headers state: each is refused in one line, at once and without memory."""

import gzip
import io
import resource
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from tests.inputs import name_of, raw_ffi
from tica_fn.errors import BadFileError
from tica_fn.fits.blocks import content, headers_of, read_blocks, read_headers
from tica_fn.fits.large import held, table_rows


def with_cards(data, cards, hdu=1):
    """Bytes of a file in whose header some cards are others, or new."""
    start = data.index(b"XTENSION") if hdu else 0
    end = start
    while not any(data[end + i : end + i + 8] == b"END     " for i in range(0, 2880, 80)):
        end += 2880
    end += 2880
    lines = [data[i : i + 80] for i in range(start, end, 80)]
    for keyword, value in cards.items():
        line = f"{keyword:<8}= {value:>20}".ljust(80).encode("ascii")
        places = [n for n, old in enumerate(lines) if old[:8].decode().strip() == keyword]
        place = (
            places[0]
            if places
            else next(n for n, old in enumerate(lines) if old[:8] == b"END     ")
        )
        if places:
            lines[place] = line
        else:
            lines.insert(place, line)
    head = b"".join(lines).rstrip(b" ")
    head = head[: head.rindex(b"END") + 3] if not head.endswith(b"END") else head
    head += b" " * (-len(head) % 2880)
    return data[:start] + head + data[end:]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("raw") / name_of()
    raw_ffi(path, np.zeros((2078, 2136), np.int32), checksum=False)
    return path.read_bytes()


@pytest.fixture(scope="module")
def table():
    columns = [fits.Column("A", "J", array=np.arange(5)), fits.Column("B", "3E")]
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(out)
    return out.getvalue()


@pytest.fixture(scope="module")
def packed():
    out = io.BytesIO()
    image = fits.CompImageHDU(np.zeros((64, 64), np.int32), compression_type="RICE_1")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(out)
    return out.getvalue()


BAD = [
    {"NAXIS": -1}, {"NAXIS": 1000}, {"NAXIS": 10**12}, {"NAXIS": 2.0}, {"NAXIS": "'2'"},
    {"NAXIS": "T"}, {"NAXIS1": -1}, {"NAXIS2": -2136}, {"NAXIS2": 2**62}, {"NAXIS1": 10**30},
    {"NAXIS1": "1E400"}, {"NAXIS2": ""}, {"PCOUNT": -2880}, {"PCOUNT": 10**15}, {"GCOUNT": -1},
    {"GCOUNT": 0}, {"GCOUNT": 10**12}, {"BITPIX": 0}, {"BITPIX": 33}, {"BITPIX": -8},
    {"BITPIX": 10**9}, {"NAXIS": 3}, {"NAXIS1": 2**31, "NAXIS2": 2**31},
]  # fmt: skip


@pytest.mark.parametrize("cards", BAD, ids=str)
@pytest.mark.parametrize("zipped", [False, True])
def test_impossible_sizes_of_images_are_refused(cards, zipped, plain, tmp_path):
    data = with_cards(plain, cards)
    path = tmp_path / ("x.fits" + ".gz" * zipped)
    path.write_bytes(gzip.compress(data, 1) if zipped else data)
    for read in (read_blocks, read_headers):
        with pytest.raises(BadFileError, match=rf"{path.name}: HDU 1: ") as caught:
            read(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cards", [
    {"TFIELDS": 999999999999}, {"TFIELDS": -1}, {"TFIELDS": 3}, {"TFORM1": "'999999999999J'"},
    {"TFORM1": "'nonsense'"}, {"TFORM1": 5}, {"NAXIS1": 8}, {"THEAP": -5}, {"THEAP": 10**9},
    {"TDIM2": "'(9999999,99999)'"}, {"GCOUNT": 2}, {"BITPIX": 16}, {"PCOUNT": 2**40},
])  # fmt: skip
def test_impossible_tables_are_refused(cards, table):
    with pytest.raises(BadFileError, match=r"x\.fits"):
        table_rows("x.fits", read_blocks("x.fits", memoryview(with_cards(table, cards)))[1])


@pytest.mark.parametrize("cards", [
    {"ZNAXIS": -1}, {"ZNAXIS": 10**9}, {"ZNAXIS1": 10**9}, {"ZNAXIS2": -3}, {"ZNAXIS1": 2**40},
    {"ZBITPIX": 7}, {"ZTILE1": 0}, {"ZTILE1": -5}, {"ZTILE2": 10**9}, {"ZTILE1": 3},
])  # fmt: skip
def test_impossible_packed_images_are_refused(cards, packed):
    with pytest.raises(BadFileError, match=r"x\.fits: HDU 1"):
        read_blocks("x.fits", memoryview(with_cards(packed, cards)))


def measured(code, *args):
    """Run some code by itself; gives what it said and its largest memory in bytes."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip


READ = """
import resource, sys
from tica_fn.fits.blocks import read_blocks
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_blocks(sys.argv[1])
except OSError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("kind", ["zeros behind", "zeros in the header", "many hdus", "as said"])
def test_a_packed_file_is_not_unpacked_without_end(kind, plain, tmp_path):
    size = 2 << 30
    more = {
        "zeros behind": plain,
        "zeros in the header": b"SIMPLE  =                    T".ljust(80),
        "many hdus": plain,
        "as said": with_cards(plain, {"NAXIS1": 20000, "NAXIS2": 25000}),
    }[kind]
    empty = fits.ImageHDU().header.tostring().encode("ascii")
    fill = {"zeros in the header": b" " * 2880, "many hdus": empty}.get(kind, bytes(2880)) * 400
    path = tmp_path / "x.fits.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(more)
        for _ in range(size // 16 // len(fill)):
            file.write(fill)
    # The same over and over: members of a gzip file may follow each other.
    body = gzip.compress(fill * 100, 1)
    with path.open("ab") as file:
        for _ in range(size // len(fill) // 100):
            file.write(body)
    done = measured(READ, path)
    said, memory = done.stdout.strip().split("\n")
    assert said.startswith(str(path))
    assert int(memory) < 200 * 1024


def test_a_whole_file_of_full_size_is_still_read(plain, tmp_path):
    path = tmp_path / "x.fits.gz"
    path.write_bytes(gzip.compress(plain + b"special records" * 100, 1))
    assert bytes(content(path))[: len(plain)] == plain
    assert len(read_blocks(path)) == 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0


def test_headers_alone_are_those_of_the_whole_file(plain, tmp_path):
    more = plain + fits.ImageHDU(np.ones((5, 7), np.int16)).header.tostring().encode() + bytes(2880)
    path, packed = tmp_path / "x.fits", tmp_path / "x.fits.gz"
    path.write_bytes(more)
    packed.write_bytes(gzip.compress(more, 1))
    whole = read_blocks(path)
    for found in (read_headers(path), list(headers_of(path)), list(headers_of(packed))):
        assert [hdu.text for hdu in found] == [hdu.text for hdu in whole]
    assert [bytes(hdu.data) for hdu in read_headers(path)] == [bytes(hdu.data) for hdu in whole]


def test_a_file_that_becomes_shorter_is_an_error_and_no_signal(plain, tmp_path):
    path = tmp_path / "x.fits"
    path.write_bytes(plain)
    hdus = read_headers(path)
    with path.open("rb+") as file:
        file.truncate(100_000)
    with pytest.raises(BadFileError, match="changed by another program"):
        _ = hdus[1].data


@pytest.mark.parametrize("kind", ["zeros behind", "more than it holds"])
def test_collateral_is_not_unpacked_without_end(kind, table, tmp_path):
    path = tmp_path / "x.fits.gz"
    if kind == "zeros behind":
        path.write_bytes(gzip.compress(table, 1) + gzip.compress(bytes(1 << 24), 1) * 64)
    else:
        path.write_bytes(gzip.compress(with_cards(table, {"NAXIS2": 10**12}), 1))
    with pytest.raises(BadFileError, match=r"x\.fits\.gz: .*(headers say|headers announce)"):
        held(path)
    whole = tmp_path / "y.fits.gz"
    whole.write_bytes(gzip.compress(table, 1))
    assert held(whole).read(0, 2 * len(table)) == table


def test_continue_cards_without_strings_are_no_error_of_astropys(plain, table, tmp_path):
    lines = b"".join(line.ljust(80) for line in (
        b"NEXTEND = 'text' / comment", b"CONTINUE  5", b"EXTNAME = 'a&'", b"CONTINUE  (1, 2)",
    ))  # fmt: skip
    for number, data in enumerate((plain, table)):
        start = data.index(b"END     ")
        head = data[:start] + lines + b"END".ljust(80)
        path = tmp_path / f"{number}.fits"
        path.write_bytes(head.ljust(-(-len(head) // 2880) * 2880) + data[2880:])
        header = read_blocks(path)[0].header
        assert [str(header[keyword]) for keyword in header]
        assert read_headers(path)[0].header.get("NEXTEND") in (None, "text")
