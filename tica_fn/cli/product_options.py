"""Options of ``tica-fn calibrate`` that shape the products."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tica_fn.cli.arguments import local
from tica_fn.clock import TIME_CORRECTIONS
from tica_fn.fits.hlsp import SEGMENTS
from tica_fn.fits.layouts import LAYOUTS
from tica_fn.steps.table import choices_at

if TYPE_CHECKING:
    from tica_fn.products.options import Product

__all__ = ["add_options", "product_of"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    default = next(iter(LAYOUTS))
    group = parser.add_argument_group("products")
    group.add_argument(
        "--layout",
        choices=tuple(LAYOUTS),
        default=default,
        help="; ".join(
            f"{name}: {layout.what}{' (default)' * (name == default)}"
            for name, layout in LAYOUTS.items()
        ),
    )
    group.add_argument(
        "--assemble", action="store_true", help="write the four CCDs of a camera frame to one file"
    )
    group.add_argument("--trim", action="store_true", help="write science pixels only")
    group.add_argument(
        "--name",
        choices=("stem", "hlsp", "spoc"),
        default="stem",
        help="names of products: after the input (default), like TICA's at MAST, or (camera frames "
        "in SPOC's layout) like SPOC's",
    )
    group.add_argument(
        "--orbit-segment",
        choices=sorted(SEGMENTS),
        metavar="SEG",
        help="ORB_SEG: o1a, o1b, o2a, o2b, ...",
    )
    group.add_argument(
        "--uncertainty", action="store_true", help="add the standard deviation of each pixel"
    )
    group.add_argument("--quality", action="store_true", help="add the flags of each pixel")
    steps = parser.add_argument_group("steps")
    steps.add_argument(
        "--like",
        choices=("tica", "spoc"),
        default="tica",
        help="arithmetic to use unless the next three options say otherwise: TICA's (default), or "
        "that of the mission's pipeline SPOC (mission smear, pedestal and linearity)",
    )
    steps.add_argument(
        "--smear",
        choices=choices_at("smear"),
        help="median: of the smear rows (default); robust: measured on the background where stars "
        "bleed into the smear rows; mission: SPOC's robust weighted fit",
    )
    steps.add_argument(
        "--pedestal",
        choices=choices_at("pedestal"),
        help="mean: of the overclocks (default); row: changing smoothly with the row; mission: "
        "SPOC's fixed row profile and one number per frame",
    )
    steps.add_argument(
        "--linearity",
        choices=(*choices_at("linearity"), "none"),
        help="spoc: TICA's integral of SPOC's polynomial (default); mission: the polynomial as "
        "SPOC itself applies it; poc: the older model; none: no correction",
    )
    steps.add_argument(
        "--undershoot", action="store_true", help="correct the undershoot after bright pixels"
    )
    steps.add_argument(
        "--keep-cosmic-rays",
        action="store_true",
        help="keep the cosmic rays that the mission found on the ground in 20 s target pixels, "
        "and set CRSPOC to F; by default they are subtracted",
    )
    times = parser.add_argument_group("times")
    times.add_argument(
        "--time-correction",
        action="append",
        choices=tuple(TIME_CORRECTIONS),
        default=[],
        metavar="NAME",
        help="correct TSTART and TSTOP: spoc (SPOC's files of sectors 1 to 21 as first released, "
        "which are 2 s late), poc or poc-documented (clock of POC files), ccd (read-out order), "
        "barycenter (light travel time); can be repeated",
    )
    times.add_argument(
        "--ephemeris",
        metavar="FILE",
        type=local,
        help="positions of the spacecraft, for barycenter (default: those in the header)",
    )


def product_of(args: argparse.Namespace) -> Product:
    """Make the record of the options."""
    from tica_fn.products.options import LIKE, Product

    like = LIKE[args.like]
    state = None
    if args.ephemeris is not None:
        from tica_fn.wcs.ephemeris import read_ephemeris

        state = read_ephemeris(args.ephemeris).state
    return Product(
        layout=args.layout,
        assemble=args.assemble,
        trim=args.trim,
        name=args.name,
        segment=args.orbit_segment,
        uncertainty=args.uncertainty,
        quality=args.quality,
        pedestal=args.pedestal or like["pedestal"],
        linearity=args.linearity or like["linearity"],
        smear=args.smear or like["smear"],
        undershoot=args.undershoot,
        keep_cosmic_rays=args.keep_cosmic_rays,
        time_corrections=tuple(args.time_correction),
        state=state,
    )
