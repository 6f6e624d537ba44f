"""Star catalogues as people have them: identifiers, names, units, files that want memory."""

import bz2
import contextlib
import gzip
import lzma
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, QTable, Table
from isal import igzip

from tica_fn.cli import main
from tica_fn.errors import BadFileError
from tica_fn.wcs import catalog_of_table, catalog_tables, read_catalog, read_reference_stars
from tica_fn.wcs.identifiers import identifiers

TIC = [261136679, 25155310, 2**53]


def table(**more):
    columns = {"ra": [10.0, 11.0, 12.0], "dec": [5.0, -5.0, 6.0], "tmag": [9.0, 10.0, 11.0]}
    return Table(columns | more)


@pytest.mark.parametrize("ids", [
    np.array(TIC), np.array(TIC, np.uint64), np.array(TIC, float), np.array(TIC, ">f8"),
    [str(one) for one in TIC], [f"{one}.0" for one in TIC], [f"TIC {one}" for one in TIC],
    np.array(TIC, object), np.array([float(one) for one in TIC], object),
    [f"TIC{one}".encode() for one in TIC],
], ids=lambda ids: str(np.asarray(ids).dtype))  # fmt: skip
def test_identifiers_are_whole_numbers_however_they_are_written(ids):
    stars = catalog_of_table(table(ID=ids))
    assert stars.ids.dtype == np.int64
    assert stars.ids.tolist() == TIC


@pytest.mark.parametrize("ids", [
    MaskedColumn(TIC, mask=[False, True, False]),
    MaskedColumn(np.array(TIC, float), mask=[False, True, False]),
    MaskedColumn([str(one) for one in TIC], mask=[False, True, False]),
    [float(TIC[0]), np.nan, float(TIC[2])], [str(TIC[0]), "", str(TIC[2])],
    np.array([TIC[0], None, TIC[2]], object), [str(TIC[0]), "nan", str(TIC[2])],
    ["TIC 261136679", "no name", f"TIC {2**53}"],
])  # fmt: skip
def test_a_star_without_identifier_has_none(ids):
    assert catalog_of_table(table(ID=ids)).ids.tolist() == [TIC[0], 0, TIC[2]]


def test_identifiers_that_lost_digits_are_refused():
    gaia = 4472832130942575872
    exact = catalog_of_table(table(source_id=[gaia, gaia + 1, 7]))
    assert exact.ids.tolist() == [gaia, gaia + 1, 7]
    for lost in (np.array([gaia, 1, 2], float), [f"{gaia:e}", "1", "2"], [f"{gaia}.0", "1", "2"]):
        with pytest.raises(ValueError, match=r"above 2\^53"):
            catalog_of_table(table(source_id=lost))
    with pytest.raises(ValueError, match="not integers"):
        identifiers(np.array([1.5]))
    with pytest.raises(ValueError, match=r"2\^63"):
        identifiers(np.array([2**63], np.uint64))


def test_a_data_frame_with_a_missing_identifier():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"ID": [TIC[0], None, TIC[2]], "ra": [1.0, 2, 3], "dec": [1.0, 2, 3], "Tmag": [8.0, 9, 10]}
    )
    assert frame["ID"].dtype == float
    stars = catalog_of_table(frame)
    assert stars.ids.tolist() == [TIC[0], 0, TIC[2]]
    assert stars.epoch == 2000.0
    frame["ID"] = frame["ID"].astype("Int64")
    assert catalog_of_table(frame).ids.tolist() == [TIC[0], 0, TIC[2]]


def test_a_csv_of_pandas_with_a_missing_identifier(tmp_path):
    path = tmp_path / "stars.csv"
    path.write_text("ID,ra,dec,Tmag\n261136679.0,1,1,8\n,2,2,9\n25155310.0,3,3,10\n")
    assert read_catalog(path).ids.tolist() == [261136679, 0, 25155310]


@pytest.mark.parametrize("unit", [None, "h:m:s"])
@pytest.mark.parametrize("style", ["hmsdms", ":", " "])
def test_sexagesimal_positions_are_hours_and_degrees(style, unit):
    ra, dec = [83.633212, 0.001, 359.99], [22.01446, -0.5, -89.5]
    places = SkyCoord(ra, dec, unit="deg")
    options = {"style": "hmsdms"} if style == "hmsdms" else {"style": "hmsdms", "sep": style}
    words = [place.to_string(precision=4, **options).split() for place in places]
    half = [len(one) // 2 for one in words]
    across = [" ".join(one[:n]) for one, n in zip(words, half, strict=True)]
    up = [" ".join(one[n:]) for one, n in zip(words, half, strict=True)]
    given = Table({"RAJ2000": across, "DEJ2000": up, "Tmag": [8.0, 9.0, 10.0]})
    if unit:
        given["RAJ2000"].unit = unit
    stars = catalog_of_table(given)
    apart = SkyCoord(stars.ra, stars.dec, unit="deg").separation(places).to_value("arcsec")
    assert apart.max() < 2e-3


def test_right_ascension_in_hours():
    given = table()
    given["ra"] = given["ra"] / 15
    given["ra"].unit = "hourangle"
    np.testing.assert_allclose(catalog_of_table(given).ra, [10, 11, 12])
    given["ra"].unit = "h"
    np.testing.assert_allclose(catalog_of_table(given).ra, [10, 11, 12])


def test_text_that_is_no_position_is_refused():
    given = table()
    given["ra"] = ["1.0", "2.0", "here"]
    with pytest.raises(ValueError, match="column ra can't be read"):
        catalog_of_table(given)
    given["ra"] = ["1.0", "2.0", ""]
    assert len(catalog_of_table(given).ra) == 2


def test_names_of_vizier_and_upper_case():
    gaia = Table({"RA_ICRS": [10.0], "DE_ICRS": [5.0], "Source": [4472832130942575872],
                  "Gmag": [9.0], "BP-RP": [0.8], "pmRA": [100.0], "pmDE": [-50.0],
                  "_RAJ2000": [9.9], "_DEJ2000": [5.1]})  # fmt: skip
    stars = catalog_of_table(gaia)
    assert (stars.ids[0], stars.ra[0], stars.epoch) == (4472832130942575872, 10.0, 2016.0)
    assert (stars.pm_ra[0], stars.pm_dec[0]) == (100.0, -50.0)
    upper = Table({"TIC": [7], "RA": [10.0], "DEC": [5.0], "TMAG": [9.0], "PMRA": [1.0],
                   "PMDEC": [2.0]})  # fmt: skip
    stars = catalog_of_table(upper)
    assert (stars.ids[0], stars.tmag[0], stars.pm_dec[0], stars.epoch) == (7, 9.0, 2.0, 2000.0)


def test_tables_with_quantities():
    given = QTable(table())
    given["ra"] = np.radians(given["ra"]) * u.rad
    np.testing.assert_allclose(catalog_of_table(given).ra, [10, 11, 12])


DATASETS = ("tics", "ras", "decs", "tmags", "blkidxs", "predcols", "predrows", "obscols",
            "obsrows", "contrastcols", "contrastrows", "aperturecols", "aperturerows")  # fmt: skip


def stars_file(path, broken):
    with h5py.File(path, "w") as file:
        for name in DATASETS:
            file[name] = np.arange(4.0)
        del file["ras"]
        broken(file, path)
    return path


def unallocated(file, _):
    file.create_dataset("ras", (2**36,), "f8", chunks=(2**16,), compression="gzip")


def of_zeros(file, _):
    made = file.create_dataset("ras", (2**33,), "f8", chunks=(2**20,), compression="gzip")
    made[:5] = 1.0


def linked(file, path):
    with h5py.File(path.with_suffix(".other"), "w") as other:
        other["ras"] = np.arange(4.0)
    file["ras"] = h5py.ExternalLink(path.with_suffix(".other").name, "ras")


def linked_group(file, path):
    with h5py.File(path.with_suffix(".other"), "w") as other:
        other["ras"] = np.arange(4.0)
    file["far"] = h5py.ExternalLink(path.with_suffix(".other").name, "/")
    file["ras"] = h5py.SoftLink("/far/ras")


def stored_elsewhere(file, path):
    np.arange(4.0).tofile(path.with_suffix(".raw"))
    file.create_dataset("ras", (4,), "f8", external=[(str(path.with_suffix(".raw")), 0, 32)])


def virtual(file, path):
    with h5py.File(path.with_suffix(".other"), "w") as other:
        other["ras"] = np.arange(4.0)
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(str(path.with_suffix(".other")), "ras", (4,))
    file.create_virtual_dataset("ras", layout)


BROKEN = [unallocated, of_zeros, linked, linked_group, stored_elsewhere, virtual]


@pytest.mark.parametrize("broken", BROKEN)
def test_hdf5_that_is_not_in_its_file_is_refused(broken, tmp_path, capsys):
    path = stars_file(tmp_path / "ref.h5", broken)
    for read in (read_reference_stars, read_catalog):
        with pytest.raises(BadFileError, match=r"ref\.h5: ") as caught:
            read(path)
        assert "\n" not in str(caught.value)
    image = tmp_path / "none.fits"
    assert main(["wcs", "fit", str(image), "--refstars", str(path)]) == 1
    assert "ref.h5" in capsys.readouterr().err


def test_hdf5_tables_are_still_read(tmp_path):
    path = tmp_path / "stars.h5"
    table(ID=TIC).write(path, path="stars", format="hdf5")
    assert read_catalog(path).ids.tolist() == TIC
    twice = tmp_path / "twice.h5"
    stars_file(twice, lambda file, _: file.__setitem__("ras", h5py.SoftLink("/decs")))
    assert read_reference_stars(twice).ra.tolist() == [0, 1, 2, 3]


def test_a_fits_catalogue_with_impossible_sizes_is_refused(tmp_path):
    path = tmp_path / "stars.fits"
    table(ID=TIC).write(path)
    data = path.read_bytes()
    changes = {
        b"NAXIS2  =                    3": b"NAXIS2  =        9999999999999",
        b"TFIELDS =                    4": b"TFIELDS =         999999999999",
    }
    for old, new in changes.items():
        assert data.count(old) == 1
        path.write_bytes(data.replace(old, new))
        with pytest.raises(BadFileError, match=r"stars\.fits"):
            read_catalog(path)


KEPT = """
import ctypes, sys
from tica_fn.wcs import read_reference_stars
try:
    read_reference_stars(sys.argv[1])
except OSError as error:
    # Kept to the very end, and with its traceback all that was open there.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(error))
"""


def test_a_process_that_keeps_a_refusal_ends_well(tmp_path):
    """HDF5 2.0 calls freed memory at its end where a virtual dataset is still described."""
    path = stars_file(tmp_path / "ref.h5", virtual)
    done = subprocess.run([sys.executable, "-c", KEPT, path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


TEXT = b"id,ra,dec,tmag\n1,10.0,5.0,9.0\n2,11.0,-5.0,10.0\n"


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip), ("bz2", bz2), ("xz", lzma)])
def test_a_packed_table_is_read_and_one_without_end_is_not(tmp_path, ending, pack):
    path = tmp_path / f"stars.csv.{ending}"
    path.write_bytes(pack.compress(TEXT))
    assert read_catalog(path).ids.tolist() == [1, 2]
    path.write_bytes(pack.compress(TEXT)[:-9])
    with pytest.raises(BadFileError, match=f"{path}: "):
        read_catalog(path)


def test_a_table_that_unpacks_to_gigabytes_is_refused(tmp_path):
    path = tmp_path / "stars.csv.gz"
    with igzip.open(path, "wb") as file:
        file.write(TEXT)
        for _ in range(70):
            file.write(bytes(1 << 22))
    for name in ("stars.ecsv.gz", "stars", "stars.fits.gz"):
        path = path.rename(tmp_path / name)
        with pytest.raises(BadFileError, match=f"{path}: it unpacks to more than 256 MiB"):
            read_catalog(path)


def test_a_votable_whose_values_are_elsewhere_is_refused(tmp_path):
    path = tmp_path / "stars.vot"
    table(id=[1, 2, 3]).write(path, format="votable", tabledata_format="binary")
    assert read_catalog(path).ids.tolist() == [1, 2, 3]
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1000))
    text = path.read_text()
    for packed in (False, True):
        changed = text.replace("<STREAM ", f'<STREAM href="file://{secret}" ')
        assert changed != text
        path.write_bytes(gzip.compress(changed.encode()) if packed else changed.encode())
        with pytest.raises(BadFileError, match=f"{path}: its values are stored in file://"):
            read_catalog(path)


def test_a_table_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "stars.csv"
    path.write_bytes(TEXT)
    read = catalog_tables._read

    def cut(place):
        os.truncate(place, len(TEXT) // 2)
        return read(place)

    monkeypatch.setattr(catalog_tables, "_read", cut)
    with pytest.raises(BadFileError, match=f"{path}: was changed by another program"):
        read_catalog(path)


def test_addresses_beyond_any_file_are_refused(tmp_path):
    path = stars_file(tmp_path / "ref.h5", lambda file, _: file.create_dataset("ras", (4,), "f8"))
    whole = path.read_bytes()
    for place in range(24, 96, 8):  # the addresses in the superblock, and what follows
        path.write_bytes(whole[:place] + b"\xff" * 7 + b"\x7f" + whole[place + 8 :])
        for read in (read_reference_stars, read_catalog):
            with contextlib.suppress(BadFileError):
                read(path)


def test_a_column_of_arrays_is_refused():
    with pytest.raises(ValueError, match=r"column ra has \(2,\) values per row, not one"):
        catalog_of_table(table(ra=np.zeros((3, 2))))
