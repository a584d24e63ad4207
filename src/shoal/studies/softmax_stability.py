# SPDX-License-Identifier: Apache-2.0
"""Section 1.4: where softmax overflows, underflows and goes wrong, computed exactly. It trains nothing."""

from shoal.studies.section import Block, Results, Section


def chapter(results: Results) -> list[Block]:
    return []


SECTION = Section(
    id="1.4",
    title="The stability of softmax",
    question="Where does softmax break in floating point, and what does subtracting the maximum repair?",
    original="If one of the input values is very large and positive, the exponential of that value can exceed the "
    "limits of what floating point numbers can store, causing to overflow … A common way to fix this is to subtract "
    "the largest input value from all of the inputs before taking exponentials. … This fix does not completely "
    "remove the risk of underflow … but those values correspond to classes with almost no probability anyway. For "
    "this reason, subtracting the maximum is the standard approach and is considered stable enough for nearly all "
    "applications.",
    chapter=chapter,
    data=(),
)
