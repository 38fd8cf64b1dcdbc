"""Take the noise out of a text and leave the rest: mark-up, wrong decoding, hidden characters, mail boilerplate."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.entities import html5

_TAGS = (
    "a b i u p s br hr em h[1-6] li ol ul td th tr dl dt dd sub sup div img pre nav del ins svg col body code font form"
    " html head link meta span main small table tbody thead tfoot title style label input script strong button center"
    " strike iframe header footer section article blockquote"
)
# Comments stay: words that a reader of the page would not see are for the check on injections, not to be swept away.
_TAG = re.compile(
    rf"<(script|style)\b[^<>]*>.{{0,1000}}?</\1\s*>|<!DOCTYPE[^<>]*>|</?(?:{'|'.join(_TAGS.split())})(?:\s[^<>]*)?/?>",
    re.I | re.S,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z\d]{1,31});")
_WRAPPED = re.compile(r"&(?:amp;)+(?=#?\w+;)")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.S)

# Bytes of UTF-8 that were read as cp1252 (or latin-1): a lead character and its followers.
_FOLLOWERS = "".join(bytes([b]).decode("cp1252", "ignore") + chr(b) for b in range(0x80, 0xC0))
_FOLLOW = f"[{re.escape(_FOLLOWERS)}]"
_MOJIBAKE = re.compile(
    rf"[\u00c2-\u00c5]{_FOLLOW}|\u00e2{_FOLLOW}{{2}}|\u00ef\u00bb\u00bf|\u00f0{_FOLLOW}{{3}}"
    rf"|(?:[\u00ce-\u00d1]{_FOLLOW}){{2,}}"
)
_SENSIBLE = re.compile(r"[\u00a0-\u017f\u0370-\u04ff\u2000-\u27bf\ufeff\U0001f000-\U0001faff]+")

_HIDDEN = re.compile(
    r"\x1b\[[\d;]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2028\u2029\u202a-\u202e\u2060-\u2064"
    r"\u2066-\u2069\ufeff\ufff9-\ufffb]"
    # Joiners and direction marks belong into emoji and some scripts, but not beside a Latin letter.
    r"|(?<=[\x20-\u024f])[\u200c-\u200f]|[\u200c-\u200f](?=[\x20-\u024f])"
)
_AS_SPACE = frozenset("\x0b\x0c\x85\u2028\u2029")

# No pattern may start with a run of white space or scan without bound: rows are untrusted and can be long.
_MAIL = re.compile(
    r"\bSent from (?:my \w+(?: \w+)?|Mail|Outlook|Yahoo)\b[^\n]*|\bGet Outlook for [^\n]*"
    r"|\b(?:This|The information (?:contained )?in this) (?:e-?mail|message)\b[^\n]{0,200}?"
    r"\b(?:confidential|privileged|intended (?:only|solely)|addressee)\b[^\n]*"
    r"|-{3,9} ?(?:Original|Forwarded) message ?-{3,}.*\Z"
    r"|^On [^\n]{5,80} wrote:(?:\n|\Z)(?:>[^\n]*(?:\n|\Z))*"
    r"|(?:-- )?\b(?:Please )?(?:consider the \w{3,20}|think(?: of the \w{3,20})?) before (?:printing|you print)\b[^\n]*"
    r"|\bTo unsubscribe,? (?:click|reply|visit|write|follow)\b[^\n]*|\bClick here to unsubscribe\b[^\n]*",
    re.I | re.S | re.M,
)
_SEPARATOR = re.compile(r"\n(?:-- ?|_{8,60}[ \t]*)\n.{0,600}\Z", re.S)
_CLOSING = re.compile(
    r"(?:\A|\n|(?<=[.!?,;]) )[ \t]*(?:(?:with )?(?:kind(?:est)?|best|warm(?:est)?)(?: regards| wishes)|regards"
    r"|yours (?:sincerely|faithfully|truly)|sincerely(?: yours)?)[ \t]*[,.!\n]\s*\S.{0,300}\Z",
    re.I | re.S,
)
# Nearly all texts are clean: these decide quickly whether any of the patterns above can match.
_ODD = re.compile(
    r"[<&\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u00c2-\u00c5\u00ce-\u00d1\u00e2\u00ef\u00f0\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u2069\ufeff\ufff9-\ufffd]"
)
_MAIL_WORDS: tuple[str, ...] = (
    "\n--",
    "\n____",
    "---",
    "regards",
    "wishes",
    "sincerely",
    "yours ",
    "sent from",
    "outlook for",
    "confidential",
    "privileged",
)
_MAIL_WORDS += ("intended", "addressee", "wrote:", "before printing", "before you print", "unsubscribe")
_TAIL = 700  # characters at the end in which a signature may begin
_LAYERS = 20  # what is wrapped twice ("&amp;lt;") comes off layer by layer; nobody wraps it so often
_Change = Callable[[re.Match[str]], str]


def suspect(text: str) -> bool:
    """Can the text hold noise at all? Quick, and never wrong when it says no."""
    lower = text.lower()
    return bool(_ODD.search(text)) or any(word in lower for word in _MAIL_WORDS)


def _decode(match: re.Match[str]) -> str:
    raw = b"".join(c.encode("latin-1") if ord(c) < 256 else c.encode("cp1252") for c in match[0])
    text = raw.decode("utf-8", "replace")
    return text if _SENSIBLE.fullmatch(text) else match[0]


def _tag(match: re.Match[str]) -> str:
    """Nothing for a tag inside a line of text, a space for one that parted two words."""
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return " " if before.strip() and after.strip() and before not in "(\"'" and after not in ".,;:!?)\"'" else ""


def _entity(match: re.Match[str]) -> str:
    name = match[0][1:]
    return html.unescape(match[0]).replace("\xa0", " ") if name[0] == "#" or name in html5 else match[0]


def _hidden(match: re.Match[str]) -> str:
    return " " if match[0] in _AS_SPACE else ""


def _nothing(match: re.Match[str]) -> str:
    return ""


def mend(text: str, markup: bool = True, closing: bool = True) -> tuple[str, dict[str, str]]:
    """The text without its noise, and the first piece of each kind of noise: html, signature, mojibake, control.

    Only the noise changes. Mending a mended text changes nothing.

    Args:
        text: the text.
        markup: whether tags and entities are noise here; where the row is about mark-up they are not.
        closing: whether "Kind regards" and what follows is noise here; where the row is about a letter it is not.
    """
    found: dict[str, str] = {}
    steps: list[tuple[str, re.Pattern[str], _Change]] = [("mojibake", _MOJIBAKE, _decode)]
    if markup:
        steps += [("html", _TAG, _tag), ("html", _ENTITY, _entity)]
    steps += [("control", _HIDDEN, _hidden), ("signature", _MAIL, _nothing)]
    for _ in range(_LAYERS):
        before = text
        if markup:
            text = _WRAPPED.sub("&", text)
        for kind, pattern, change in steps:
            new = _outside_code(pattern, change, text) if kind == "html" else pattern.sub(change, text)
            if new != text:
                found.setdefault(kind, next((m[0] for m in pattern.finditer(text) if change(m) != m[0]), ""))
                text = new.strip()
        for pattern in (_SEPARATOR, _CLOSING) if closing else (_SEPARATOR,):
            while tail := pattern.search(text, max(0, len(text) - _TAIL)):
                found.setdefault("signature", tail[0])
                text = text[: tail.start()].strip()
        if text == before:
            break
    return text, found


def _outside_code(pattern: re.Pattern[str], change: _Change, text: str) -> str:
    if "`" not in text:
        return pattern.sub(change, text)
    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [pattern.sub(change, text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, pattern.sub(change, text[end:])])
