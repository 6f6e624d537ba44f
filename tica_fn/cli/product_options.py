"""Options of ``tica-fn calibrate`` that say what the products are to be."""

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
        "--assemble", action="store_true", help="put the four CCDs of a camera frame in one file"
    )
    group.add_argument("--trim", action="store_true", help="write science pixels only")
    group.add_argument(
        "--name",
        choices=("stem", "hlsp", "spoc"),
        default="stem",
        help="name products after the input (default), as TICA's at MAST, or (camera frames in "
        "SPOC's layout) as SPOC's",
    )
    group.add_argument(
        "--orbit-segment",
        choices=sorted(SEGMENTS),
        metavar="SEG",
        help="o1a, o1b, o2a, o2b: for ORB_SEG",
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
        help="whose arithmetic to follow where the three options below do not say: TICA's "
        "(default), or that of the mission's pipeline SPOC: mission pedestal, linearity and smear",
    )
    steps.add_argument(
        "--smear",
        choices=choices_at("smear"),
        help="median of the smear rows (default); robust: where stars bleed into the smear rows "
        "take the smear from the background; mission: SPOC's robust weighted fit",
    )
    steps.add_argument(
        "--pedestal",
        choices=choices_at("pedestal"),
        help="mean of the overclocks (default); row: pedestals that change smoothly with the row; "
        "mission: SPOC's fixed row profile and one number a frame",
    )
    steps.add_argument(
        "--linearity",
        choices=(*choices_at("linearity"), "none"),
        help="spoc: TICA's integral of SPOC's polynomial (default); mission: the polynomial as "
        "SPOC itself applies it; poc: the older model; or none",
    )
    steps.add_argument(
        "--undershoot", action="store_true", help="correct the undershoot after bright pixels"
    )
    steps.add_argument(
        "--keep-cosmic-rays",
        action="store_true",
        help="leave in 20 s target pixels the cosmic rays that the mission found on the ground, "
        "and set CRSPOC to F; by default they are subtracted again",
    )
    times = parser.add_argument_group("times")
    times.add_argument(
        "--time-correction",
        action="append",
        choices=tuple(TIME_CORRECTIONS),
        default=[],
        metavar="NAME",
        help="correct TSTART and TSTOP for spoc (SPOC's files of sectors 1 to 21 as first "
        "released, which are 2 s late), poc or poc-documented (clock of POC files), ccd (read-out "
        "order) or barycenter (light travel time); may be given several times",
    )
    times.add_argument(
        "--ephemeris",
        metavar="FILE",
        type=local,
        help="positions of the spacecraft, for barycenter; by default those in the header",
    )


def product_of(args: argparse.Namespace) -> Product:
    """Options as a record."""
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
