"""Noise in a row's text, and answers that are no answers: empty, cut off, endless, or with chat turns leaked into them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from labkit.checks import Context, Hit, row_check
from labkit.curation.mending import mend, suspect
from labkit.curation.reading import parse_json, sentences, words
from labkit.records import Example, Place, Tier

# --- text_noise -------------------------------------------------------------------------------------------------------

_ABOUT_MARKUP = re.compile(r"\b(?:html|xml|css|svg|mark-?up|javascript|jinja|source code|entit(?:y|ies))\b", re.I)
_ABOUT_LETTERS = re.compile(
    r"\b(?:e-?mails?|letters?|messages?|invitations?|reply|cards?|notes?|sign-?offs?|greetings?)\b", re.I
)
_KINDS = {
    "html": "mark-up",
    "signature": "mail boilerplate",
    "mojibake": "wrongly decoded characters",
    "control": "hidden characters",
    "lost": "characters that were lost in decoding",
}


@row_check(
    "text_noise",
    stage="curation",
    severity="minor",
    about="Mark-up, wrong decoding, hidden characters, mail boilerplate.",
)
def text_noise(row: Example, context: Context) -> Iterator[Hit]:
    """One hit a field, so that its one repair mends all of it."""
    places: list[tuple[Place, str]] = [("prompt", row.asked), ("response", row.response)]
    for where, text in places:
        if not suspect(text):
            continue
        about = f"{row.system}\n{row.question}"
        closing = where == "prompt" or not _ABOUT_LETTERS.search(about)
        mended, found = mend(text, markup=not _ABOUT_MARKUP.search(about), closing=closing)
        if "\ufffd" in text:
            found["lost"] = "\ufffd"
        if not found:
            continue
        # A piece below another layer of noise does not stand in the text as it is.
        evidence = next((piece for piece in found.values() if piece in text), "")
        repair: dict[str, str] = {where: mended} if mended and "lost" not in found else {}
        yield Hit(
            row.id,
            f"the {'message' if where == 'prompt' else 'answer'} holds {' and '.join(_KINDS[k] for k in sorted(found))}"
            f" ({evidence.strip()[:40]!r}); {abs(len(text) - len(mended))} of {len(text)} characters are noise",
            evidence,
            where=where,
            suggestion="take the noise out" if repair else "write the text again",
            tier="likely" if found.keys() & {"signature", "lost"} else "certain",
            score=0.8 if "signature" in found else 0.95,
            repair=repair,
        )


# --- empty_answer -----------------------------------------------------------------------------------------------------

_PLACEHOLDER = re.compile(
    r"to ?do(?:\b.*)?|tb[dac]|fix ?me(?:\b.*)?|x{3,}|asdf\w*|qwerty\w*|place ?holder(?: \w+)?|lorem ipsum\b.*|coming soon"
    r"|(?:your|insert|enter|add|write|type|put|fill in|model|assistant|expected)(?: an?| the| your| my)?"
    r" (?:answer|response|reply|text|output|completion)(?: (?:goes|comes|to go|to come|will go))?(?: (?:here|below|later))?"
    r"|(?:the )?(?:answer|response|reply|text|output) (?:(?:goes|comes) )?(?:here|to follow|follows|pending|later|missing)"
    r"|no (?:answer|response|reply|output)(?: (?:yet|available|provided|given))?"
    r"|(?:to be|not yet) (?:written|filled in|done|added)"
)
_INSIDE = ("lorem ipsum", "insert answer here", "insert text here", "answer goes here")
_SLOT = re.compile(
    r"(?<!\{)[\[<{](?:insert|fill in|todo|tbd)\b[^\[\]<>{}\n]{0,60}[\]>}]|\b(?-i:TODO|FIXME)\b", re.I
)  # not {{slot}}
_NOTHING = frozenset({"none", "null", "nil", "nan", "undefined", "nothing", "n/a", "na", "n.a", "n.a."})
_ALLOWS_NONE = re.compile(
    r"\b(?:how many|which|any|anything|anyone|are there|is there|list|name|what else|exceptions?|extras?|who)\b", re.I
)


@row_check("empty_answer", stage="curation", severity="critical", about="No answer, or a placeholder for one.")
def empty_answer(row: Example, context: Context) -> Iterator[Hit]:
    """``None`` and ``N/A`` are answers where the question looks for how many, which or any, or offers the word itself."""
    text = row.response.strip()
    bare = " ".join(re.sub(r"[^\w\s/.&'-]+|(?<!\w)[._]+|[._]+(?!\w)", " ", text[:300].casefold()).split())
    if not text:
        yield _empty(row, "the answer is empty", "")
    elif not re.search(r"[^\s.,;:\-_*?!\u2013\u2014\u2026\u00b7\"'()\[\]{}]", text):
        yield _empty(row, f"the answer {text[:20]!r} holds no word and no figure", text)
    elif bare in _NOTHING:
        asked = re.sub(r"\[\w+: none\]", "", f"{row.system}\n{row.asked}")
        if not _ALLOWS_NONE.search(row.question) and not re.search(rf"(?<!\w){re.escape(bare)}(?!\w)", asked, re.I):
            yield _empty(row, f"the answer is {text[:20]!r}, which the question neither offers nor asks for", text, 0.9)
    elif _PLACEHOLDER.fullmatch(bare):
        yield _empty(row, f"the answer is the placeholder {text[:60]!r}", text)
    elif (left := _left_over(text)) and not _left_over(row.asked):
        yield _empty(row, f"the answer still holds the placeholder {left!r}", left, 0.9)
    elif text[0] == "{" and isinstance(value := parse_json(text), dict) and all(map(_is_blank, value.values())):
        yield _empty(row, f"none of the {len(value)} fields of the JSON answer is filled in", text)


def _left_over(text: str) -> str:
    lower = text.lower()
    at = next((place for phrase in _INSIDE if (place := (lower.find(phrase), len(phrase)))[0] >= 0), None)
    if at:
        return text[at[0] : sum(at)]
    match = (
        _SLOT.search(text) if "[" in text or "<" in text or "{" in text or "TODO" in text or "FIXME" in text else None
    )
    return match[0] if match else ""


def _is_blank(value: object) -> bool:
    return value is None or str(value).strip().casefold() in {"", "todo", "tbd", "...", "n/a", "string", "value"}


def _empty(row: Example, message: str, evidence: str, score: float = 1.0) -> Hit:
    tier: Tier = "certain" if score == 1 else "likely"
    return Hit(row.id, message, evidence, suggestion="drop the row or write the answer", tier=tier, score=score)


# --- truncated_answer -------------------------------------------------------------------------------------------------

_HANGING_TEXT = """
a an the of to and or with within for in on at by from your our my their his its into onto than that which who whose
because if when while unless until as is are was were be been can could will would shall should may might must has
have had but so please you'll we'll it's i'll you're we're
"""
_HANGING = frozenset(_HANGING_TEXT.split())
_ENDS = tuple(".!?\u2026\u3002\uff01\uff1f\"'\u201d\u2019)]}>*`|~")
_LONG = 12  # words; of shorter sentences many lack nothing but the full stop
_LIST_ITEM = re.compile(r"\s*(?:[-*\u2022\u00b7#>|]|\d+[.)]|\w[\w ]{0,30}:)\s*\S")


@row_check("truncated_answer", stage="curation", severity="major", about="An answer that stops in mid-sentence.")
def truncated_answer(row: Example, context: Context) -> Iterator[Hit]:
    """Cut JSON, an open bracket or fence, a hanging word, half a word of the prompt, or a last sentence without an end."""
    text = row.response.rstrip()
    reason, score = _cut(text, row) if text else ("", 0.0)
    if reason:
        yield Hit(
            row.id,
            f"the answer is cut off: {reason}",
            text[-40:],
            suggestion="complete the answer or drop the row",
            tier="certain" if score >= 0.95 else "likely" if score >= 0.7 else "review",
            score=score,
        )


def _cut(text: str, row: Example) -> tuple[str, float]:
    if text[0] == "{" or re.match(r"\[\s*[\[{\"\d]", text):
        missing = text.count("{") + text.count("[") - text.count("}") - text.count("]")
        broken = missing > 0 and parse_json(text) is None
        return (f"its JSON lacks {missing} closing bracket{'s' * (missing > 1)}", 1.0) if broken else ("", 0.0)
    if text.count("```") % 2:
        return "its code block is not closed", 0.95
    lines = text.splitlines()
    last = lines[-1].strip()
    if last.endswith(_ENDS) or last[-1] > "\u2190":  # arrows, emoji
        opened = last.count("(") - last.count(")")
        return (
            (f"{opened} bracket is still open in {last[-30:]!r}", 0.75) if opened > 0 and len(lines) == 1 else ("", 0.0)
        )
    tail = words(last)
    if not tail or re.search(r"(?:https?://|www\.|@)\S+$|\S{20}$|--$", last):
        return "", 0.0
    if last[-1] in ",;:-\u2013(\u201c&+/=" and len(tail) > 2:
        return f"it ends in {last[-1]!r}", 0.9
    if tail[-1] in _HANGING and len(tail) > 3:
        return f"it ends in the word {tail[-1]!r}, after which more must come", 0.9
    known = set(words(f"{row.asked} {text[: text.rfind(last.split()[-1])]}"))
    whole = [w for w in known if len(w) > len(tail[-1]) and w.startswith(tail[-1])]
    half = tail[-2:][0] in _HANGING if tail[-1].isdigit() else len(tail[-1]) > 1
    if len(tail) > 3 and half and whole and tail[-1] not in known:
        return f"its last word {tail[-1]!r} is the start of {min(whole)!r}", 0.9
    if len(lines) > 1 and (_LIST_ITEM.match(last) or not lines[-2].rstrip().endswith((".", "!", "?"))):
        return "", 0.0
    parts = sentences(last)
    if len(parts) > 1 and len(words(parts[-1])) > 1:
        return f"its first {len(parts) - 1} sentence(s) are closed, but not the last, {parts[-1][-30:]!r}", 0.75
    if len(tail) >= _LONG and last[0].isupper():
        return f"its sentence of {len(tail)} words has no end mark", 0.5
    return "", 0.0


# --- runaway_answer ---------------------------------------------------------------------------------------------------

LOOP = 0.35  # share of word 4-grams that repeat earlier ones, from which an answer goes round in circles
LEAST, FRESH = 50, 0.5  # of so many words at least such a share must be new
ENDLESS = 2500  # words
_SAME_SIGN = re.compile(r"([^\W\d_])\1{7,}|([^\w\s=*#~|+\-\u2500-\u257f\u2013\u2014])\2{11,}")  # rules and tables may
_SAME_WORD = re.compile(r"\b(\w{2,20}\W{1,3})\1{3,}", re.I)


@row_check("runaway_answer", stage="curation", severity="major", about="An answer that repeats itself or does not end.")
def runaway_answer(row: Example, context: Context) -> Iterator[Hit]:
    """A word or sentence said over and over, too many 4-grams seen before, or thousands of words."""
    text = row.response
    if len(text) < 24 or (text.lstrip()[:1] in "{[" and parse_json(text) is not None):
        return
    tokens = text.casefold().split()
    grams = list(zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False))
    repeated = 1 - len(set(grams)) / max(1, len(grams))
    reason, score = "", 0.0
    if run := _SAME_SIGN.search(text) or (_SAME_WORD.search(text) if repeated else None):
        reason, score = f"{run[0][:30]!r} runs on for {len(run[0])} characters", 0.9
    elif len(tokens) >= 12 and repeated >= LOOP:
        top, times = Counter(grams).most_common(1)[0]
        reason = f"{repeated:.0%} of its {len(grams)} word 4-grams repeat earlier ones, {' '.join(top)!r} {times} times"
        score = min(1.0, 0.6 + repeated / 2)
    elif len(tokens) >= LEAST and (share := len(set(tokens[:LEAST])) / LEAST) < FRESH:
        reason, score = f"only {share:.0%} of its first {LEAST} words are not repeats", 0.8
    elif twice := _said_again(text):
        reason, score = f"it says {twice[:50]!r} again and again", 0.85
    elif len(tokens) > ENDLESS:
        reason, score = f"it runs to {len(tokens)} words, over {ENDLESS}", 0.6
    if reason:
        tier: Tier = "likely" if score > 0.6 else "review"
        yield Hit(
            row.id, f"the answer does not end: {reason}", text[-60:], suggestion="shorten it", tier=tier, score=score
        )


def _said_again(text: str) -> str:
    """A sentence of four words or more that directly follows itself, or a shorter one that stands there three times."""
    said = [part.strip().casefold() for part in re.split(r"[.!?\n]+", text)]
    twice = (a for a, b in pairwise(said) if a == b and a.count(" ") > 2)
    thrice = (a for a, b, c in zip(said, said[1:], said[2:], strict=False) if a == b == c and " " in a)
    return next(twice, "") or next(thrice, "")


# --- leaked_turns -----------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"<\|[a-z_ ]{2,30}\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>"
    r"|#{2,4} ?(?:Response|Instruction|Input|Output|User|Assistant|Human|System|Question|Answer)\s*:",
    re.I,
)
_ROLE = re.compile(
    r"(?:\A|\n\s*|(?<=[.!?}\"')]) +)\**(User|Assistant|Human|AI|Bot|Chatbot|Customer|Agent|Support|System|Client)"
    r"\**\s?:\**\s+(?=\S)"
)
_PLAIN = frozenset({"User", "Assistant", "Human", "AI", "Bot", "Chatbot"})
_DIALOGUE = re.compile(
    r"\b(?:dialogues?|conversations?|transcripts?|script|role-?play|scene|interview|template tokens?)\b", re.I
)


@row_check(
    "leaked_turns", stage="curation", severity="critical", about="Chat turns or template tokens inside an answer."
)
def leaked_turns(row: Example, context: Context) -> Iterator[Hit]:
    """A template token, a turn label of a chat, or two labels that take turns. Quoted words and dialogues asked for pass."""
    text = row.response
    if ":" not in text and "<" not in text and "[" not in text:
        return
    quoted = re.sub(
        r"```.*?```|`[^`\n]*`|\"[^\"\n]*\"|\u201c[^\u201d\n]*\u201d", lambda m: "_" * len(m[0]), text, flags=re.S
    )
    token = _TOKEN.search(quoted)
    asked_for = _DIALOGUE.search(row.question)
    labels = [] if asked_for else list(_ROLE.finditer(quoted))
    said = {m[1] for m in labels}
    plain = [m for m in labels if m[1] in _PLAIN and len(words(quoted[m.end() :].split("\n")[0])) > 1]
    if token and not _TOKEN.search(row.asked):
        yield _leak(row, f"the template token {token[0]!r}", text[token.start() : token.end()], 1.0)
    elif plain or len(said) > 1:
        first = (plain or labels)[0]
        count = f"the turn label {first[1] + ':'!r}" + (f" and {len(labels) - 1} more" if len(labels) > 1 else "")
        yield _leak(row, count, text[first.start() : first.end()].strip(), 0.95 if len(labels) > 1 else 0.85)


def _leak(row: Example, what: str, evidence: str, score: float) -> Hit:
    tier: Tier = "certain" if score == 1 else "likely"
    return Hit(row.id, f"the answer holds {what}", evidence, suggestion="keep one turn only", tier=tier, score=score)
