"""``tica-fn models``: list, fetch, verify and build calibration models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.cli.arguments import (
    exposure_name,
    more_than_zero,
    positive,
    synonym,
)
from tica_fn.cli.commands.models_build import add_build
from tica_fn.cli.messages import say_line
from tica_fn.errors import UsageError

if TYPE_CHECKING:
    from tica_fn.remote.installed import FolderStatus


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("models")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add_list(actions)
    _add_fetch(actions)
    _add_verify(actions)
    add_build(actions)


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
        "the current folder if it has such files, else the versions built in",
    )


def _add_list(actions: Any) -> None:
    parser = actions.add_parser(
        "list", help="list which models are installed and which are missing"
    )
    _add_place(parser)
    _add_pointers(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_list)


def _add_fetch(actions: Any) -> None:
    parser = actions.add_parser(
        "fetch",
        help="download and verify models",
        description="Download just the model files that are needed, verify them, and install "
        "them as calibration_<exposure>/twodbias and /flatfields. An interrupted download "
        "continues where it stopped. Files are installed only once all are complete and verified.",
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
    parser.add_argument("--remote", metavar="URL", help="another server with the same files")
    parser.add_argument(
        "--pin",
        action="append",
        default=[],
        metavar="HASH",
        help="use another version: the hash in a .dvc file, of biases or flats; can be repeated",
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
        help="seconds to wait for data (30)",
    )
    parser.add_argument(
        "--tries", type=positive, default=4, metavar="N", help="attempts per download (4)"
    )
    parser.set_defaults(run=run_fetch)


def _add_verify(actions: Any) -> None:
    parser = actions.add_parser("verify", help="check that installed models are unchanged")
    parser.add_argument(
        "exposure",
        nargs="*",
        type=_exposure_or_mast,
        metavar="EXPOSURE",
        help="default: all that are installed",
    )
    _add_place(parser)
    parser.set_defaults(run=run_verify)


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
    """Print which models are installed."""
    import json

    import attrs

    from tica_fn.remote.installed import list_models

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
    from tica_fn.remote.progress_bar import human

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
            raise UsageError(
                "--source mast takes no exposure, --pin or --pointers: MAST's models serve any "
                "exposure"
            )
        folder = fetch_mast(_place(args), remote=remote, cache=Cache(), **asked)
    else:
        if args.exposure is None:
            raise UsageError("name an exposure, for example: tica-fn models fetch 10min")
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
    """Hash installed files again; return 1 unless all are as they were fetched."""
    from tica_fn.remote.exposures import exposure
    from tica_fn.remote.installed import model_folders, verify_folder
    from tica_fn.remote.mast import MAST_FOLDER

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
