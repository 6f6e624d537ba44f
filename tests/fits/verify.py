"""Verification of FITS files by the programs of others."""

import shutil
import subprocess
import warnings

from astropy.io import fits


def verify(path):
    """Fail on any error or warning of the astropy verifier, and of fitsverify where it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
            for hdu in hdus:
                assert hdu.verify_checksum() in (1, 2)
                assert hdu.verify_datasum() in (1, 2)
    program = shutil.which("fitsverify")
    if program is not None:
        done = subprocess.run([program, "-q", str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        assert "verification OK" in done.stdout, done.stdout
