"""Write the truth of a simulated frame to a file beside it."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from tica_fn.detector import AMPLIFIERS
from tica_fn.simulate.raw_file import fill_header, save
from tica_fn.simulate.simulated_frame import Simulated
from tica_fn.simulate.stars import Stars

__all__ = ["truth_name", "write_truth"]

_UNITS = {"columns": "pixel", "rows": "pixel", "tmag": "mag", "ra": "deg", "dec": "deg"}


def truth_name(raw: Path) -> str:
    """Name of the truth file of a raw file.

    Parameters
    ----------
    raw : Path
        The raw file.

    Returns
    -------
    str
        Its stem with ``_truth.fits``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tica_fn.simulate.truth_file import truth_name
    >>> truth_name(Path("out/one_ffir.fits.gz"))
    'one_ffir_truth.fits'
    """
    return raw.name.removesuffix(".gz").removesuffix(".fits") + "_truth.fits"


def write_truth(made: Simulated, path: str | Path) -> Path:
    """Write the truth of a simulated frame.

    Parameters
    ----------
    made : Simulated
        A simulated frame.
    path : path
        The file.

    Returns
    -------
    pathlib.Path
        The file.  HDU 1 ``ELECTRONS`` is the image that calibration should give, float32, electron
        per exposure; ``SMEAR`` the smear of each column; ``STARS`` a table of the stars with
        0-based pixels; ``COSMIC_RAYS`` the electrons of cosmic rays, if there are any.
    """
    from astropy.io import fits

    truth = made.truth
    primary = fits.PrimaryHDU()
    cards = [
        ("SIMDATA", True, "file is based on simulated data"),
        ("CAMERA", truth.camera, "camera number"),
        ("CCD", truth.ccd, "CCD number"),
        ("INTERVAL", truth.exposure_s, "[s] interval from frame to frame"),
        ("NREADOUT", truth.coadds, "number of exposures summed"),
        ("CADENCE", truth.cadence or 0, "cadence number"),
        ("LOST", made.lost, "[electron] bled over the edges"),
        ("CLIPPED", made.clipped, "pixels at a limit of the converter"),
    ]
    pedestals = np.full(4, np.nan) if truth.pedestals is None else truth.pedestals
    for name, value in zip(AMPLIFIERS, pedestals.tolist(), strict=True):
        cards.append((f"PEDEST_{name}", value, f"[count] pedestal of amplifier {name}"))
    fill_header(primary.header, cards)
    electrons = fits.ImageHDU(truth.pixels.astype(np.float32), name="ELECTRONS")
    electrons.header["BUNIT"] = "electron"
    hdus = [primary, electrons]
    if truth.smear is not None:
        hdus.append(fits.ImageHDU(np.array(truth.smear), name="SMEAR"))
    columns = []
    for field in attrs.fields(Stars):
        values = np.array(getattr(made.stars, field.name))
        kind = "K" if values.dtype.kind == "i" else "D"
        columns.append(fits.Column(field.name, kind, unit=_UNITS.get(field.name), array=values))
    hdus.append(fits.BinTableHDU.from_columns(columns, name="STARS"))
    if made.cosmic_rays is not None:
        hdus.append(fits.ImageHDU(made.cosmic_rays.astype(np.float32), name="COSMIC_RAYS"))
    return save(fits.HDUList(hdus), Path(path))
