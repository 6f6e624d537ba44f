"""An example of every command, shown below its help."""

from __future__ import annotations

__all__ = ["EXAMPLES"]

EXAMPLES = {
    "tica-fn": (
        "tica-fn models fetch 30min --outdir models",
        "tica-fn calibrate raw/ --caldir models/calibration_30min --outdir out",
    ),
    "tica-fn calibrate": (
        "tica-fn calibrate raw/ --caldir models/calibration_30min --outdir out",
        "tica-fn calibrate --list raw.txt --caldir models/calibration_10min --layout spoc",
    ),
    "tica-fn run": (
        "tica-fn run raw/ --caldir models/calibration_30min --outdir out --jobs 8",
        "tica-fn run --config run.toml --dry-run",
    ),
    "tica-fn status": ("tica-fn status out --watch",),
    "tica-fn select-dark": ("tica-fn select-dark --timeseries cam1/cal_timeseries.txt",),
    "tica-fn stage": ("tica-fn stage out delivery --sector 35 --orbit o1",),
    "tica-fn check": ("tica-fn check delivery",),
    "tica-fn split": ("tica-fn split tess*-crm-ffi.fits --outdir ccds",),
    "tica-fn assemble": ("tica-fn assemble ccds/*_ccd?.cal.fits --outdir cameras",),
    "tica-fn convert": ("tica-fn convert out/ --outdir spoc --name spoc",),
    "tica-fn cutout": (
        "tica-fn cutout out/*.fits --ra 100.9 --dec -16.7 --size 11 -o star_tp.fits",
    ),
    "tica-fn wcs": (
        "tica-fn wcs refstars dark.cal.fits --sector 35 -o ref.h5",
        "tica-fn wcs fit out/ --refstars ref.h5",
    ),
    "tica-fn wcs refstars": ("tica-fn wcs refstars dark.cal.fits --sector 35 -o ref.h5",),
    "tica-fn wcs fit": (
        "tica-fn wcs fit out/ --refstars ref.h5",
        "tica-fn wcs fit out/*.cal.fits --refstars ref-stars/ --outdir solved",
    ),
    "tica-fn wcs compare": ("tica-fn wcs compare ours.fits theirs.fits --picture pictures",),
    "tica-fn wcs diagnose": ("tica-fn wcs diagnose out/ -o solutions.ecsv --picture pictures",),
    "tica-fn models": (
        "tica-fn models list",
        "tica-fn models fetch 30min --camera 2 --ccd 3 --outdir models",
    ),
    "tica-fn models list": ("tica-fn models list --outdir models",),
    "tica-fn models fetch": ("tica-fn models fetch 30min --camera 2 --ccd 3 --outdir models",),
    "tica-fn models verify": ("tica-fn models verify 30min --outdir models",),
    "tica-fn models build": ("tica-fn models build bias dark/*.fits -o bias.fits",),
    "tica-fn compare": (
        "tica-fn compare gold/ out/",
        "tica-fn compare ours.cal.fits theirs_ffic.fits --mission --picture ratio.png",
    ),
    "tica-fn report": ("tica-fn report out/*.cal.fits --outdir pictures",),
    "tica-fn simulate": ("tica-fn simulate --sector 35 --frames 3 --outdir simulated",),
    "tica-fn demo": ("tica-fn demo --outdir demo",),
    "tica-fn fetch": ("tica-fn fetch raw --sector 6 --camera 2 --ccd 3 --first 20 --outdir raw",),
    "tica-fn info": ("tica-fn info out/*.cal.fits", "tica-fn info"),
}
"""Example command lines by command name."""
