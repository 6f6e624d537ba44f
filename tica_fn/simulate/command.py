"""Simulate the files requested by the arguments of ``tica-fn simulate``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.errors import UsageError
from tica_fn.fits.gate import check_table, open_checked
from tica_fn.fits.model_files import load_models
from tica_fn.frame import Frame
from tica_fn.simulate.background import Background
from tica_fn.simulate.camera_frame import camera_frame_name, write_camera_frame
from tica_fn.simulate.electrons import Blemishes
from tica_fn.simulate.instrument import CosmicRays, Instrument
from tica_fn.simulate.made_models import folder_of, make_models, write_models
from tica_fn.simulate.psf import Psf
from tica_fn.simulate.simulated_frame import Motion, Simulated, series
from tica_fn.simulate.spoc_raw import spoc_raw_name, write_spoc_raw
from tica_fn.simulate.star_places import catalogue_stars, table_stars
from tica_fn.simulate.stars import Stars, random_stars
from tica_fn.simulate.target_files import Stamp, write_target
from tica_fn.simulate.truth_file import truth_name, write_truth

__all__ = ["simulate_files"]

_STAMP = ("row", "column", "height", "width")
_CATALOG = ("catalog", "catalogue")


def simulate_files(args: Any) -> Iterator[Path]:
    """Make the requested files."""
    # All input is read and checked before anything is written.
    ccds = (1, 2, 3, 4) if args.format == "poc" else (args.ccd,)
    models = {ccd: load_models(args.caldir, args.camera, ccd) for ccd in ccds if args.caldir}
    exposure_s = args.exposure
    if exposure_s is None and args.caldir:
        exposure_s = models[ccds[0]].exposure_s
    if exposure_s is None:
        exposure_s = 120.0 if args.format == "target" else 1800.0
    try:
        knobs = _knobs(args, exposure_s)
        given = Stamp(**dict(zip(_STAMP, args.stamp, strict=False))) if args.stamp else None
        if not args.caldir:
            folder_of(exposure_s)
    except ValueError as error:
        raise UsageError(str(error)) from error
    models = models or {ccd: make_models(args.camera, ccd, exposure_s) for ccd in ccds}
    stars = {ccd: _stars(args, ccd) for ccd in ccds}
    stamp = given or _stamp(stars[args.ccd]) if args.format == "target" else None
    args.outdir.mkdir(parents=True, exist_ok=True)
    if args.caldir is None:
        (folder,) = {write_models(one, args.outdir) for one in models.values()}
        yield folder
    made_of = {
        ccd: series(
            one,
            args.frames,
            stars=stars[ccd],
            **(knobs | {"seed": args.seed * 4 + ccd} if args.format == "poc" else knobs),
        )
        for ccd, one in models.items()
    }
    if args.format == "poc":
        yield from _camera_frames(args, made_of)
    elif stamp is not None:
        yield from _target(args, stamp, made_of[args.ccd])
    else:
        for made in made_of[args.ccd]:
            name = spoc_raw_name(made.frame) + (".gz" if args.compress == "gzip" else "")
            path = write_spoc_raw(made.frame, args.outdir / name)
            yield path
            yield from _truth(args, made, path)


def _knobs(args: Any, exposure_s: float) -> dict[str, Any]:
    """Arguments of `full_frame`; options that are not given keep its defaults."""
    rays = CosmicRays(**_given(per_s=args.cosmic_rays))
    if args.no_noise and args.read_noise is not None:
        raise UsageError("--no-noise and --read-noise contradict each other")
    quiet = {"shot_noise": False, "read_noise": 0.0} if args.no_noise else {}
    instrument: dict[str, Any] = {
        **_given(full_well=args.full_well, smear=args.smear, read_noise=args.read_noise),
        **quiet,
    }
    drift = args.drift or (None, None)
    return {
        "sector": args.sector,
        "exposure_s": exposure_s,
        "seed": args.seed,
        "psf": Psf(**_given(sigma=args.psf_sigma, growth=args.psf_growth, coma=args.psf_coma)),
        "background": Background(
            **_given(
                level=args.background,
                glow=args.glow,
                direction_deg=args.glow_direction,
                scale=args.glow_scale,
            )
        ),
        "blemishes": Blemishes(
            **_given(hot=args.hot, dead=args.dead, straps=args.straps), seed=args.seed
        ),
        "instrument": Instrument(cosmic_rays=rays, mitigation=not args.no_mitigation, **instrument),
        "motion": Motion(
            **_given(
                jitter=args.jitter,
                blur=args.blur,
                roll_deg=args.roll,
                drift_columns=drift[0],
                drift_rows=drift[1],
            )
        ),
    }


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _stars(args: Any, ccd: int) -> Stars:
    which = args.stars
    wcs = _wcs(args.wcs) if args.wcs else None
    if which in _CATALOG:
        stars = catalogue_stars(args.sector, args.camera, ccd)
        if wcs is None:
            return stars
        sky = {"ra": stars.ra, "dec": stars.dec, "tmag": stars.tmag, "id": stars.identifier}
        return table_stars(sky, wcs=wcs)
    if which == "none":
        return Stars(columns=[], rows=[], tmag=[])
    if which.startswith("random:"):
        count = which.removeprefix("random:")
        if not count.isdigit():
            raise UsageError(f"--stars {which}: give a number of stars after 'random:'")
        return random_stars(int(count), args.seed)
    if not Path(which).exists():
        raise FileNotFoundError(
            f"--stars {which}: no such file; give a file, 'catalog', 'none' or 'random:N'"
        )
    return table_stars(
        _table(Path(which)), wcs=wcs, sector=args.sector, camera=args.camera, ccd=ccd
    )


def _table(path: Path) -> Any:
    from astropy.io.registry import IORegistryError
    from astropy.table import Table

    check_table(path)
    try:
        return Table.read(path)
    except IORegistryError:
        raise ValueError(
            f"{path}: not a table with a known name or content (.csv, .ecsv, .fits, .vot)"
        ) from None


def _wcs(path: Path) -> Any:
    """WCS of the first HDU that has one."""
    from astropy.wcs import WCS, FITSFixedWarning

    with open_checked(path) as hdus, warnings.catch_warnings():
        # A header without an image, and dates in other formats, do not matter here.
        warnings.simplefilter("ignore", FITSFixedWarning)
        for hdu in hdus:
            if "CTYPE1" in hdu.header:
                return WCS(hdu.header, fix=False)
    raise ValueError(f"{path}: no WCS (no keyword CTYPE1)")


def _truth(args: Any, made: Simulated, raw: Path, ccd: str = "") -> Iterator[Path]:
    if not args.no_truth:
        name = truth_name(raw)
        if ccd:
            name = name.replace("_truth", f"_ccd{ccd}_truth")
        yield write_truth(made, args.outdir / name)


def _camera_frames(args: Any, made_of: dict[int, Iterator[Simulated]]) -> Iterator[Path]:
    for _ in range(args.frames):
        made = {ccd: next(frames) for ccd, frames in made_of.items()}
        raw = {ccd: one.frame for ccd, one in made.items()}
        name = camera_frame_name(raw[1]) + (".gz" if args.compress == "gzip" else "")
        path = write_camera_frame(raw, args.outdir / name)
        yield path
        for ccd, one in made.items():
            yield from _truth(args, one, path, str(ccd))


def _target(args: Any, stamp: Stamp, frames: Iterator[Simulated]) -> Iterator[Path]:
    truths: list[Path] = []

    def raw_frames() -> Iterator[Frame]:
        for number, made in enumerate(frames):
            if not args.no_truth:
                name = f"target-{stamp.identifier}-{number:04d}_truth.fits"
                truths.append(write_truth(made, args.outdir / name))
            yield made.frame

    yield from write_target(raw_frames(), stamp, args.outdir)
    yield from truths


def _stamp(stars: Stars) -> Stamp:
    """Pixels around the brightest star that is well inside the CCD."""
    inside = (np.abs(stars.columns - 1067.5) < 1000) & (np.abs(stars.rows - 1023.5) < 1000)
    if not inside.any():
        raise UsageError("no star for the target's pixels; give --stamp ROW,COLUMN")
    found = stars.chosen(inside)
    best = int(np.argmin(found.tmag))
    ra, dec = float(found.ra[best]), float(found.dec[best])
    known = bool(np.isfinite(ra) and np.isfinite(dec))
    return Stamp(
        row=round(float(found.rows[best])) - 5,
        column=round(float(found.columns[best])) - 5,
        identifier=abs(int(found.identifier[best])) % 10**16 or 1,
        ra=ra if known else 0.0,
        dec=dec if known else 0.0,
    )
