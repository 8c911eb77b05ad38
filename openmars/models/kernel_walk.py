"""Compiled walk through forests; see `openmars.models.walk`."""

from __future__ import annotations

from openmars.core.kernels import kernel

BLOCK = 8
"""Events that go down a tree side by side: the processor works on one while another waits for its node."""


@kernel("f4* i8 i8 i4* i4* i8 i4* f4* i4* f4* i8 i8* f8*")
def walk(  # type: ignore[no-untyped-def]
    table, n, width, start, depth, trees, feature, threshold, left, value, outputs, place, total
):
    """Add up what the leaves say; a leaf leads back to itself, so that all go down the same number of steps."""
    for tree in range(trees):
        base = start[tree]
        for first in range(0, n, BLOCK):
            m = min(BLOCK, n - first)
            for k in range(m):
                place[k] = base
            for _ in range(depth[tree]):
                for k in range(m):
                    node = place[k]
                    if table[(first + k) * width + feature[node]] <= threshold[node]:
                        place[k] = base + left[node]
                    else:
                        place[k] = base + left[node] + 1
            for k in range(m):
                for j in range(outputs):
                    total[(first + k) * outputs + j] += value[place[k] * outputs + j]
    return 0
