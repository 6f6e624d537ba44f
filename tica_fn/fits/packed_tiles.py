"""Tile-compressed image extensions as bytes, without a Python pass for each tile.

Rice-coded rows of dithered reals, and integers gzipped in tiles of many rows.  Images with NaN are
left to astropy.

Source: FITS standard 4.0, section 10.
"""

from __future__ import annotations

import numpy as np

from tica_fn import kernels
from tica_fn.fits.blocks import BLOCK
from tica_fn.fits.cards import Cards, card
from tica_fn.fits.checksum import sum_bytes
from tica_fn.fits.deflated import GZIP, deflated
from tica_fn.fits.hdu_bytes import finished_header
from tica_fn.fits.header import Header
from tica_fn.immutable import Array, freeze
from tica_fn.kernels.rice import DITHER_NUMBERS, pack_rows, words_at_most

__all__ = ["gzipped_tiles_hdu", "rice_hdu", "shuffled_rows_hdu"]

_PIXELS_OF_BLOCK = 32
_OF_AN_EXTENSION = ("XTENSION", "PCOUNT", "GCOUNT")
_STRUCTURE = frozenset(
    [*_OF_AN_EXTENSION, "SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "EXTNAME"]
)


def rice_hdu(cards: Cards, pixels: Array, step: float) -> bytes | None:
    """Rice-code the rows of an image in whole steps; None if it contains NaN.

    `pixels`: (rows, columns) float32.
    """
    rows, columns = pixels.shape
    if columns < 2:  # Rice coding needs two values.
        return None
    seed = int(pixels[0].view(np.uint8).sum()) % len(DITHER_NUMBERS) + 1
    out = np.empty(rows * words_at_most(columns), dtype=np.uint32)
    sizes, zeros = np.empty(rows, dtype=np.int32), np.empty(rows)
    scale = float(np.float32(step))
    fixed = freeze(pixels.view())
    length = int(pack_rows(fixed, scale, seed, DITHER_NUMBERS, out, sizes, zeros))
    if length < 0:
        return None
    record = [
        ("COMPRESSED_DATA", ">i4", (2,)),
        ("GZIP_COMPRESSED_DATA", ">i4", (2,)),
        ("ZSCALE", ">f8"),
        ("ZZERO", ">f8"),
    ]
    table = np.zeros(rows, dtype=record)
    table["COMPRESSED_DATA"] = _places(sizes)
    table["ZSCALE"], table["ZZERO"] = scale, zeros
    own = [
        card("ZNAME1", "BLOCKSIZE", "compression block size"),
        card("ZVAL1", _PIXELS_OF_BLOCK, "pixels per block"),
        card("ZNAME2", "BYTEPIX", "bytes per pixel (1, 2, 4, or 8)"),
        card("ZVAL2", 4, "bytes per pixel (1, 2, 4, or 8)"),
        card("ZNAME3", "NOISEBIT", "floating point quantization level"),
        card("ZVAL3", -step, "floating point quantization level"),
        card("ZQUANTIZ", "SUBTRACTIVE_DITHER_1", "Pixel Quantization Algorithm"),
        card("ZDITHER0", seed, "dithering offset when quantizing floats"),
    ]
    heap = out.view(np.uint8)[:length]
    return _hdu(cards, pixels, (1, columns), "RICE_1", own, table, heap)


def gzipped_tiles_hdu(cards: Cards, pixels: Array, tile_rows: int) -> bytes:
    """Gzip an image in tiles of `tile_rows` rows.

    `pixels`: (rows, columns) int32.
    """
    rows, columns = pixels.shape
    words = np.empty(tile_rows * columns, dtype=np.uint32)
    tiles = []
    for first in range(0, rows, tile_rows):
        values = freeze(pixels[first : first + tile_rows].reshape(-1).view(np.uint32))
        kernels.to_big_endian(values, words[: values.size])
        tiles.append(_gzipped(words[: values.size].data))
    return _hdu(cards, pixels, (tile_rows, columns), "GZIP_1", [], *_heaped(tiles))


def shuffled_rows_hdu(cards: Cards, pixels: Array) -> bytes:
    """Gzip the rows of an image without loss: all first bytes, then all second bytes, ...

    `pixels`: (rows, columns) float32.
    """
    rows, columns = pixels.shape
    whole = pixels.astype(">f4").view(np.uint8).reshape(rows, columns, 4)
    apart = np.ascontiguousarray(whole.swapaxes(1, 2)).reshape(rows, -1)
    own = [
        card("ZNAME1", "NOISEBIT", "floating point quantization level"),
        card("ZVAL1", 0.0, "floating point quantization level"),
    ]
    tiles = [_gzipped(row.data) for row in apart]
    return _hdu(cards, pixels, (1, columns), "GZIP_2", own, *_heaped(tiles))


def _gzipped(data: memoryview) -> bytes:
    return b"".join(deflated(data, GZIP))


def _heaped(tiles: list[bytes]) -> tuple[Array, Array]:
    """Table with the place of each tile, and the tiles."""
    table = np.zeros(len(tiles), dtype=[("COMPRESSED_DATA", ">i4", (2,))])
    table["COMPRESSED_DATA"] = _places(np.array([len(tile) for tile in tiles]))
    return table, np.frombuffer(b"".join(tiles), dtype=np.uint8)


def _places(sizes: Array) -> Array:
    """Length and place of each tile in the heap."""
    return np.stack([sizes, np.cumsum(sizes) - sizes], axis=1)


def _hdu(
    cards: Cards,
    pixels: Array,
    tile: tuple[int, int],
    method: str,
    own: Cards,
    table: Array,
    heap: Array,
) -> bytes:
    """Table extension with one tile per row, and its heap."""
    rows, columns = pixels.shape
    names = [name for name, _ in cards]
    told = dict(cards)
    longest = int(table["COMPRESSED_DATA"][:, 0].max())
    structure: Cards = [
        card("XTENSION", "BINTABLE", "binary table extension"),
        card("BITPIX", 8, "array data type"),
        card("NAXIS", 2, "number of array dimensions"),
        card("NAXIS1", table.itemsize, "width of table in bytes"),
        card("NAXIS2", len(table), "number of rows in table"),
        card("PCOUNT", heap.size, "number of group parameters"),
        card("GCOUNT", 1, "number of groups"),
        card("TFIELDS", len(table.dtype.names or ()), "number of fields in each row"),
    ]
    for number, name in enumerate(table.dtype.names or (), start=1):
        form = {"COMPRESSED_DATA": f"1PB({longest})", "GZIP_COMPRESSED_DATA": "1PB(0)"}
        structure += [card(f"TTYPE{number}", name), card(f"TFORM{number}", form.get(name, "1D"))]
    structure.append(card("ZIMAGE", True, "extension contains compressed image"))
    if "SIMPLE" in names:
        structure.append(card("ZSIMPLE", True))
    else:
        structure.append(card("ZTENSION", "IMAGE", "Image extension"))
    structure += [
        card("ZBITPIX", -32 if pixels.dtype.kind == "f" else 32, "array data type"),
        card("ZNAXIS", 2, "number of array dimensions"),
        card("ZNAXIS1", columns),
        card("ZNAXIS2", rows),
    ]
    if "SIMPLE" not in names:
        structure += [
            card("ZPCOUNT", 0, "number of parameters"),
            card("ZGCOUNT", 1, "number of groups"),
        ]
    structure += [
        card("ZTILE1", tile[1], "size of tiles to be compressed"),
        card("ZTILE2", tile[0], "size of tiles to be compressed"),
        card("ZCMPTYPE", method, "compression algorithm"),
        *own,
    ]
    name = "COMPRESSED_IMAGE"
    if "EXTNAME" in told:
        name = str(Header([("EXTNAME", told["EXTNAME"])])["EXTNAME"])
    rest = [one for one in cards if one[0] not in _STRUCTURE]
    data = table.tobytes() + heap.tobytes()
    data += bytes(-len(data) % BLOCK)
    named = card("EXTNAME", name, "name of this binary table extension")
    return finished_header([*structure, named, *rest], sum_bytes(data)) + data
