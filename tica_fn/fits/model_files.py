"""Folders of calibration models: TICA's ``calibration_<exposure>``, or the mission's own files.

TICA:  ``calibration_30min/twodbias/cam<c>_ccd<d>_twoDcorrect.fits`` (ADU per exposure) and
``calibration_30min/flatfields/cam<c>_ccd<d>_image.fits``, image in the primary HDU; the exposure
time is in the folder's name.

SPOC:  ``tess*-<c>-<d>-2dblack.fits`` (ADU per read), ``tess*-<c>-<d>-flat.fits``, value in HDU 1,
uncertainty in HDU 2; ``*gain.xml``, ``*linearity.xml`` and ``*undershoot.xml`` where present.

Either may hold ``*row-profile-<c>-<d>.fits`` and ``*bad-pixels-<c>-<d>.fits``.

Only the requested CCD is read.
"""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import attrs
import numpy as np

from tica_fn.detector import SHAPE, amplifiers, check_ccd
from tica_fn.errors import BadFileError, ModelError
from tica_fn.fits.blocks import RawHDU, content, read_blocks
from tica_fn.fits.gate import open_checked
from tica_fn.fits.model_origins import Origin, checked_version, read_origins
from tica_fn.fits.model_xml import amplifiers_from_xml
from tica_fn.fits.sizes import is_packed
from tica_fn.fits.spoc import image_of
from tica_fn.fits.unpack import untiled
from tica_fn.immutable import Array, freeze
from tica_fn.models import ModelFile, Models, neutral_models
from tica_fn.quality.model_sense import outside_sense

__all__ = ["check_spoc_model", "exposure_of_folder", "load_models"]

_PACKED = ("", ".gz", ".fz")
_UNITS_S = {"min": 60.0, "sec": 1.0}


def load_models(
    folder: str | os.PathLike[str], camera: int, ccd: int, *, errors: bool = False
) -> Models:
    """Load the calibration models of one CCD.

    Parameters
    ----------
    folder : path-like
        A TICA ``calibration_<exposure>`` folder, or a folder of SPOC/MAST models; links are
        followed.
    camera, ccd : int
        Numbers 1 to 4.
    errors : bool
        Also read the errors of SPOC's flat field and 2-D black, for `tica_fn.estimate_variance`
        and `tica_fn.subtract_mission_smear`.

    Returns
    -------
    Models
        Models with `kind` ``"tica"`` or ``"spoc"``, and their files' names and hashes.

    Raises
    ------
    ModelError
        If there is no model of that CCD or more than one, if it changed since it was fetched, or
        if its values are impossible (a flat outside 0.1 to 10, a bias beyond the ADC's range).
    BadFileError
        If a file is damaged.
    """
    check_ccd(camera, ccd)
    root = Path(folder)
    if check_folder(root) == "tica":
        return _with_kept(root, _load_tica(root, camera, ccd))
    return _with_kept(root, _load_spoc(root, camera, ccd, errors))


def check_folder(folder: Path) -> str:
    """Tell whose models a folder contains, ``"tica"`` or ``"spoc"``; refuse one without models."""
    how = "; tica-fn models fetch 30min (or another exposure) downloads models"
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "no such folder"
        raise ModelError(f"{folder}: {what} of calibration models{how}")
    if (folder / "twodbias").is_dir() or (folder / "flatfields").is_dir():
        exposure_of_folder(folder)
        return "tica"
    if any(folder.glob("tess*-flat.fits*")) or any(folder.glob("tess*-2dblack.fits*")):
        return "spoc"
    inside = sorted(path.name for path in folder.glob("calibration_*") if path.is_dir())
    if inside:
        how = f"; it contains {', '.join(inside)}: give one of these"
    raise ModelError(
        f"{folder}: neither a TICA folder (twodbias/, flatfields/) nor one of SPOC models "
        f"(tess*-flat.fits, tess*-2dblack.fits){how}"
    )


def exposure_of_folder(folder: Path) -> float:
    """Exposure time in the name of a TICA model folder.

    Parameters
    ----------
    folder : pathlib.Path
        Folder such as ``calibration_30min``, or a link to such a folder.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    ModelError
        If neither name gives it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tica_fn.fits.model_files import exposure_of_folder
    >>> exposure_of_folder(Path("calibration_200sec"))
    200.0
    """
    for name in (folder.name, folder.resolve().name):
        match = re.search(r"calibration_(\d+)(min|sec)$", name)
        if match:
            return float(match[1]) * _UNITS_S[match[2]]
    raise ModelError(
        f"{folder}: the name does not say the models' exposure time, as calibration_30min does"
    )


def check_spoc_model(path: Path, camera: int, ccd: int, kind: str) -> None:
    """Refuse a file that is not SPOC's ``"flat"`` or ``"bias"`` of that CCD."""
    stored = _stored(path)
    image, _ = _read_image(path, stored, _sha256(stored), 1, camera, ccd, ())
    headers = [hdu.header for hdu in read_blocks(path, verify=False)]
    if not any("CAMERA" in header and "CCD" in header for header in headers):
        raise ModelError(f"{path}: no header has CAMERA and CCD")
    name = str(headers[1].get("EXTNAME", ""))
    if ("BLACK" if kind == "flat" else "FLAT") in name.upper():
        raise ModelError(f"{path}: HDU 1 is {name}, not a {kind}")
    neutral = attrs.evolve(neutral_models(camera, ccd), bias_per_read=True)
    models = (
        attrs.evolve(neutral, flat=image) if kind == "flat" else attrs.evolve(neutral, bias=image)
    )
    for text in outside_sense(models).values():
        raise ModelError(f"{path}: impossible values: {text}")


def _load_tica(root: Path, camera: int, ccd: int) -> Models:
    exposure_s = exposure_of_folder(root)
    bias = _one_file(root / "twodbias", f"cam{camera}_ccd{ccd}_twoDcorrect.fits", camera, ccd)
    flat = _one_file(root / "flatfields", f"cam{camera}_ccd{ccd}_image.fits", camera, ccd)
    return _models(root, camera, ccd, bias, flat, number=0, kind="tica", exposure_s=exposure_s)


def _load_spoc(root: Path, camera: int, ccd: int, errors: bool) -> Models:
    bias = _one_file(root, f"tess*-{camera}-{ccd}-2dblack.fits", camera, ccd)
    flat = _one_file(root, f"tess*-{camera}-{ccd}-flat.fits", camera, ccd)
    models = _models(root, camera, ccd, bias, flat, number=1, kind="spoc", exposure_s=None)
    constants, files = amplifiers_from_xml(root, camera, ccd)
    return attrs.evolve(
        models,
        amplifiers=constants,
        files=(*models.files, *files),
        flat_error=_error_plane(flat) if errors else None,
        black_sigma=_error_plane(bias) if errors else None,
    )


def _with_kept(root: Path, models: Models) -> Models:
    """Add the row profile and the map of bad pixels, if the folder has them."""
    if any(root.glob("*row-profile-*")):
        from tica_fn.fits.row_profile import read_row_profile

        profile = read_row_profile(root, models.camera, models.ccd)
        if profile is not None:
            models = attrs.evolve(models, row_profile=profile[0], row_profile_file=profile[1])
    if any(root.glob("*bad-pixels-*")):
        from tica_fn.fits.bad_pixels import read_bad_pixels

        bad = read_bad_pixels(root, models.camera, models.ccd)
        if bad is not None:
            models = attrs.evolve(models, bad_pixels=bad[0], bad_pixels_file=bad[1])
    return models


def _error_plane(path: Path) -> Array | None:
    """Error plane of a model in HDU 2, or None."""
    with open_checked(path) as opened:
        return None if len(opened) < 3 else np.asarray(opened[2].data, dtype=np.float32)


def _models(
    root: Path,
    camera: int,
    ccd: int,
    bias: Path,
    flat: Path,
    *,
    number: int,
    kind: str,
    exposure_s: float | None,
) -> Models:
    origins = read_origins(root)

    def image(path: Path) -> tuple[Array, ModelFile]:
        stored = _stored(path)
        return _read_image(path, stored, _sha256(stored), number, camera, ccd, origins)

    with ThreadPoolExecutor(2) as pool:  # Reading, hashing and sums release Python's lock.
        # Notes go to the caller's context.
        running = [pool.submit(copy_context().run, image, path) for path in (bias, flat)]
        (bias_image, bias_file), (flat_image, flat_file) = (one.result() for one in running)
    try:
        models = Models(
            camera=camera,
            ccd=ccd,
            bias=bias_image,
            flat=flat_image,
            amplifiers=amplifiers(camera, ccd),
            exposure_s=exposure_s,
            bias_per_read=exposure_s is None,
            kind=kind,
            files=(bias_file, flat_file),
        )
    except ModelError as error:
        culprit = flat if str(error).startswith("flat") else bias
        raise ModelError(f"{culprit}: {error}") from error
    for name, text in outside_sense(models).items():
        path, file = (flat, flat_file) if name == "flat" else (bias, bias_file)
        if not file.version:  # An unchanged fetched file gets a note instead.
            raise ModelError(f"{path}: impossible values: {text}")
    return models


def _one_file(folder: Path, pattern: str, camera: int, ccd: int) -> Path:
    found = sorted({p for packed in _PACKED for p in folder.glob(pattern + packed)})
    if not found:
        raise ModelError(
            f"{folder}: no model of camera {camera} CCD {ccd} there (expected {pattern})"
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ModelError(f"{folder}: several models of one kind for that CCD; keep one of {names}")
    return found[0]


def _stored(path: Path) -> Array:
    """Image of a model file as float32, and the file's name and hash."""
    try:
        return np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise BadFileError(f"{path}: {error.strerror}") from error


def _sha256(stored: Array) -> str:
    return hashlib.sha256(stored.data).hexdigest()


def _read_image(
    path: Path,
    stored: Array,
    sha256: str,
    number: int,
    camera: int,
    ccd: int,
    origins: tuple[Origin, ...],
) -> tuple[Array, ModelFile]:
    """Image of a model file, rounded to float32 if it is float64, and the file's name and hash."""
    version = checked_version(path, sha256, origins, camera, ccd)
    file = ModelFile(name=path.name, sha256=sha256, version=version)
    data = content(path) if path.suffix == ".gz" else stored.data
    hdus = read_blocks(path, data)
    _check_ccd_of_file(path, hdus, camera, ccd)
    tiled = [n for n, hdu in enumerate(hdus) if is_packed(hdu.header)]
    if tiled:
        hdus, number = untiled(path, hdus), tiled[0]
    if len(hdus) <= number:
        raise BadFileError(f"{path}: no image in HDU {number}")
    image = image_of(path, hdus[number], SHAPE)
    with np.errstate(over="ignore"):  # `Models` refuses values that become infinite.
        return freeze(image.astype(np.float32, copy=False)), file


def _check_ccd_of_file(path: Path, hdus: list[RawHDU], camera: int, ccd: int) -> None:
    for hdu in hdus:
        for keyword, wanted in (("CAMERA", camera), ("CCD", ccd)):
            if hdu.header.get(keyword, wanted) != wanted:
                raise ModelError(
                    f"{path}: the header says {keyword} {hdu.header[keyword]}, the name {wanted}"
                )
