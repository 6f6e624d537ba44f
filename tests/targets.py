"""Target pixel files and their collateral, cut from full readouts, written with astropy alone."""

import numpy as np
from astropy.io import fits

OVERCLOCK, SCIENCE = 2092, 44
READ_NOISE = 9.0


def table(columns, name, cards):
    hdu = fits.BinTableHDU.from_columns(columns, name=name)
    hdu.header.update(cards)
    return hdu


def image_column(name, kind, values):
    rows, columns = values.shape[1:]
    return fits.Column(
        name, f"{rows * columns}{kind}", dim=f"({columns},{rows})", array=values,
        null=-1 if kind == "J" else None,
    )  # fmt: skip


def write_target(path, counts, cadences, *, row, column, camera=2, ccd=3, interval_s=120,
                 coadds=48, sector=6, drop=(), cards=None, times=None):  # fmt: skip
    """Write a target pixel file; row and column of the first pixel are 0-based."""
    counts = np.asarray(counts, np.int32)
    blank = np.full(counts.shape, np.nan, np.float32)
    step = interval_s / 86400
    if times is None:
        times = 1468.0 + step * np.asarray(cadences)
    columns = [
        fits.Column("TIME", "D", array=times),
        fits.Column("CADENCENO", "J", array=cadences),
        image_column("RAW_CNTS", "J", counts),
        image_column("FLUX", "E", blank),
        image_column("FLUX_ERR", "E", blank),
        fits.Column("QUALITY", "J", array=np.arange(len(counts))),
    ]
    header = {
        "1CRV3P": column + 1, "2CRV3P": row + 1, "EXPOSURE": 20.5, "INT_TIME": 1.98,
        "TIMEDEL": step, "NREADOUT": coadds, "NUM_FRM": int(interval_s / 2), "FRAMETIM": 2.0,
        **{f"READNOI{letter}": READ_NOISE for letter in "ABCD"}, "BACKAPP": True, **(cards or {}),
    }  # fmt: skip
    primary = fits.PrimaryHDU()
    primary.header.update({"ORIGIN": "NASA/Ames", "CREATOR": "somebody", "SECTOR": sector,
                           "CAMERA": camera, "CCD": ccd})  # fmt: skip
    aperture = fits.ImageHDU(np.full(counts.shape[1:], 3, np.int32), name="APERTURE")
    hdus = fits.HDUList([primary, table(columns, "PIXELS", header), aperture])
    for keyword in drop:
        for hdu in hdus:
            hdu.header.remove(keyword, ignore_missing=True)
    hdus.writeto(path, checksum=True, overwrite=True)
    return path


def collateral_name(kind, amplifier, *, camera=2, ccd=3, sector=6, fast=False,
                    stamp="2018349182459"):  # fmt: skip
    ending = "a_fast-col" if fast else "s_col"
    place = f"{kind}-{camera}-{ccd}-{amplifier.lower()}"
    return f"tess{stamp}-s{sector:04d}-{place}-0126-{ending}.fits"


def write_collateral(folder, readouts, cadences, *, kinds=("tvcol", "smrow"), amplifiers="ABCD",
                     **naming):  # fmt: skip
    """Cut overclock columns and smear rows of amplifiers from full readouts."""
    for amplifier in amplifiers:
        a = "ABCD".index(amplifier)
        cuts = {
            "tvcol": np.s_[:, :, OVERCLOCK + 11 * a : OVERCLOCK + 11 * (a + 1)],
            "smrow": np.s_[:, 2058:2068, SCIENCE + 512 * a : SCIENCE + 512 * (a + 1)],
        }
        for kind in kinds:
            values = np.ascontiguousarray(readouts[cuts[kind]])
            columns = [
                fits.Column("TIME", "D", array=np.asarray(cadences, float)),
                fits.Column("CADENCENO", "J", array=cadences),
                image_column(f"{kind.upper()}_RAW", "J", values),
            ]
            hdu = table(columns, kind.upper(), {"CCD_OUT": amplifier})
            fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(
                folder / collateral_name(kind, amplifier, **naming), checksum=True, overwrite=True
            )
    return folder
