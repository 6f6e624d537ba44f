"""Whether an output that is there already is the one that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from tica_fn.compose import Pipeline
from tica_fn.fits.blocks import content, read_blocks
from tica_fn.fits.provenance import steps_of
from tica_fn.fits.tiled import untiled
from tica_fn.frame import Frame
from tica_fn.products import Product

__all__ = ["Wanted", "wanted_of", "why_again"]


@attrs.frozen(kw_only=True)
class Wanted:
    """What an output must say of itself to be left as it is.

    Parameters
    ----------
    input_crc32 : str
        Checksum of the input.
    models : frozenset of str
        Hashes of the model files.
    steps : tuple of str
        Names of the steps.
    columns : int
        Columns of the image.
    extensions : frozenset of str
        Optional extensions.
    segment : str or None
        Orbit of the sector, where it was asked for.
    """

    input_crc32: str
    models: frozenset[str]
    steps: tuple[str, ...]
    columns: int
    extensions: frozenset[str]
    segment: str | None


def wanted_of(frame: Frame, pipelines: Sequence[Pipeline], product: Product) -> Wanted:
    """What the output of a frame must say of itself.

    Parameters
    ----------
    frame : Frame
        The raw frame.
    pipelines : sequence of Pipeline
        Steps to apply: those of one CCD, or of all CCDs of a camera.
    product : Product
        What is wanted.

    Returns
    -------
    Wanted
        To be given to `why_again`.
    """
    columns = 2048 if product.trim else 2136
    names = {
        "UNCERTAINTY": product.uncertainty and product.layout == "tica",
        "PIXEL_QUALITY": product.quality,
    }
    models = [getattr(step, "models", None) for steps in pipelines for step in steps.steps]
    return Wanted(
        input_crc32=frame.source.crc32 if frame.source else "",
        models=frozenset(file.sha256 for one in models if one for file in one.files),
        steps=(*frame.steps, *(str(getattr(s, "name", s)) for s in pipelines[0].steps)),
        columns=2 * columns if product.assemble else columns,
        extensions=frozenset(name for name, wanted in names.items() if wanted),
        segment=product.segment,
    )


def why_again(target: Path, wanted: Wanted) -> tuple[str, ...] | None:
    """Decide about an output that may be there.

    Parameters
    ----------
    target : pathlib.Path
        The output.
    wanted : Wanted
        What it must be.

    Returns
    -------
    tuple of str or None
        None to leave it; else notes on why it is made again, none where it is not there.
    """
    if not target.exists():
        return ()
    try:
        data = content(target)
        hdus = untiled(target, data, read_blocks(target, data))
    except OSError as error:
        return (f"{target.name}: made again, as it was not whole ({error})",)
    header = hdus[0].header
    image: Any = hdus[1].header if int(header["NAXIS"]) == 0 and len(hdus) > 1 else header
    hashes = {str(value) for key, value in header.items() if key.startswith("MODSHA")}
    names = {str(hdu.header.get("EXTNAME", "")) for hdu in hdus[1:]}
    reasons = {
        "it was made from another input": header.get("RAWCRC") != wanted.input_crc32,
        "it was made with other models": hashes != wanted.models,
        "it was made by other steps": steps_of(header) != wanted.steps,
        "it has other pixels": image.get("NAXIS1") != wanted.columns,
        "it has other extensions": {"UNCERTAINTY", "PIXEL_QUALITY"} & names != wanted.extensions,
        "it is of another orbit segment": wanted.segment is not None
        and header.get("ORB_SEG") != wanted.segment,
    }
    for reason, true in reasons.items():
        if true:
            return (f"{target.name}: made again, as {reason}",)
    return None
