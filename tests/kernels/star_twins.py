"""The kernels that measure stars and fit smooth fields, in plain loops; imports no tica_fn."""

import math

import numpy as np

from tests.kernels import wcs_twins as twins


def mean_position(stamp, half, level, slope_x, slope_y):
    """Mean position and flux of the middle square over a sloping background."""
    middle = len(stamp) // 2
    total = sum_x = sum_y = 0.0
    for y in range(-half, half + 1):
        for x in range(-half, half + 1):
            value = stamp[middle + y][middle + x] - (level + slope_x * x + slope_y * y)
            total, sum_x, sum_y = total + value, sum_x + x * value, sum_y + y * value
    if not total > 0:
        return math.nan, math.nan, total
    return sum_x / total, sum_y / total, total


def window(stamp, half, background, start, sigma, rounds, tolerance):
    """Windowed centroid and the number of rounds; moments as sums over weighted pixels."""
    level, slope_x, slope_y = background
    middle = len(stamp) // 2
    place = list(start)
    for round_ in range(1, rounds + 1):
        weighted = []
        for y in range(-half, half + 1):
            for x in range(-half, half + 1):
                dx, dy = x - place[0], y - place[1]
                light = stamp[middle + y][middle + x] - (level + slope_x * x + slope_y * y)
                weighted.append((math.exp(-(dx**2 + dy**2) / (2 * sigma**2)) * light, dx, dy))
        total = sum(w for w, _, _ in weighted)
        if not total > 0:
            return math.nan, math.nan, -1
        moves = []
        for axis in (1, 2):
            mean = sum(item[0] * item[axis] for item in weighted) / total
            variance = sum(item[0] * item[axis] ** 2 for item in weighted) / total - mean**2
            moves.append(mean / (1 - min(max(variance / sigma**2, 0), 0.6)))
        place = [place[0] + moves[0], place[1] + moves[1]]
        if not max(abs(place[0]), abs(place[1])) <= half:
            return *place, -1
        if max(abs(moves[0]), abs(moves[1])) < tolerance:
            return *place, round_
    return *place, -1


def peak(stamp, reach):
    """Top of the parabolas through the brightest pixel near the middle."""
    side = len(stamp)
    half = side // 2
    near = range(half - reach, half + reach + 1)
    finite = [(stamp[i][j], -i, -j) for i in near for j in near if math.isfinite(stamp[i][j])]
    if not finite:
        return math.nan, math.nan, math.nan
    best, row, column = max(finite)
    row, column = -row, -column
    if not (1 <= row <= side - 2 and 1 <= column <= side - 2):
        return math.nan, math.nan, math.nan
    found = []
    for before, after, at in (
        (stamp[row][column - 1], stamp[row][column + 1], column - half),
        (stamp[row - 1][column], stamp[row + 1][column], row - half),
    ):
        bend = before + after - 2 * best
        if not math.isfinite(bend):
            return math.nan, math.nan, math.nan
        found.append(at + ((before - after) / (2 * bend) if bend < 0 else 0.0))
    return *found, best


def summary(stamp, half):
    middle = len(stamp) // 2
    inner = [stamp[middle + y][middle + x] for y in range(-half, half + 1)
             for x in range(-half, half + 1)]  # fmt: skip
    finite = [value for value in inner if math.isfinite(value)]
    top = max(finite, default=-math.inf)
    return top, sum(v >= 0.98 * top for v in inner), len(inner) - len(finite)


def starlight(pixels, column, row, slopes, first, last, top, sigma, wing):
    """The 22 numbers of one star."""
    big = twins.cut_stamp(pixels, column, row, 11, first, last, top)
    stamp = [line[6:17] for line in big[6:17]]
    bright, plateau, missing = summary(stamp, 2)
    out = [math.nan] * 22
    out[2:8], out[13] = [bright, plateau, missing, 0, 0, 0], -1
    level, scatter = twins.ring_background(stamp, 2)
    if missing or math.isnan(level):
        return out
    whole = all(math.isfinite(value) for line in stamp for value in line)
    alone, *contrasts = twins.isolation(stamp, level, 10.0, wing) if whole else (False, 0, 0)
    x, y, flux = mean_position(stamp, 2, level, 0, 0)
    out[0:2], out[5:8], out[8:11] = [level, scatter], [alone, *contrasts], [x, y, flux]
    if not flux > 0:
        return out
    start = [min(max(at, -2), 2) for at in (x, y)]
    out[11:14] = window(stamp, 5, (level, *slopes), start, sigma, 25, 1e-4)
    outermost = [big[i][j] for i in range(23) for j in range(23) if {i, j} & {0, 22}]
    level = twins.median([value for value in outermost if math.isfinite(value)])
    if out[13] < 0:
        return out
    for k, aperture in enumerate(((10.2, False), (8.5, True), (6.5, True), (4.5, True))):
        out[14 + 2 * k : 16 + 2 * k] = soft(big, (level, *slopes), out[11:13], *aperture)
    return out


def soft(stamp, background, middle, radius, is_round, edge=1.6):
    """Mean position in an aperture whose edge falls from 1 to 0 over squares of distances."""
    level, slope_x, slope_y = background

    def fall(square):
        t = ((radius + edge / 2) ** 2 - square) / (2 * radius * edge)
        t = min(max(t, 0), 1)
        return 3 * t**2 - 2 * t**3

    half = len(stamp) // 2
    far = math.ceil(radius + edge / 2 + max(abs(middle[0]), abs(middle[1])))
    half = min(half, far)
    total = sum_x = sum_y = 0.0
    for y in range(-half, half + 1):
        for x in range(-half, half + 1):
            dx, dy = x - middle[0], y - middle[1]
            weight = fall(dx**2 + dy**2) if is_round else fall(dx**2) * fall(dy**2)
            light = stamp[len(stamp) // 2 + y][len(stamp) // 2 + x]
            light = weight * (light - (level + slope_x * x + slope_y * y))
            total, sum_x, sum_y = total + light, sum_x + dx * light, sum_y + dy * light
    if not total > 0:
        return math.nan, math.nan
    return middle[0] + sum_x / total, middle[1] + sum_y / total


def smooth_field(x, y, values, weights, highest, clip, rounds):
    """Clipped least squares of the highest degree, then the degree of least criterion."""
    used = (weights > 0) & np.isfinite(values).all(axis=0)
    top = highest
    while top > 0 and 3 * (top + 1) * (top + 2) // 2 > used.sum():
        top -= 1
    if used.sum() < 3:
        return np.zeros((len(values), 1)), -1, used
    terms = np.array(twins.polynomial_terms(x, y, top))
    root = np.sqrt(weights)

    def fitted(columns):
        left = terms[used, :columns] * root[used, None]
        return np.linalg.lstsq(left, (values[:, used] * root[used]).T, rcond=None)[0]

    for _ in range(rounds + 1):
        solved = fitted(terms.shape[1])
        at = used.copy()
        off = np.abs(values - (terms @ solved).T)
        limits = [clip * 1.4826 * twins.median(line[used].tolist()) for line in off]
        keep = used.copy()
        for line, limit in zip(off, limits, strict=True):
            if limit > 0:
                keep &= ~(line > limit)
        if (keep == used).all() or keep.sum() < 3 * terms.shape[1]:
            break
        used = keep
    # The trials of lower degree rest on the places of the last fit.
    last, used = used, at
    best, found = math.inf, None
    for degree in range(top + 1):
        part = (degree + 1) * (degree + 2) // 2
        trial = fitted(part)
        off = values - (terms[:, :part] @ trial).T
        score = len(values) * part * math.log(last.sum())
        for line in off:
            mean = (weights[last] * line[last] ** 2).sum() / weights[last].sum()
            score += last.sum() * math.log(max(mean, 1e-16))
        if score < best:
            best, found = score, (trial.T, degree)
    return *found, last


def field_by_evidence(x, y, values, errors, widths, low, rounds, last, settled):
    """Student's weights and the widths of the degrees, round by round, by numpy's own solver."""
    fine = np.isfinite(values).all(axis=0) & np.isfinite(errors)
    n, top, weights = fine.sum(), len(widths) - 1, np.zeros(x.size)
    if n < 6:
        return np.zeros_like(values), math.inf, -1, weights
    while top > 0 and 3 * (top + 1) * (top + 2) // 2 > n:
        top -= 1
    terms = np.array(twins.chebyshev_terms(x, y, top))
    degrees = np.array([d for d in range(top + 1) for _ in range(d + 1)])
    known, own, width = values[:, fine], errors[fine], np.array(widths[: top + 1])
    middle = [[twins.median(line.tolist())] for line in known]
    rest, before = known - middle, np.array(middle)
    scatter = max(twins.median((np.hypot(*rest) / own).tolist()) / 1.1774, 1e-9)
    for first, highest, most in ((True, min(low, top), rounds), (False, top, last)):
        which = degrees <= highest
        part, its = terms[fine][:, which], degrees[which]
        for _ in range(most):
            far = (rest**2).sum(axis=0) / (scatter * own) ** 2
            soft = (1.0 / np.sqrt(1.0 + far / 4.0) if first else 4.0 / (2.0 + far)) / (
                scatter * own
            ) ** 2
            gram = (part.T * soft) @ part
            for _ in range(2):
                inverse = np.linalg.inv(gram + np.diag(1.0 / width[its] ** 2))
                solved = inverse @ ((part.T * soft) @ known.T)
                for d in range(highest + 1):
                    told = np.maximum(1.0 - np.diag(inverse)[its == d] / width[d] ** 2, 1e-3)
                    if np.isfinite(width[d]):
                        squares = (solved[its == d] ** 2).sum() / (2 * told.sum())
                        width[d] = max(math.sqrt(squares), 1e-5)
            field = (part @ solved).T
            moved, before, rest = ((field - before) ** 2).sum(), field, known - field
            far = (rest**2).sum(axis=0) / (scatter * own) ** 2
            if first:
                scatter = max(twins.median((np.hypot(*rest) / own).tolist()) / 1.1774, 1e-9)
            else:
                scatter = max(scatter * math.sqrt((4.0 / (2.0 + far) * far).mean() / 2.0), 1e-9)
            if moved < settled**2 * n:
                break
    weights[fine] = soft
    side = np.cos(np.pi * (np.arange(40) + 0.5) / 40)  # Gauss-Chebyshev nodes
    u, v = (axis.ravel() for axis in np.meshgrid(side, side))
    area = np.outer(np.sqrt(1 - side**2), np.sqrt(1 - side**2)).ravel()
    over = np.array(twins.chebyshev_terms(u, v, top))
    errors = np.einsum("ka,ab,kb->k", over, inverse, over)
    spread = math.sqrt(2.0 * (errors * area).sum() / area.sum())
    stand = [
        d
        for d in range(top + 1)
        if ((solved[its == d] ** 2).T / np.diag(inverse)[its == d]).sum()
        > 2 * (d + 1) + 8 * math.sqrt(d + 1)
    ]
    return (terms @ solved).T, spread, max(stand, default=0), weights


def phase_wave(x, y, places, values, weights, widths, rounds):
    """Waves within the pixel by numpy's own solver; the sum of squares told and that taken off."""
    use, top = weights > 0, len(widths) - 1
    while 3 * (top + 1) * (top + 2) > use.sum():
        top -= 1
    terms = np.array(twins.chebyshev_terms(x, y, top))
    degrees = np.array([d for d in range(top + 1) for _ in range(d + 1)] * 2)
    width, waves = np.array(widths[: top + 1]), []
    for line in places:
        turn = 2 * np.pi * line[:, None]
        waves.append(np.hstack([terms * np.sin(turn), terms * np.cos(turn)]))
    for _ in range(rounds):
        squares, told, solved = np.zeros(top + 1), np.zeros(top + 1), []
        for part, known in zip(waves, values, strict=True):
            part, w = part[use], weights[use]
            inverse = np.linalg.inv((part.T * w) @ part + np.diag(1 / width[degrees] ** 2))
            solved.append(inverse @ ((part.T * w) @ known[use]))
            np.add.at(squares, degrees, solved[-1] ** 2)
            np.add.at(told, degrees, np.maximum(1 - np.diag(inverse) / width[degrees] ** 2, 1e-3))
        width = np.maximum(np.sqrt(squares / told), 1e-5)
    out = np.stack([part @ one for part, one in zip(waves, solved, strict=True)])
    off = values[:, use] ** 2 - (values - out)[:, use] ** 2
    return out, (weights[use] * off).sum() > 2 * told.sum() + 20


def field_and_wave(x, y, places, values, errors, field_widths, wave_widths, rounds, start):
    """Field and waves by numpy's own solver, all columns of both side by side."""
    use = np.isfinite(values).all(axis=0) & np.isfinite(errors)
    low, top = len(field_widths) - 1, len(wave_widths) - 1
    while 3 * (top + 1) * (top + 2) > use.sum():
        top -= 1
    smooth = np.array(twins.chebyshev_terms(x, y, low))
    terms = np.array(twins.chebyshev_terms(x, y, max(top, 0)))[:, : (top + 1) * (top + 2) // 2]
    part = smooth.shape[1]
    degrees = np.array([d for d in range(top + 1) for _ in range(d + 1)] * 2, dtype=int)
    fixed = np.array(field_widths)[[d for d in range(low + 1) for _ in range(d + 1)]]
    width, rest = np.array(wave_widths[: top + 1]), np.where(use, values, 0.0)
    if start is not None:
        rest = np.where(use, values - start, 0.0)
    noise = max(np.median((np.hypot(*rest) / errors)[use]) / 1.1774, 0.2) ** 2
    for turn in range(rounds):
        rough = turn == 0 and start is None
        far = (rest**2).sum(axis=0)[use] / errors[use] ** 2 / noise
        soft = 1 / np.sqrt(1 + far / 4.0) if rough else 4.0 / (2.0 + far)
        soft = soft / errors[use] ** 2
        squares, told, solved, waves = np.zeros(top + 1), np.zeros(top + 1), [], []
        for j in range(2):
            phase = 2 * np.pi * places[j][:, None]
            full = np.hstack([smooth, terms * np.sin(phase), terms * np.cos(phase)])
            prior = np.concatenate([fixed, width[degrees]])
            some = full[use]
            inverse = np.linalg.inv((some.T * soft) @ some + np.diag(noise / prior**2))
            solved.append(inverse @ ((some.T * soft) @ values[j][use]))
            known = noise * np.diag(inverse)[part:] / width[degrees] ** 2
            np.add.at(squares, degrees, solved[j][part:] ** 2)
            np.add.at(told, degrees, np.maximum(1 - known, 1e-3))
            rest[j, use] = values[j][use] - some @ solved[j]
            waves.append(full[:, part:] @ solved[j][part:])
        width = np.maximum(np.sqrt(squares / told), 1e-5)
        far = (rest**2).sum(axis=0)[use] / errors[use] ** 2
        if rough:
            noise = max(np.median(np.sqrt(far)) / 1.1774, 0.2) ** 2
        else:
            noise = max((4.0 / (2.0 + far / noise) * far).mean() / 2.0, 0.04)
    return np.stack([one[:part] for one in solved]), np.stack(waves), soft / noise
