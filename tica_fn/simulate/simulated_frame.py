"""Simulated full frames: from sky, instrument and seed to a raw readout with the truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from tica_fn.clock import DAY_S
from tica_fn.models import Models
from tica_fn.simulate.background import Background
from tica_fn.simulate.electrons import Blemishes, sky_electrons
from tica_fn.simulate.frame_times import frame_times
from tica_fn.simulate.instrument import Instrument, exposures_summed
from tica_fn.simulate.psf import Psf
from tica_fn.simulate.readout import FIXED_OFFSET, Readout, read_out
from tica_fn.simulate.star_places import catalogue_stars
from tica_fn.simulate.stars import Stars
from tica_fn.wcs.pointing import sector_mid_time

__all__ = ["Motion", "Simulated", "full_frame", "series"]

_FIRST_OF_SERIES = 9000


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Simulated(Readout):
    """A simulated frame with the truth and its stars.

    Parameters
    ----------
    frame : Frame
        Raw counts, ADU.
    truth : Frame
        Electrons per exposure that calibration should give, (2078, 2136) float64.
    cosmic_rays : ndarray, optional
        (2078, 2136) float64, electron: cosmic rays in the frame; not part of the truth.
    lost : float
        Electrons that bled over the edges of the CCD.
    clipped : int
        Pixels at a limit of the converter.
    stars : Stars
        The stars, with their positions in this frame.
    """

    stars: Stars


@attrs.frozen(kw_only=True)
class Motion:
    """Motion of the pointing from frame to frame.

    Parameters
    ----------
    jitter : float
        Standard deviation of a frame's pointing in each direction, pixels.
    drift_columns, drift_rows : float
        Motion from one frame to the next, pixels.
    roll_deg : float
        Rotation from one frame to the next, degrees.
    blur : float
        Standard deviation of the pointing within an exposure, in each direction, pixels.

    Raises
    ------
    ValueError
        If a deviation is negative.
    """

    jitter: float = 0.0
    drift_columns: float = 0.0
    drift_rows: float = 0.0
    roll_deg: float = 0.0
    blur: float = 0.0

    def __attrs_post_init__(self) -> None:
        """Refuse negative deviations."""
        if not (self.jitter >= 0 and self.blur >= 0):
            raise ValueError(f"jitter and blur must be 0 or more: {self}")

    def applied(self, stars: Stars, number: int, seed: int) -> Stars:
        """Move the stars to their positions in a frame of a series.

        Parameters
        ----------
        stars : Stars
            The stars without motion.
        number : int
            Number of the frame in its series, from 0 on.
        seed : int
            Seed of the series.

        Returns
        -------
        Stars
            The same stars, moved.
        """
        shake = self.jitter * np.random.default_rng([seed, number]).normal(size=2)
        return stars.shifted(
            float(number * self.drift_columns + shake[0]),
            float(number * self.drift_rows + shake[1]),
            number * self.roll_deg,
        )


def full_frame(
    models: Models,
    *,
    sector: int = 6,
    exposure_s: float = 1800.0,
    seed: int = 0,
    stars: Stars | None = None,
    psf: Psf | None = None,
    background: Background | None = None,
    blemishes: Blemishes | None = None,
    instrument: Instrument | None = None,
    motion: Motion | None = None,
    number: int = 0,
    start_tjd: float | None = None,
) -> Simulated:
    """Simulate a raw full frame of the models' CCD.

    Parameters
    ----------
    models : Models
        Calibration models; they determine camera and CCD.
    sector : int
        Sector, for the pointing, the time and the stars.
    exposure_s : float
        Interval from one frame to the next, seconds.
    seed : int
        Seed of all noise; the same seed gives the same frame, bit for bit.
    stars : Stars, optional
        The stars; by default those of the catalogue at that pointing.
    psf : Psf, optional
        Shape of the stars.
    background : Background, optional
        The sky between them.
    blemishes : Blemishes, optional
        Straps, hot and dead pixels.
    instrument : Instrument, optional
        Full well, smear, cosmic rays, noise, converter.
    motion : Motion, optional
        Jitter and drift.
    number : int
        Number of the frame in a series, from 0 on; noise, time and pointing depend on it.
    start_tjd : float, optional
        Start of the series, TDB at the spacecraft, days after JD 2457000; by default the middle of
        the sector.

    Returns
    -------
    Simulated
        Raw frame, truth, stars.

    Examples
    --------
    >>> import tica_fn
    >>> from tica_fn.simulate import full_frame, make_models, random_stars
    >>> models = make_models(2, 3, 1800)
    >>> made = full_frame(models, stars=random_stars(100, seed=1), seed=1)
    >>> made.frame.pixels.dtype, made.frame.coadds
    (dtype('int32'), 720.0)
    >>> error = tica_fn.calibrate(made.frame, models).pixels - made.truth.pixels
    >>> bool(abs(error[:2048, 44:2092].mean()) < 10)
    True
    """
    instrument = instrument or Instrument()
    motion = motion or Motion()
    if stars is None:
        stars = catalogue_stars(sector, models.camera, models.ccd)
    stars = motion.applied(stars, number, seed)
    coadds = exposures_summed(exposure_s, instrument.mitigation)
    sky = sky_electrons(
        stars,
        ccd=models.ccd,
        coadds=coadds,
        psf=psf,
        background=background,
        blemishes=blemishes,
        jitter=motion.blur,
    )
    if start_tjd is None:
        start_tjd = sector_mid_time(sector) - 2457000.0
    start = start_tjd + number * exposure_s / DAY_S
    made = read_out(
        sky,
        models,
        exposure_s=exposure_s,
        seed=_frame_seed(seed, number),
        instrument=instrument,
        sector=sector,
        cadence=_FIRST_OF_SERIES + number,
        times=frame_times(start, exposure_s, models.camera, models.ccd),
        header=_known_of(instrument),
    )
    names = [field.name for field in attrs.fields(type(made))]
    return Simulated(stars=stars, **{name: getattr(made, name) for name in names})


def series(models: Models, count: int, **knobs: Any) -> Iterator[Simulated]:
    """Simulate a series of frames.

    Parameters
    ----------
    models : Models
        Calibration models.
    count : int
        Number of frames.
    **knobs
        Arguments of `full_frame`.

    Yields
    ------
    Simulated
        One frame after the other, each made when requested.
    """
    for number in range(count):
        yield full_frame(models, number=number, **knobs)


def _frame_seed(seed: int, number: int) -> int:
    """A different seed for every frame of a series."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint32)[0])


def _known_of(instrument: Instrument) -> dict[str, Any]:
    """Header values from the instrument."""
    known: dict[str, Any] = {"SIMDATA": True, "CRMITEN": instrument.mitigation}
    known["FXDOFF"] = round(FIXED_OFFSET)
    for k, x in enumerate("ABCD"):
        known[f"READNOI{x}"] = float(instrument.read_noise[k])
        known[f"MEANBLC{x}"] = round(float(instrument.black[k]))
    return known
