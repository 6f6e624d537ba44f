"""Round the uncertainties of the example's 2-D black to make it smaller.

    python tools/example_black.py 2dblack.fits.fz rounded.fits.fz

The second image of the mission's file has steps of 0.0373 ADU. In imaging rows and the first 2048
columns it is rounded to 16 steps, which makes every wheel 1.9 MB smaller. In the smear and buffer
rows and the last columns, whose errors are compared with the mission's, values stay as they are.
"""

import sys
from pathlib import Path

import numpy as np
from astropy.io import fits

STEP, COARSER, TILE = 0.03729672363913602, 16, (16, 2048)


def tiles(image, step):
    """Rows of the table of a tile-compressed image: bytes of each tile, scale, zero point."""
    packed = fits.CompImageHDU(
        np.ascontiguousarray(image),
        compression_type="RICE_1",
        quantize_level=-step,
        quantize_method=-1,
        tile_shape=TILE,
    )
    with fits.HDUList([fits.PrimaryHDU(), packed]) as hdus:
        hdus.writeto(SCRATCH, overwrite=True, output_verify="exception")
    with fits.open(SCRATCH, disable_image_compression=True) as hdus:
        names = ("COMPRESSED_DATA", "ZSCALE", "ZZERO")
        return [tuple(np.array(row[name]) for name in names) for row in hdus[1].data]


SCRATCH = Path("scratch.fits")


def main(source, target):
    with fits.open(source) as hdus:
        error = hdus[2].data
    with fits.open(source, disable_image_compression=True) as hdus:
        old, begin = hdus[2].header, hdus.fileinfo(2)["hdrLoc"]
    above = error.shape[0] // 2048 * 2048
    left = tiles(error[:above, :2048], STEP * COARSER)
    right = tiles(error[:above, 2048:], STEP)
    top_left = tiles(error[above:, :2048], STEP)
    top_right = tiles(error[above:, 2048:], STEP)
    rows = [row for pair in zip(left + top_left, right + top_right, strict=True) for row in pair]
    longest = max(len(row[0]) for row in rows)
    bytes_of = np.empty(len(rows), dtype=object)
    bytes_of[:] = [row[0] for row in rows]
    columns = [
        fits.Column("COMPRESSED_DATA", f"1PB({longest})", array=bytes_of),
        fits.Column("ZSCALE", "1D", array=[float(row[1]) for row in rows]),
        fits.Column("ZZERO", "1D", array=[float(row[2]) for row in rows]),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    for card in old.cards:
        told = ("TTYPE", "TFORM", "CHECKSUM", "DATASUM", "HISTORY")
        if card.keyword not in table.header and not card.keyword.startswith(told):
            table.header.append(card, end=True)
    table.header["ZTILE1"], table.header["ZTILE2"] = TILE[1], TILE[0]
    table.header["HISTORY"] = "Rows under 2048, columns under 2048: rounded to 16 steps of 0.0373"
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(SCRATCH, overwrite=True, checksum=True)
    written = SCRATCH.read_bytes()
    SCRATCH.unlink()
    Path(target).write_bytes(Path(source).read_bytes()[:begin] + written[2880:])
    with fits.open(target) as found:
        new = found[2].data
    assert np.array_equal(new[above:], error[above:])
    assert np.array_equal(new[:, 2048:], error[:, 2048:])
    print("rms of the rounding", float(np.std(new[:above, :2048] - error[:above, :2048])))
    print("of a median of", float(np.median(error)))


if __name__ == "__main__":
    main(*sys.argv[1:])
