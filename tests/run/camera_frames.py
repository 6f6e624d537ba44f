"""Four camera frames of camera 2 and their models, for which TICA 1.4's time series is kept."""

import numpy as np
from astropy.io import fits

from tests import inputs
from tests.data.made_frames import made_frame

CARDS = {
    "CAM": 2, "INT_TIME": 600, "EXPTIME": 475.2, "TJD_ZERO": 2457000.0, "TIME": 1300000000.0,
    "CRM": True, "CRM_N": 10, "ORBIT_ID": 77, "QUAL_BIT": 0,
}  # fmt: skip


def name_of(which):
    return f"tess2021041{which:06d}-{116470 + which:08d}-2-crm-ffi.fits"


def counts(ccd, which):
    raw = made_frame(2, ccd, 600, 41)[0].copy()
    if which == 1:
        raw[:2048, 44:2092] += 1500
    if which == 2 and ccd == 2:
        raw[:, 2114:2125] += 20000
    if which == 3 and ccd == 4:
        raw[:2048, 44:2092] = raw[1000, 2092]
    return raw


def make_camera_frames(folder):
    """Write the raw frames and ``calibration_10min``, and give the paths of the frames."""
    camera = np.empty((4, 4156, 4272), np.int32)
    for ccd in (1, 2, 3, 4):
        bias, flat = made_frame(2, ccd, 600, 41)[1:]
        inputs.tica_models(folder / "calibration_10min", bias, flat, 2, ccd)
        for which in range(4):
            raw = counts(ccd, which)
            rows, columns = np.s_[:2078] if ccd > 2 else np.s_[2078:], np.s_[:2136]
            if ccd in (1, 4):
                columns = np.s_[2136:]
            camera[which][rows, columns] = raw if ccd > 2 else raw[::-1, ::-1]
    paths = []
    for which in range(4):
        hdu = fits.PrimaryHDU(camera[which])
        start = 2255.0 + which * 600 / 86400
        hdu.header.update(CARDS)
        hdu.header["STARTTJD"], hdu.header["MIDTJD"] = start, start + 300 / 86400
        hdu.header["ENDTJD"], hdu.header["CADENCE"] = start + 600 / 86400, 116470 + which
        paths.append(folder / name_of(which))
        hdu.writeto(paths[-1], overwrite=True)
    return paths
