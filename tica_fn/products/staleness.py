"""Check whether an existing output is the expected one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import FrameError
from tica_fn.fits.blocks import read_blocks
from tica_fn.fits.image_file import open_hdus
from tica_fn.fits.provenance import steps_of
from tica_fn.fits.tiled import TILE_COMPRESSION
from tica_fn.models import SourceFile
from tica_fn.pipeline.compose import Pipeline
from tica_fn.products.options import Product

__all__ = ["Expected", "expected_of", "has_same_pixels", "why_again"]


@attrs.frozen(kw_only=True)
class Expected:
    """Properties that an existing output must have to be skipped."""

    input_crc32: str
    models: frozenset[str]
    steps: tuple[str, ...]
    columns: int | None
    extensions: frozenset[str] = frozenset()
    segment: str | None = None
    packing: str | None = None
    collateral: frozenset[str] = frozenset()


def expected_of(
    source: SourceFile | None,
    pipelines: Sequence[Pipeline],
    product: Product,
    *,
    compress: str = "none",
    before: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
    collateral: Sequence[SourceFile] | None = None,
) -> Expected:
    """Expected properties of the output of a raw file."""
    columns = 2048 if product.trim else 2136
    names = {
        "UNCERTAINTY": product.uncertainty and product.layout == "tica" and collateral is None,
        "PIXEL_QUALITY": product.quality,
    }
    image = collateral is None
    models = [getattr(step, "models", None) for steps in pipelines for step in steps.steps]
    files = [file for one in models if one for file in one.files]
    if product.quality:
        files += [file for one in models if one and (file := one.bad_pixels_file)]
    return Expected(
        input_crc32=source.crc32 if source else "",
        models=frozenset(file.sha256 for file in files),
        steps=(*before, *(str(getattr(s, "name", s)) for s in pipelines[0].steps), *after),
        columns=(2 * columns if product.assemble else columns) if image else None,
        extensions=frozenset(name for name, there in names.items() if there),
        segment=product.segment if image else None,
        packing=TILE_COMPRESSION.get(compress) if image else None,
        collateral=frozenset(file.crc32 for file in collateral or ()),
    )


def why_again(target: Path, expected: Expected) -> tuple[str, ...] | None:
    """Reasons to make an output: empty if there is none, None if it is up to date."""
    if not target.exists():
        return ()
    try:
        headers: list[Any] = [hdu.header for hdu in read_blocks(target)]
    except OSError as error:
        why = str(error).removeprefix(f"{target}: ")
        return (f"{target.name}: made again, because it was not complete ({why})",)
    header = next((h for h in headers if "RAWCRC" in h), headers[0])
    maker = next((key for key in _MAKERS if key in header), None)
    if "RAWCRC" not in header and maker and not str(header[maker]).startswith("tica-fn"):
        raise FrameError(
            f"{target}: is there already and not by tica-fn ({maker} = {header[maker]!r}); "
            "--overwrite replaces it"
        )
    image: Any = headers[1] if headers[0].get("NAXIS") == 0 and len(headers) > 1 else headers[0]
    names = {str(extension.get("EXTNAME", "")) for extension in headers[1:]}
    segment = header.get("ORB_SEG")
    reasons = {
        "it was made from another input": header.get("RAWCRC") != expected.input_crc32,
        "it was made with other models": _values(header, "MODSHA") != expected.models,
        "it was made with other collateral": _values(header, "COLCRC") != expected.collateral,
        "it was made by other steps": steps_of(header) != expected.steps,
        "it has other pixels": expected.columns is not None
        and _columns(image) not in (None, expected.columns),
        "it has other extensions": {"UNCERTAINTY", "PIXEL_QUALITY"} & names != expected.extensions,
        "it is of another orbit segment": expected.segment not in (None, segment),
        "it was compressed in another way": image.get("ZCMPTYPE") != expected.packing,
    }
    for reason, true in reasons.items():
        if true:
            return (f"{target.name}: made again, because {reason}",)
    return None


def _columns(image: Any) -> int | None:
    """Columns of an image, compressed or not; None for a table."""
    if image.get("XTENSION") == "BINTABLE" and "ZNAXIS1" not in image:
        return None
    found: int | None = image.get("ZNAXIS1", image.get("NAXIS1"))
    return found


def has_same_pixels(target: Path, expected: Expected) -> bool:
    """Tell whether a file has the expected pixels, whatever else it contains."""
    headers: list[Any] = [hdu.header for hdu in open_hdus(target)[0]]
    header = next((h for h in headers if "RAWCRC" in h), headers[0])
    image: Any = headers[1] if headers[0].get("NAXIS") == 0 and len(headers) > 1 else headers[0]
    return (
        header.get("RAWCRC") == expected.input_crc32
        and _values(header, "MODSHA") == expected.models
        and _values(header, "COLCRC") == expected.collateral
        and _of_pixels(steps_of(header) or ()) == _of_pixels(expected.steps)
        and expected.columns in (None, image.get("ZNAXIS1", image.get("NAXIS1")))
    )


def _of_pixels(steps: tuple[str, ...]) -> tuple[str, ...]:
    """Steps that change pixels; adding the variance does not."""
    return tuple(step for step in steps if step != "estimate_variance")


_MAKERS = ("TICAVER", "CREATOR", "PROCVER", "ORIGIN")


def _values(header: Any, keyword: str) -> frozenset[str]:
    """Values of all keywords that begin with `keyword`."""
    return frozenset(str(value) for name, value in header.items() if name.startswith(keyword))
