"""The mission's XML models of gain, linearity and undershoot: one ``channel`` per amplifier.

The mission multiplies counts by the polynomial ``c0 + c1 X + c2 X**2`` of ``X = (ADU per read -
origin) * scale``.  TICA integrates it; the coefficients of TICA's table follow from

    lin_c0 = c0 + c1 X0 / 2 + c2 X0**2,  lin_c1 = c1 / 2 - c2 X0,  lin_c2 = c2 / 3

with ``X0 = -origin * scale``, to the last digit for all 64 amplifiers.  This is not quite the mean
of SPOC's polynomial from zero to the signal: it differs by 0.13 % at most, at the end of the
measured range.  It is kept to agree with TICA.  If a file has the model that TICA's table was made
from, the table's (rounded) numbers are used, so that results agree with TICA's bit for bit.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import attrs
import numpy as np

from tica_fn.detector import AMPLIFIERS, Amplifiers, amplifiers
from tica_fn.errors import BadFileError, ModelError
from tica_fn.immutable import Array
from tica_fn.models import ModelFile

__all__ = ["amplifiers_from_xml", "integrated_linearity"]


def integrated_linearity(
    c0: Array, c1: Array, c2: Array, scale: Array, origin: Array
) -> tuple[Array, Array, Array]:
    """Turn the mission's linearity coefficients into those of TICA's table.

    `c0, c1, c2`: (4,) float64, coefficients of the mission's polynomial; `scale, origin`: (4,)
    float64, 1/ADU and ADU.
    """
    x0 = -origin * scale
    return c0 + 0.5 * c1 * x0 + c2 * x0**2, 0.5 * c1 - c2 * x0, c2 / 3.0


def amplifiers_from_xml(
    folder: Path, camera: int, ccd: int
) -> tuple[Amplifiers, tuple[ModelFile, ...]]:
    """Constants of a CCD's amplifiers from a folder's XML files, or else the package's table."""
    constants = amplifiers(camera, ccd)
    used: list[ModelFile] = []
    for kind, attribute, field in (
        ("gain", "gainElectronsPerDN", "gain"),
        ("undershoot", "undershoot", "undershoot"),
    ):
        path = _one(folder, kind)
        if path is not None:
            channels = _channels(path, camera, ccd, used)
            values = [_real(path, channel, attribute) for channel in channels]
            constants = attrs.evolve(constants, **{field: values})
    path = _one(folder, "linearity")
    if path is not None:
        constants = _with_linearity(constants, path, _channels(path, camera, ccd, used))
    return constants, tuple(used)


def _with_linearity(constants: Amplifiers, path: Path, channels: list[Any]) -> Amplifiers:
    polynomials = []
    for channel in channels:
        polynomial = channel.find("linearityPoly")
        if polynomial is None or polynomial.get("order") != "2":
            raise BadFileError(f"{path}: a channel has no linearity polynomial of order 2")
        polynomials.append(polynomial)
    c = np.array([[_real(path, e, "value") for e in p.iter("coeff")] for p in polynomials])
    scale = np.array([_real(path, p, "scalex") for p in polynomials])
    origin = np.array([_real(path, p, "originx") for p in polynomials])
    domain = np.array([_real(path, p, "maxDomain") for p in polynomials])
    if c.shape != (4, 3):
        raise BadFileError(f"{path}: a channel does not have three coefficients")
    published = np.column_stack(
        [constants.spoc_c0, constants.spoc_c1, constants.spoc_c2, constants.lin_scale]
    )
    if (
        np.array_equal(published, np.column_stack([c, scale]))
        and np.array_equal(origin, constants.lin_origin)
        and np.array_equal(domain, constants.max_domain_adu)
    ):
        return constants
    lin_c0, lin_c1, lin_c2 = integrated_linearity(c[:, 0], c[:, 1], c[:, 2], scale, origin)
    return attrs.evolve(
        constants,
        lin_scale=scale,
        lin_origin=origin,
        lin_c0=lin_c0,
        lin_c1=lin_c1,
        lin_c2=lin_c2,
        spoc_c0=c[:, 0],
        spoc_c1=c[:, 1],
        spoc_c2=c[:, 2],
        max_domain_adu=domain,
    )


def _one(folder: Path, kind: str) -> Path | None:
    found = sorted(folder.glob(f"*{kind}.xml"))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ModelError(f"{folder}: several {kind} models; keep one of {names}")
    return found[0] if found else None


def _channels(path: Path, camera: int, ccd: int, used: list[ModelFile]) -> list[Any]:
    """The four channels of a CCD in the order A, B, C, D."""
    from defusedxml.ElementTree import fromstring

    data = path.read_bytes()
    try:
        root = fromstring(data)
    except (ParseError, LookupError, ValueError) as error:  # LookupError: unknown encoding
        raise BadFileError(f"{path}: not XML ({error})") from error
    used.append(ModelFile(name=path.name, sha256=hashlib.sha256(data).hexdigest()))
    channels = {
        channel.get("ccdOutput"): channel
        for channel in root.iter("channel")
        if (channel.get("cameraNumber"), channel.get("ccdNumber")) == (str(camera), str(ccd))
    }
    missing = [name for name in AMPLIFIERS if name not in channels]
    if missing:
        raise ModelError(
            f"{path}: no amplifier {', '.join(missing)} of camera {camera} CCD {ccd} in it"
        )
    return [channels[name] for name in AMPLIFIERS]


def _real(path: Path, element: Any, attribute: str) -> float:
    try:
        return float(element.get(attribute))
    except (TypeError, ValueError):
        raise BadFileError(f"{path}: {attribute} is {element.get(attribute)!r}") from None
