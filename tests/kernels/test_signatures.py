"""One machine code a kernel: however pixels and models come in, kernels see one type of each."""

import json
import subprocess
import sys
from collections import Counter

import pytest

# In a process of its own, as kernels remember every type they were ever called with.
SCRIPT = r"""
import json
import numpy as np
import tica_fn
from tica_fn import Frame, Models, amplifiers, kernels

SHAPE = (2078, 2136)
counts = np.random.default_rng(0).integers(0, 30000, SHAPE)
bias, flat = np.full(SHAPE, 3.5), np.full(SHAPE, 0.9)
forms = [
    lambda a: a.astype(">i4"),
    lambda a: a.astype("<i4"),
    lambda a: a.astype("u2"),
    lambda a: a.astype("i8"),
    lambda a: np.asfortranarray(a.astype("i4")),
    lambda a: np.repeat(a, 2, axis=1).astype("i4")[:, ::2],
    lambda a: np.frombuffer(a.astype("i4").tobytes(), "i4").reshape(SHAPE),
]
images = [
    lambda a: a.astype(">f4"),
    lambda a: a.astype("f8"),
    lambda a: np.asfortranarray(a.astype("f4")),
    lambda a: np.broadcast_to(a[:1, :1].astype("f4"), SHAPE),
]
results = set()
for n, form in enumerate(forms):
    models = Models(camera=2, ccd=3, bias=images[n % 4](bias), flat=images[(n + 1) % 4](flat),
                    amplifiers=amplifiers(2, 3))
    frame = Frame(pixels=form(counts), unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    out = tica_fn.calibrate(frame, models)
    results.add(out.pixels.tobytes())
    if n < 3:
        stepwise = frame
        for step in tica_fn.standard_steps(models).steps:
            stepwise = step(stepwise)
        assert stepwise.pixels.tobytes() == out.pixels.tobytes()
        tica_fn.inverse(tica_fn.standard_steps(models))(out)
assert len(results) == 1
found = {n: getattr(kernels, n) for n in kernels.__all__}
print(json.dumps({n: len(k.signatures) for n, k in found.items() if hasattr(k, "signatures")}))
"""

STEPWISE = [
    "add_bias", "add_pedestal", "add_smear", "apply_gain", "correct_linearity", "divide_flat",
    "measure_smear", "multiply_flat", "remove_gain", "restore_nonlinearity", "subtract_bias",
    "subtract_pedestal", "subtract_smear",
]  # fmt: skip


@pytest.fixture(scope="module")
def signatures():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Counter(json.loads(done.stdout))


@pytest.mark.parametrize("name", STEPWISE)
def test_a_kernel_of_a_step_is_compiled_once(signatures, name):
    assert signatures[name] == 1


def test_the_fused_pass_is_compiled_once(signatures):
    assert signatures["sweep"] == 1


def test_pedestals_are_measured_on_raw_counts_or_on_the_pixels_of_a_step(signatures):
    assert signatures["measure_pedestals"] == 2
