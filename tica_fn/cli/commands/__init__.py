"""The subcommands of ``tica-fn``, one module each: parse, call, print.

A module here offers ``add(subparsers)``, which declares its arguments and names the function to
run with ``parser.set_defaults(run=...)``; that function takes the parsed arguments and returns
the exit code.  Modules import what they need inside that function, and ``tica-fn --help`` imports
none of them.
"""

__all__ = ["NAMES"]

NAMES = {
    "calibrate": "calibrate raw full-frame images and target pixel files",
    "run": "calibrate many files, choose reference frames, fit every WCS, keep a record",
    "status": "show the progress of a run: counts, rate, time left, failures",
    "split": "split raw camera frames into their CCDs",
    "assemble": "join single CCDs to camera frames",
    "convert": "convert calibrated frames to the layout that current tools read",
    "cutout": "cut a target pixel file out of calibrated frames",
    "wcs": "World Coordinate Solutions",
    "models": "list, fetch, verify and build models",
    "fetch": "download raw files of a sector from MAST",
    "compare": "compare products with gold ones: pixels, keywords, tables",
    "regtest": "TICA's regression test: fetch its set, calibrate, fit, compare",
    "select_dark": "choose bad calibrations, dark time, reference frames and lists",
    "stage": "link or copy a run's products into a delivery, with MAST's names and folders",
    "check": "check a delivery: folders, names, checksums, cadences, solutions, stars",
    "report": "write the page of a run, or a picture and a table of raw or calibrated frames",
    "simulate": "make raw files whose truth is known",
    "demo": "calibrate embedded real pixels and a simulated frame, and show the result",
    "info": "show what a file is, what was done to it and with what; or versions and folders",
}
"""Names of the modules and what they do, in the order of ``tica-fn --help``."""
