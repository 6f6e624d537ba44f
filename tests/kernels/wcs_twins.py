"""Plain loops that say what the kernels of `tica_fn.wcs` do; nothing of the package is used."""

import math


def polynomial_terms(x, y, degree):
    return [
        [px ** (d - j) * py**j for d in range(degree + 1) for j in range(d + 1)]
        for px, py in zip(x, y, strict=True)
    ]


def chebyshev_terms(x, y, degree):
    """By ``T_n(cos t) = cos(n t)``."""
    return [
        [
            math.cos((d - j) * math.acos(px)) * math.cos(j * math.acos(py))
            for d in range(degree + 1)
            for j in range(d + 1)
        ]
        for px, py in zip(x, y, strict=True)
    ]


def cut_stamp(pixels, column, row, half, first, last, top):
    out = []
    for r in range(row - half, row + half + 1):
        line = []
        for c in range(column - half, column + half + 1):
            inside = 0 <= r < min(top, len(pixels)) and first <= c < min(last, len(pixels[0]))
            line.append(float(pixels[r][c]) if inside else math.nan)
        out.append(line)
    return out


def median(values):
    ordered = sorted(values)
    n = len(ordered)
    if n == 0:
        return math.nan
    return ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2


def ring_background(stamp, width):
    side = len(stamp)
    ring = [
        stamp[i][j]
        for i in range(side)
        for j in range(side)
        if min(i, j, side - 1 - i, side - 1 - j) < width
    ]
    finite = [value for value in ring if math.isfinite(value)]
    if 2 * len(finite) < len(ring):
        return math.nan, math.nan
    middle = median(finite)
    return middle, 1.4826 * median([abs(value - middle) for value in finite])


def mean_centroid(stamp, half, level):
    middle = len(stamp) // 2
    total = sum_x = sum_y = 0.0
    for i in range(-half, half + 1):
        for j in range(-half, half + 1):
            value = stamp[middle + i][middle + j] - level
            total += value
            sum_x += value * j
            sum_y += value * i
    if not total > 0:
        return math.nan, math.nan, total
    return sum_x / total, sum_y / total, total


def weighted_mean_offset(stamp, level, x, y, sigma):
    """Mean offset of the light in a Gaussian window at (x, y): 0 at the windowed centroid."""
    middle = len(stamp) // 2
    total = sum_x = sum_y = 0.0
    for i in range(len(stamp)):
        for j in range(len(stamp)):
            dx, dy = j - middle - x, i - middle - y
            value = math.exp(-(dx * dx + dy * dy) / (2 * sigma**2)) * (stamp[i][j] - level)
            total += value
            sum_x += value * dx
            sum_y += value * dy
    return sum_x / total, sum_y / total


def isolation(stamp, level, floor, wing_factor):
    """Isolated, and the contrasts along columns and along rows, of an 11 x 11 stamp."""
    good = True
    contrasts = []
    flat = [[value - level for value in line] for line in stamp]
    for profile in ([sum(column) for column in zip(*flat, strict=True)], [sum(r) for r in flat]):
        peak = max(profile[3:8])
        left, right = max(profile[:3]), max(profile[-3:])
        low, high = min(left, right), max(left, right)
        if peak - low < floor or high > peak - wing_factor * (peak - low):
            good = False
        contrasts.append(peak / high if high > 0 else math.inf)
    return good, *contrasts


def normal_equations(terms, weights, values):
    count = len(terms[0])
    gram = [[0.0] * count for _ in range(count)]
    right = [[0.0] * len(values) for _ in range(count)]
    for k, weight in enumerate(weights):
        if weight == 0:
            continue
        for a in range(count):
            for b in range(count):
                gram[a][b] += weight * terms[k][a] * terms[k][b]
            for m, value in enumerate(values):
                right[a][m] += weight * terms[k][a] * value[k]
    return gram, right


def clip_groups(residual, order, groups, sigma):
    far = [False] * len(residual[0])
    for axis in residual:
        every = [axis[k] for k in order]
        middle = median(every)
        overall = 1.4826 * median([abs(value - middle) for value in every])
        for group in range(groups):
            here = order[group * len(order) // groups : (group + 1) * len(order) // groups]
            middle = median([axis[k] for k in here])
            scatter = 1.4826 * median([abs(axis[k] - middle) for k in here])
            for k in here:
                if abs(axis[k] - middle) > sigma * max(scatter, overall / 2):
                    far[k] = True
    return far


def cell_median(pixels, row, column, cell, step):
    values = [
        float(pixels[r][c])
        for r in range(row, row + cell, step)
        for c in range(column, column + cell, step)
        if math.isfinite(pixels[r][c])
    ]
    return median(values)


def stack(stamps, levels, scatters, half_point):
    """Mean over stamps of s / (s + half_point), s being how many scatters a pixel stands out."""
    used = [
        (stamp, level, scatter)
        for stamp, level, scatter in zip(stamps, levels, scatters, strict=True)
        if math.isfinite(level) and math.isfinite(scatter)
    ]
    side = len(stamps[0])
    out = [[0.0] * side for _ in range(side)]
    for stamp, level, scatter in used:
        noise = max(scatter, 1e-6 * abs(level), 1e-9)
        for i in range(side):
            for j in range(side):
                s = (stamp[i][j] - level) / noise
                if 0 < s < math.inf:
                    out[i][j] += s / (s + half_point)
    return [[value / max(len(used), 1) for value in line] for line in out]
