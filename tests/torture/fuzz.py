"""Mutated files through every reader: a right result, or an error of the package with the file.

    python -m tests.torture.fuzz --seed 1 --count 100 [--seconds 60]

prints a line of JSON before and after each file, so that a parent sees what hangs or crashes.
"""

import argparse
import json
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits

from tests.torture.kind import place_of
from tests.torture.readers import kinds
from tica_fn import errors
from tica_fn.compare import Comparison
from tica_fn.errors import describe

SECONDS, ROOM = 20, 2 * 2**30
OURS = (ValueError, OSError)


class TooLongError(BaseException):
    """A file took longer than it may."""


def alarm(*_):
    raise TooLongError


def verdict(kind, path):
    """Read a file: what came of it, and what is wrong with that, if anything."""
    signal.alarm(SECONDS)
    try:
        result = kind.read(path)
    except TooLongError:
        return "", f"longer than {SECONDS} s"
    except OURS as error:
        signal.alarm(0)
        return "refused", wrong_refusal(error, path)
    except BaseException as error:
        signal.alarm(0)
        place = traceback.extract_tb(error.__traceback__)[-1]
        return "", f"{type(error).__name__}: {error} at {Path(place.filename).name}:{place.lineno}"
    signal.alarm(0)
    if isinstance(result, Comparison):
        return "refused" if result.failed else "read", None
    return "read", wrong_pixels(result, path) if kind.pixels else None


def wrong_refusal(error, path):
    """Errors are the package's own, or the system's with a file; and they name the file."""
    text = describe(error)
    if type(error).__module__ != errors.__name__ and not getattr(error, "filename", None):
        place = traceback.extract_tb(error.__traceback__)[-1]
        if not issubclass(type(error), OURS) or "tica_fn" not in place.filename:
            return f"{type(error).__name__} of {Path(place.filename).name}:{place.lineno}: {text}"
    if path.name not in text and path.parent.name not in text:
        return f"the file is not named: {text}"
    if len(text.splitlines()) != 1:
        return f"more than one line: {text!r}"
    return None


def wrong_pixels(frame, path):
    """Hold pixels to astropy's, where it reads an image of that shape."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False) as hdus:
                # astropy multiplies reals by BSCALE in float32.
                images = [
                    (1e-6 if {"BSCALE", "BZERO"} & set(hdu.header) else 0.0, hdu.data)
                    for hdu in hdus if hdu.is_image
                ]  # fmt: skip
    except Exception:
        return None  # what astropy can't read can't be held to it
    shape = frame.pixels.shape
    same = [(off, image) for off, image in images if image is not None and image.shape == shape]
    ours = np.asarray(frame.pixels, np.float64)
    for off, image in same:
        if np.allclose(ours, image.astype(np.float64), rtol=off, atol=0.0, equal_nan=True):
            return None
    if not same:
        return None
    return "pixels are not those that astropy reads"


def limit_memory():
    """Let the process have so much more than it has now."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, resource.RLIM_INFINITY))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--only", type=int, help="this file of the seed alone")
    parser.add_argument("--keep", type=Path, help="keep it under this name")
    args = parser.parse_args()
    signal.signal(signal.SIGALRM, alarm)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        every = kinds(folder)
        for kind in every:  # Good files are read: and kernels are compiled.
            place_of(kind, folder).write_bytes(kind.data)
            state, wrong = verdict(kind, place_of(kind, folder))
            if state != "read" or wrong:
                raise SystemExit(f"{kind.name}: the good file was {state}: {wrong}")
        limit_memory()
        stop = time.monotonic() + args.seconds
        shown = [kind for kind in every for _ in range(kind.weight)]
        random.Random(0).shuffle(shown)
        for number in range(args.count):
            if time.monotonic() > stop:
                break
            if args.only is not None and number != args.only:
                continue
            rng = random.Random(f"{args.seed}/{number}")
            kind = shown[number % len(shown)]
            path = place_of(kind, folder)
            data, said = kind.mutate(kind.data, rng)
            path.write_bytes(data)
            if args.keep:
                args.keep.write_bytes(data)
            case = {"seed": args.seed, "number": number, "kind": kind.name, "what": said[:300]}
            print(json.dumps(case), flush=True)
            begun = time.monotonic()
            state, wrong = verdict(kind, path)
            took = round(time.monotonic() - begun, 3)
            print(json.dumps({"state": state, "wrong": wrong, "seconds": took}), flush=True)
            path.write_bytes(kind.data)
    print(json.dumps({"end": True}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
