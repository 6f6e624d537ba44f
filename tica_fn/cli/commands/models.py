"""``tica-fn models``: list, fetch, verify and build calibration models."""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.cli.arguments import (
    add_files,
    all_inputs_of,
    exposure_name,
    more_than_zero,
    positive,
    synonym,
    within,
)
from tica_fn.cli.messages import say_line, say_when_compiling
from tica_fn.errors import UsageError

if TYPE_CHECKING:
    from tica_fn.remote.status import FolderStatus


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("models", help="list, fetch, verify and build models")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add_list(actions)
    _add_fetch(actions)
    _add_verify(actions)
    _add_build(actions)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--outdir",
        type=Path,
        metavar="DIR",
        help="folder of the calibration_<exposure> folders; default: models in the user's cache "
        "folder (or in TICA_FN_CACHE)",
    )
    synonym(parser, "--output", "outdir", type=Path)


def _add_pointers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pointers",
        type=Path,
        metavar="DIR",
        help="folder whose .dvc files say which versions to use; default: calibration_models in "
        "the current folder where it has such files, else the versions built in",
    )


def _add_list(actions: Any) -> None:
    parser = actions.add_parser("list", help="what is there, what is missing, how large")
    _add_place(parser)
    _add_pointers(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_list)


def _add_fetch(actions: Any) -> None:
    parser = actions.add_parser(
        "fetch",
        help="download models, verified and resumable",
        description="Download just the model files that are needed, verify them, and install "
        "them as calibration_<exposure>/twodbias and /flatfields. Interrupted downloads go on "
        "where they stopped; nothing is installed before all of it is complete and right.",
    )
    parser.add_argument(
        "exposure",
        nargs="?",
        type=_exposure_or_mast,
        metavar="EXPOSURE",
        help="30min, 10min, 200s, 4min, 2min or 20s; not needed with --source mast",
    )
    which = {"type": int, "choices": (1, 2, 3, 4), "metavar": "N"}
    parser.add_argument("--camera", help="1 to 4; default: all", **which)
    parser.add_argument("--ccd", help="1 to 4; default: all", **which)
    parser.add_argument("--remote", metavar="URL", help="another server with the same objects")
    parser.add_argument(
        "--pin",
        action="append",
        default=[],
        metavar="HASH",
        help="another version: the hash in a .dvc file, of biases or of flats; may be repeated",
    )
    parser.add_argument("--source", choices=("tica", "mast"), default="tica", help="default: tica")
    _add_place(parser)
    _add_pointers(parser)
    parser.add_argument(
        "--jobs", type=positive, default=4, metavar="N", help="downloads at a time (4)"
    )
    parser.add_argument(
        "--timeout",
        type=more_than_zero,
        default=30,
        metavar="S",
        help="seconds to wait for a byte (30)",
    )
    parser.add_argument("--tries", type=positive, default=4, metavar="N", help="tries in a row (4)")
    parser.set_defaults(run=run_fetch)


def _add_verify(actions: Any) -> None:
    parser = actions.add_parser("verify", help="hash installed models again")
    parser.add_argument(
        "exposure",
        nargs="*",
        type=_exposure_or_mast,
        metavar="EXPOSURE",
        help="default: all that are installed",
    )
    _add_place(parser)
    parser.set_defaults(run=run_verify)


def _add_build(actions: Any) -> None:
    parser = actions.add_parser(
        "build",
        help="make a model from your own frames",
        description="Average a stack of raw frames of one CCD and exposure time, without the "
        "values that are far off, in memory that does not grow with the stack. The file holds the "
        "model, its uncertainty, and the number of frames each pixel comes from.",
    )
    parser.add_argument(
        "kind",
        choices=("bias", "flat", "black", "badpixels"),
        help="bias or flat, from dark or illuminated frames; black: the mission's 1-D black over "
        "the rows, from any frames or from collateral files of overclock columns (tvcol); "
        "badpixels: a map of hot and dead pixels, from any frames with light",
    )
    add_files(parser, "raw full-frame images", metavar="RAW")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="file to write"
    )
    parser.add_argument(
        "--ccd", type=int, choices=(1, 2, 3, 4), metavar="N", help="which CCD of camera frames"
    )
    parser.add_argument("--bias", type=Path, metavar="FILE", help="bias model, for a flat")
    parser.add_argument(
        "--caldir",
        type=Path,
        metavar="DIR",
        help="folder of models with the bias, for a flat or a black; for badpixels all of them",
    )
    parser.add_argument(
        "--sigma",
        type=within(3, math.inf),
        default=5.0,
        metavar="S",
        help="where to clip (5), at least 3",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file")
    parser.set_defaults(run=run_build)


def _exposure_or_mast(text: str) -> str:
    return text if text == "mast" else exposure_name(text)


def _place(args: argparse.Namespace) -> Path:
    from tica_fn.remote.cache import default_folder

    return args.outdir if args.outdir is not None else default_folder() / "models"


def _outputs(args: argparse.Namespace) -> Any:
    from tica_fn.remote.pointers import read_pointers

    here = Path("calibration_models")
    if args.pointers is None and not any(here.glob("twodbias_*.dvc")):
        return None
    return read_pointers(here if args.pointers is None else args.pointers)


def run_list(args: argparse.Namespace) -> int:
    """Print what there is."""
    import json

    import attrs

    from tica_fn.remote.status import list_models

    place = _place(args)
    found = list_models(place, _outputs(args))
    if args.json:
        content = {"folder": str(place), "models": [attrs.asdict(one) for one in found]}
        print(json.dumps(content, indent=1))
        return 0
    say_line(f"folder: {place}")
    for one in found:
        _print_status(one)
    return 0


def _print_status(one: FolderStatus) -> None:
    from tica_fn.remote.progress import human

    total = len(one.installed) + len(one.missing)
    size = f" of {human(one.needed_bytes)}" if one.needed_bytes else ""
    print(
        f"{one.name:6s} {one.folder:18s} {len(one.installed):2d} of {total} files, "
        f"{human(one.installed_bytes)}{size}"
    )
    for output, version in one.versions.items():
        print(f"       known: {output} {version}")
    known = {f"{output} {version}" for output, version in one.versions.items()}
    for version in one.installed_versions:
        other = "" if version in known or one.name == "mast" else " (not the known version)"
        print(f"       installed: {version}{other}")
    if one.installed and one.missing:
        print(f"       missing: {' '.join(one.missing)}")


def run_fetch(args: argparse.Namespace) -> int:
    """Download and install."""
    from tica_fn.remote.address import clean_url
    from tica_fn.remote.cache import Cache, Remote
    from tica_fn.remote.exposures import exposure
    from tica_fn.remote.fetch import TICA_REMOTE, fetch_models
    from tica_fn.remote.http import Client
    from tica_fn.remote.mast import MAST_REMOTE, fetch_mast

    url = clean_url(args.remote or (MAST_REMOTE if args.source == "mast" else TICA_REMOTE))
    remote = Remote(url=url, client=Client(timeout_s=args.timeout, tries=args.tries))
    asked = {"camera": args.camera, "ccd": args.ccd, "jobs": args.jobs}
    if args.source == "mast":
        if args.pin or args.pointers or args.exposure:
            raise UsageError("MAST's models serve any exposure and have no pins or pointers")
        folder = fetch_mast(_place(args), remote=remote, cache=Cache(), **asked)
    else:
        if args.exposure is None:
            raise UsageError("which exposure? for example: tica-fn models fetch 10min")
        folder = fetch_models(
            exposure(args.exposure),
            _place(args),
            remote=remote,
            cache=Cache(),
            outputs=_outputs(args),
            pins=args.pin,
            **asked,
        )
    say_line(folder)
    return 0


def run_verify(args: argparse.Namespace) -> int:
    """Hash again; 1 unless all is as it was fetched."""
    from tica_fn.remote.exposures import exposure
    from tica_fn.remote.mast import MAST_FOLDER
    from tica_fn.remote.status import model_folders, verify_folder

    place = _place(args)
    if args.exposure:
        names = [MAST_FOLDER if n == "mast" else exposure(n).folder for n in args.exposure]
        folders = tuple(place / name for name in names)
    else:
        folders = model_folders(place)
    checked = bad = 0
    for folder in folders:
        checks = verify_folder(folder)
        if not checks:
            raise FileNotFoundError(2, "no models in it", str(folder))
        for check in checks:
            say_line(f"{check.verdict:10s} {folder.name}/{check.path}  {check.detail}")
        checked += len(checks)
        bad += sum(check.verdict != "ok" for check in checks)
    if not checked:
        raise FileNotFoundError(2, "no models in it", str(place))
    if bad:
        print(f"tica-fn: {bad} of {checked} files are not as they were fetched", file=sys.stderr)
    return 1 if bad else 0


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
        raise FileExistsError(17, "it is there already; --overwrite replaces it", str(args.output))
    if not args.output.parent.is_dir():
        raise FileNotFoundError(2, "no such folder", str(args.output.parent))
    if args.kind == "black":
        return _build_black(args)
    if args.kind == "badpixels":
        return _build_bad_pixels(args)
    read = partial(tica_fn.read, ccd=args.ccd)
    if args.kind == "bias" and (args.bias or args.caldir):
        raise UsageError("a bias is made without other models: leave out --bias and --caldir")
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
        raise UsageError("a black needs the mission's 2-D black: give --caldir DIR, no --bias")

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
        f"{letter} {'told by' if exact else 'mean of'} {frames} readouts"
        for letter, frames, exact in zip(AMPLIFIERS, made.frames, made.exact, strict=True)
        if frames
    ]
    say_line(
        f"{args.output}: row profile of camera {made.camera} CCD {made.ccd}, {', '.join(said)}; "
        "put it into the folder of the models as "
        f"row-profile-{made.camera}-{made.ccd}.fits"
    )
    return 0


def _build_bad_pixels(args: argparse.Namespace) -> int:
    """Make a map of one CCD's bad pixels."""
    from functools import partial

    import tica_fn
    from tica_fn.fits.bad_pixels import write_bad_pixels

    if args.bias or not args.caldir:
        raise UsageError("bad pixels are looked for in calibrated frames: give --caldir DIR")
    read = partial(tica_fn.read, ccd=args.ccd)
    first = read(args.files[0])
    models = tica_fn.load_models(args.caldir, first.camera, first.ccd)
    made = tica_fn.build_bad_pixels(args.files, read, models, limit=args.sigma)
    write_bad_pixels(made, args.output, [path.name for path in args.files])
    say_line(
        f"{args.output}: {made.hot} hot and {made.dead} dead pixels of camera {made.camera} CCD "
        f"{made.ccd}, {made.frames} frames; put it into the folder of the models as "
        f"bad-pixels-{made.camera}-{made.ccd}.fits"
    )
    return 0


def _models_for_flat(args: argparse.Namespace, read: Any) -> Any:
    """Bias and amplifier constants of the first frame's CCD."""
    import attrs

    from tica_fn import amplifiers, load_models, neutral_models
    from tica_fn.fits.built_model import read_bias_image

    if (args.bias is None) == (args.caldir is None):
        raise UsageError("a flat needs a bias: give either --bias FILE or --caldir DIR")
    first = read(args.files[0])
    camera, ccd = first.camera, first.ccd
    if args.caldir is not None:
        return load_models(args.caldir, camera, ccd)
    constants = amplifiers(camera, ccd)
    models = neutral_models(camera, ccd, constants=constants, exposure_s=first.exposure_s)
    return attrs.evolve(models, bias=read_bias_image(args.bias, camera, ccd), kind="tica")
