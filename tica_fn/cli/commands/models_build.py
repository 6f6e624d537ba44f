"""``tica-fn models build``: make models from your own frames."""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from pathlib import Path
from typing import Any

from tica_fn.cli.arguments import add_files, all_inputs_of, within
from tica_fn.cli.messages import say_line, say_when_compiling
from tica_fn.errors import UsageError

__all__ = ["add_build"]


def add_build(actions: Any) -> None:
    """Declare the action."""
    parser = actions.add_parser(
        "build",
        help="make a model from your own frames",
        description="Average a stack of raw frames of one CCD and exposure time, without "
        "outliers. Memory does not grow with the stack. The file holds the model, its "
        "uncertainty, and the number of frames in each pixel's mean.",
    )
    parser.add_argument(
        "kind",
        choices=("bias", "flat", "black", "badpixels"),
        help="bias: from dark frames; flat: from illuminated frames; black: SPOC's 1-D black by "
        "row, from any frames or from collateral files of overclock columns (tvcol); badpixels: "
        "a map of hot and dead pixels, from any illuminated frames",
    )
    add_files(parser, "raw full-frame images", metavar="RAW")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="file to write"
    )
    parser.add_argument(
        "--ccd", type=int, choices=(1, 2, 3, 4), metavar="N", help="which CCD of camera frames"
    )
    parser.add_argument("--bias", type=Path, metavar="FILE", help="bias model, for flat")
    parser.add_argument(
        "--caldir",
        type=Path,
        metavar="DIR",
        help="folder of models: with the bias for flat and black, complete for badpixels",
    )
    parser.add_argument(
        "--sigma",
        type=within(3, math.inf),
        default=5.0,
        metavar="S",
        help="clip values beyond S standard deviations (5), at least 3",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file")
    parser.set_defaults(run=run_build)


def run_build(args: argparse.Namespace) -> int:
    """Average a stack."""
    from functools import partial

    import numpy as np

    import tica_fn
    from tica_fn import build_bias, build_flat
    from tica_fn.errors import keep_notes
    from tica_fn.fits.built_model import write_model

    say_when_compiling()
    same = [path for path in args.files if args.files.count(path) > 1]
    if same:
        raise UsageError(f"{same[0]}: given more than once")
    args.files = all_inputs_of(args, "raw frames", lambda kind: kind.raw)
    if args.output.exists() and not args.overwrite:
        raise FileExistsError(17, "exists already; --overwrite replaces it", str(args.output))
    if not args.output.parent.is_dir():
        raise FileNotFoundError(2, "no such folder", str(args.output.parent))
    if args.kind == "black":
        return _build_black(args)
    if args.kind == "badpixels":
        return _build_bad_pixels(args)
    read = partial(tica_fn.read, ccd=args.ccd)
    if args.kind == "bias" and (args.bias or args.caldir):
        raise UsageError("building a bias needs no other models: leave out --bias and --caldir")
    with keep_notes() as notes:
        if args.kind == "bias":
            model = build_bias(args.files, read, limit=args.sigma)
        else:
            model = build_flat(args.files, read, _models_for_flat(args, read), limit=args.sigma)
    for note in notes:
        say_line(f"tica-fn: {note}", file=sys.stderr)
    write_model(model, args.output, [path.name for path in args.files])
    typical = float(np.nanmedian(model.uncertainty[:2048, 44:2092]))
    say_line(
        f"{args.output}: {model.kind} of camera {model.camera} CCD {model.ccd}, "
        f"{model.exposure_s:g} s, {model.frames} frames, {model.clipped} values clipped, "
        f"median uncertainty {typical:.3g}{' adu' if model.kind == 'bias' else ''}"
    )
    return 0


def _build_black(args: argparse.Namespace) -> int:
    """Make row profiles of one CCD's amplifiers."""
    import tica_fn
    from tica_fn.build.row_profile import build_row_profile, overclocks_of
    from tica_fn.detector import AMPLIFIERS
    from tica_fn.fits.collateral import is_collateral, read_collateral
    from tica_fn.fits.row_profile import overclocks_of_collateral, write_row_profile

    if args.bias or not args.caldir:
        raise UsageError("black needs SPOC's 2-D black: give --caldir DIR, not --bias")

    def readouts() -> Any:
        for path in args.files:
            if is_collateral(path):
                yield from overclocks_of_collateral(str(path), read_collateral(path))
            else:
                yield from overclocks_of(str(path), tica_fn.read(path, ccd=args.ccd))

    found = readouts()
    first = next(found, None)
    if first is None:
        raise ValueError(f"{args.files[0]}: no cadences in it")
    models = tica_fn.load_models(args.caldir, first.camera, first.ccd)
    made = build_row_profile(itertools.chain([first], found), models, limit=args.sigma)
    write_row_profile(made, args.output, [path.name for path in args.files])
    said = [
        f"{letter} {'taken from' if exact else 'mean of'} {frames} readouts"
        for letter, frames, exact in zip(AMPLIFIERS, made.frames, made.exact, strict=True)
        if frames
    ]
    say_line(
        f"{args.output}: row profile of camera {made.camera} CCD {made.ccd}, {', '.join(said)}; "
        "copy it to the folder of the models as "
        f"row-profile-{made.camera}-{made.ccd}.fits"
    )
    return 0


def _build_bad_pixels(args: argparse.Namespace) -> int:
    """Make a map of one CCD's bad pixels."""
    from functools import partial

    import tica_fn
    from tica_fn.fits.bad_pixels import write_bad_pixels

    if args.bias or not args.caldir:
        raise UsageError("badpixels needs all models, without --bias: give --caldir DIR only")
    read = partial(tica_fn.read, ccd=args.ccd)
    first = read(args.files[0])
    models = tica_fn.load_models(args.caldir, first.camera, first.ccd)
    made = tica_fn.build_bad_pixels(args.files, read, models, limit=args.sigma)
    write_bad_pixels(made, args.output, [path.name for path in args.files])
    say_line(
        f"{args.output}: {made.hot} hot and {made.dead} dead pixels of camera {made.camera} CCD "
        f"{made.ccd}, {made.frames} frames; copy it to the folder of the models as "
        f"bad-pixels-{made.camera}-{made.ccd}.fits"
    )
    return 0


def _models_for_flat(args: argparse.Namespace, read: Any) -> Any:
    """Bias and amplifier constants of the first frame's CCD."""
    import attrs

    from tica_fn import amplifiers, load_models, neutral_models
    from tica_fn.fits.built_model import read_bias_image

    if (args.bias is None) == (args.caldir is None):
        raise UsageError("a flat needs one bias: give either --bias FILE or --caldir DIR")
    first = read(args.files[0])
    camera, ccd = first.camera, first.ccd
    if args.caldir is not None:
        return load_models(args.caldir, camera, ccd)
    constants = amplifiers(camera, ccd)
    models = neutral_models(camera, ccd, constants=constants, exposure_s=first.exposure_s)
    return attrs.evolve(models, bias=read_bias_image(args.bias, camera, ccd), kind="tica")
