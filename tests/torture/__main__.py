"""Torture: ``python -m tests.torture [--seconds 600]``, or ``make torture``.

Each part has its count and a verdict; the exit code is 0 only if all of them held.

    files       mutated files through every reader
    server      servers that lie, stall and never end; fetches that are killed
    changing    inputs that change under the reader
    kills       commands killed at random times
    disk        file systems of random size that run full
    cluster     schedulers and workers that die
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tica_fn.remote.first_sight import check_whole

BEGIN, HUNG = 300, 60
"""Seconds until the first file, kernels compiled, and those after which a reader is killed that
its own alarm did not stop."""
PREFIX = "tica-fn-torture-"
SHARES = {"kills": 0.08, "disk": 0.08, "files": 0.4}
"""Shares of the time; what comes last has all that is left."""
TESTS = {
    "server": ["tests/remote/test_hostile.py", "tests/remote/test_kill.py"],
    "changing": ["tests/wcs/test_changing_files.py"],
    "cluster": ["tests/products/test_cluster.py", "tests/run/test_stops.py"],
}


class Part:
    """What one part did."""

    def __init__(self, name):
        self.name, self.count, self.wrong, self.notes = name, 0, [], ""

    def tell(self):
        verdict = "held" if self.count and not self.wrong else "FAILED"
        print(f"{self.name:9s} {self.count:6d}  {verdict}  {self.notes}".rstrip(), flush=True)
        for line in self.wrong:
            print(f"          {line}", flush=True)


def torture_files(seconds, seed, count, jobs):
    """Run readers in processes of their own, which may hang or crash."""
    part, states, stop = Part("files"), Counter(), time.monotonic() + seconds
    lock = threading.Lock()
    memory = Path("/dev/shm")
    # Here and not in the readers: killed, they leave theirs, 400 MB each.
    place = tempfile.TemporaryDirectory(prefix=PREFIX, dir=memory if memory.is_dir() else None)
    environment = os.environ | {"TMPDIR": place.name}

    def work(mine):
        while time.monotonic() < stop and part.count < count:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.torture.fuzz", "--seed", str(mine), "--count",
                 str(count), "--seconds", str(max(stop - time.monotonic(), 1.0))],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
            )  # fmt: skip
            case, ended = None, False
            watch = threading.Timer(BEGIN, process.kill)
            watch.start()
            for line in process.stdout:
                watch.cancel()
                said = json.loads(line)
                ended = ended or "end" in said
                watch = threading.Timer(HUNG, process.kill)
                watch.start()
                if "kind" in said:
                    case = said
                elif "state" in said:
                    with lock:
                        part.count += 1
                        states[said["state"]] += 1
                        if said["wrong"]:
                            part.wrong.append(_shown(case, said["wrong"]))
                        full = part.count >= count
                    case = None
                    if full:
                        process.kill()
            watch.cancel()
            process.wait()
            if case is not None and part.count < count:
                part.wrong.append(_shown(case, f"the process ended with {process.returncode}"))
            elif not ended and part.count < count:
                last = process.stderr.read().strip().splitlines()[-1:]
                part.wrong.append(f"seed {mine}: the process did not end: {last}")
                return
            mine += 1000

    threads = [threading.Thread(target=work, args=(seed + n,)) for n in range(jobs)]
    with place:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    part.notes = f"{states['refused']} refused by name, {states['read']} read"
    return part


def _shown(case, wrong):
    return f"seed {case['seed']} file {case['number']}, {case['kind']} ({case['what']}): {wrong}"


def make_inputs(folder):
    """Raw frames and models, by the simulator."""
    words = ["simulate", "--outdir", str(folder), "--camera", "2", "--ccd", "3", "--frames", "4"]
    subprocess.run(
        [sys.executable, "-m", "tica_fn", *words, "--exposure", "120", "--stars", "none",
         "--no-truth"], check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return sorted(folder.glob("*_ffir.fits")), folder / "calibration_02min"


def _calibrate(raw, models, outdir, *more):
    words = ["calibrate", *map(str, raw), "--caldir", str(models), "--outdir", str(outdir)]
    return [sys.executable, "-m", "tica_fn", *words, "--jobs", "2", *more]


def _check_outputs(part, outdir, what):
    """Every product is whole, and nothing half-written stands beside it."""
    for path in outdir.rglob("*"):
        if path.is_file() and path.name.endswith(".cal.fits"):
            try:
                check_whole(path)
            except (OSError, ValueError) as error:
                part.wrong.append(f"{what}: {error}")


def torture_kills(seconds, seed, inputs):
    """Kill a command at random times; what has a name is whole, and the next run completes."""
    part, stop, rng = Part("kills"), time.monotonic() + seconds, random.Random(seed)
    raw, models = inputs
    with tempfile.TemporaryDirectory() as name:
        outdir = Path(name) / "out"
        begun = time.monotonic()
        subprocess.run(_calibrate(raw, models, outdir), check=True, stdout=subprocess.DEVNULL)
        whole = time.monotonic() - begun
        while time.monotonic() < stop or part.count < 3:
            shutil.rmtree(outdir, ignore_errors=True)
            process = subprocess.Popen(
                _calibrate(raw, models, outdir), stdout=subprocess.DEVNULL, start_new_session=True
            )
            time.sleep(rng.uniform(0.0, whole))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            part.count += 1
            _check_outputs(part, outdir, f"kill {part.count}")
        done = subprocess.run(_calibrate(raw, models, outdir), capture_output=True, text=True)
        left = sorted(path.name for path in outdir.glob("*"))
        if done.returncode or len(left) != len(raw):
            part.wrong.append(f"the run after the kills: code {done.returncode}, files {left}")
    return part


def torture_disk(seconds, seed, inputs):
    """Calibrate onto file systems of random size: whole files or none, one line, exit code 1."""
    part, stop, rng = Part("disk"), time.monotonic() + seconds, random.Random(seed)
    raw, models = inputs
    with tempfile.TemporaryDirectory() as name:
        disk = Path(name) / "disk"
        disk.mkdir()
        while time.monotonic() < stop or part.count < 3:
            kilobytes = rng.randrange(0, 60_000)
            mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes + 4}k", "none", str(disk)]
            if subprocess.run(mount, capture_output=True).returncode:
                part.notes, part.count = "no file system can be mounted here: left out", 1
                return part
            try:
                done = subprocess.run(_calibrate(raw, models, disk), capture_output=True, text=True)
                part.count += 1
                what = f"{kilobytes} kB"
                if done.returncode != 1:
                    part.wrong.append(f"{what}: exit code {done.returncode}")
                if "Traceback" in done.stderr or "space" not in done.stderr + done.stdout:
                    part.wrong.append(f"{what}: {done.stderr.strip()[-200:]!r}")
                _check_outputs(part, disk, what)
                others = [p.name for p in disk.rglob("*") if not p.name.endswith(".cal.fits")]
                if others:
                    part.wrong.append(f"{what}: left behind {others}")
            finally:
                subprocess.run(["umount", str(disk)], check=True)
    return part


def run_tests(name, seconds):
    """Tests that do harm of a kind, as a part."""
    part = Part(name)
    files = [path for path in TESTS[name] if Path(path).exists()]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files],
            capture_output=True, text=True, timeout=seconds,
            env=os.environ | {"TICA_FN_TORTURE": "1"},  # killed more often
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        part.wrong.append(f"longer than {seconds:.0f} s")
        return part
    passed = re.search(r"(\d+) passed", done.stdout)
    part.count = int(passed[1]) if passed else 0
    part.notes = "cases of " + ", ".join(files)
    if done.returncode:
        part.wrong += [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
        part.wrong = part.wrong or [f"pytest ended with {done.returncode}"]
    return part


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="for all of it (600)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=int, default=10_000, help="at most so many files (10000)")
    jobs = os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=jobs, help="processes that read files at once")
    parser.add_argument("--parts", nargs="+", default=["kills", "disk", *TESTS, "files"])
    args = parser.parse_args()
    begun = time.monotonic()
    wrong = False
    with tempfile.TemporaryDirectory() as name:
        inputs = None
        if {"kills", "disk"} & set(args.parts):
            inputs = make_inputs(Path(name))
        for one in args.parts:
            left = max(begun + args.seconds - time.monotonic(), 10.0)
            share = left if one == args.parts[-1] else args.seconds * SHARES.get(one, 0.0)
            if one == "files":
                part = torture_files(share, args.seed, args.files, args.jobs)
            elif one == "kills":
                part = torture_kills(share, args.seed, inputs)
            elif one == "disk":
                part = torture_disk(share, args.seed, inputs)
            else:
                part = run_tests(one, left)
            part.tell()
            wrong = wrong or bool(part.wrong) or not part.count
    print(f"{'FAILED' if wrong else 'all held'} in {time.monotonic() - begun:.0f} s")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
