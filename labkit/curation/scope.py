"""Is a row about what the others and the written scope are about? By distance, and by subjects of another world."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from labkit.checks import Context, Hit, set_check
from labkit.curation.reading import context_lines, fields, stems, words
from labkit.curation.vectors import blocks, pool, tfidf
from labkit.records import Example

NEIGHBOURS, FEWEST = 10, 30  # nearest rows that a distance is the mean of; rows below which there is no rest
FAR = 0.83  # mean distance, 0-1; clean rows of the lab's samples stay below
_FENCE = 1.5  # interquartile ranges above the third quartile, Tukey's bound for outliers: in a mixed set all rows are far
_OWN, _FEW = 0.35, 3  # share of a row's words that so many rows at most hold: what is far in the house's words is spared
_SPARED = 2  # words of the scope, from which a rare row counts as within it
_GROUNDED = 0.6  # share of an answer's words that stand in its context lines: then these say what is in scope
FOREIGN = 0.02  # share of the rows up to which a subject is foreign to them

OFF = 0.6  # distance from which a row on a foreign subject is no neighbour of the others
_REFUSAL = re.compile(
    r"\bonly help\b|\b(?:cannot|can't|can not|unable to|not able to|must not|may not) (?:\w+ )?(?:help|advise|"
    r"answer|do|say|tell|share|discuss)\b|"
    r"\bnot (?:about|something|part of|a matter for|what) (?:our|we|i|this)\b|\boutside (?:of )?(?:our|my|"
    r"what)\b|\bdoes not say\b",
    re.I,
)

# Subjects that people bring up where they do not belong. A set that is about one of them has it in more rows than a few.
_SUBJECTS = {
    "sport": r"world cup|olympi\w+|football(?:er)?s?|soccer|rugby|cricket (?:match|team)|tennis (?:match|"
    r"player)|basketball|"
    r"volleyball|ice hockey|grand prix|formula (?:one|1)|(?:premier|champions) league|goal(?:keeper| line| "
    r"kick)|referees?|"
    r"championships?|half-?time|offside|striker|throw-in|penalty (?:kick|area)|free kick|marathon (?:record|"
    r"runner)|medal table|"
    r"(?:won|wins?|lost|lose|scored?)\b[^.?!]{0,25}\b(?:finals?|match|race|league|cup|game|goals?|medals?|"
    r"tournament|title)",
    "games": r"checkmate|castling|chess (?:clock|opening|move|game|player)|rapid chess|stalemate|poker|sudoku|"
    r"crosswords?|video ?games?|"
    r"playstation|game console|roulette|lotter(?:y|ies)|lotto|bingo",
    "cooking": r"recipes? for|(?:good|best|simple|quick) recipe|(?:boil|poach|fry) (?:an? |the |some )?(?:\w+ "
    r")?(?:eggs?|pasta|rice|potatoes|"
    r"noodles)|yolks?|soufflé|lasagne|risotto|pancake (?:batter|recipe)|bake (?:an? |the |some )?(?:\w+ "
    r")?(?:cake|bread|pie|cookies|"
    r"muffins)|sourdough|marinate|knead|béchamel|whipped cream|(?:season|stuff|roast) (?:an? |the )?(?:chicken|"
    r"turkey|goose|lamb|beef)",
    "stars and earth": r"planets?|moons? of|jupiter|saturn|neptune|uranus|galax(?:y|ies)|milky way|comets?|"
    r"meteors?|asteroids?|space station|"
    r"astronauts?|rockets?|black holes?|solar system|eclipse|volcano(?:es)?|earthquakes?|tectonic|equator|tsunami",
    "trivia": r"capital (?:city )?of|population of|(?:highest|tallest) (?:mountain|building|peak)|longest river|"
    r"(?:which|what) (?:country|continent|ocean|king|queen|emperor)|who (?:wrote|painted|invented|discovered|"
    r"composed|directed|sang|"
    r"starred)|(?:what|which) year (?:did|was|were)|roman empire|world war|napoleon|pharaohs?|pyramids?|"
    r"dinosaurs?|middle ages|"
    r"revolution|how (?:far|high|deep|old) is (?:the )?(?:moon|sun|mount|universe|earth)",
    "school": r"square root|quadratic|integral of|derivative of|prime numbers?|pythagor\w+|theorem|speed of "
    r"light|photosynthesis|periodic "
    r"table|homework|essay (?:on|about)|conjugat\w+|past tense|synonyms?|how do (?:you|i) say|exam(?:s| "
    r"questions?| dates?)|thesis|"
    r"seminars?|semesters?|tuition|lectures?|pupils?|school report|kindergarten",
    "programming": r"python (?:code|script|list|function|program)|javascript|java (?:class|code)|sql|html page|"
    r"regex|recursion|for loop|"
    r"(?:my|a|the|while) loop (?:prints?|runs?|never|stops?|is|does)|sort(?:ing)? (?:a|the) (?:list|array)|"
    r"compilers?|null ?pointer|"
    r"docker|source code|spreadsheet (?:formula|macro)|write (?:an? )?(?:script|program|function)|debug (?:it|"
    r"this|my|the)|stack trace|"
    r"unit tests?|pull request|git (?:commit|branch|merge)|array index|syntax error",
    "entertainment": r"movies?|cinema|netflix|actors?|actress\w*|singers?|lyrics|concert|opera|celebrit\w+|"
    r"oscars?|poems?|haikus?|"
    r"limericks?|jokes?|riddles?|fairy tales?|rhymes? (?:for|with|about)|songs? (?:by|from|about)|plot of|(?:tv|"
    r"television) (?:show|"
    r"series)|symphon(?:y|ies)|guitar chords?|piano (?:lesson|piece)s?",
    "politics and law": r"elections?|parliament|senat\w+|prime minister|president of|political|vote for|mayor|"
    r"referendum|constitution|"
    r"divorce|custody|landlords?|tenancy|inheritance|last will|speeding (?:fine|ticket)|parking (?:fine|permit)|"
    r"asylum|citizenship",
    "money": r"stock market|share price|shares? (?:of|in) \w+|bitcoins?|crypto\w*|ethereum|mortgages?|overdraft|"
    r"payslips?|savings account|"
    r"interest rates?|inflation|exchange rates?|tax returns?|dividends?|retirement fund|pension (?:fund|plan)|"
    r"(?:invest|put) (?:my|our|in|"
    r"the) (?:money|savings|funds?|shares|gold|profits)|life insurance|health insurance|car insurance",
    "travel": r"weather (?:forecast|in|tomorrow|be)|will it (?:rain|snow) (?:tomorrow|today|on|at|this|next)|"
    r"flights?|boarding pass|"
    r"cabin bag|hold luggage|hand luggage|airports?|airlines?|hotels? (?:in|room)|visas?|passport office|"
    r"sightseeing|holidays? in|"
    r"(?:train|bus|ferry|tram) (?:to|from|ticket)s?|museums?|cruise|hostel|seat reservation|dining car|check-in "
    r"(?:desk|time)",
    "phones and services": r"sim cards?|roaming|mobile (?:data|tariff|contract)|phone contract|data volume|"
    r"broadband|libraries|library|"
    r"gym membership|fitness studio|swimming lessons?|driving (?:test|licence|lessons?|school)|hairdresser|"
    r"haircut|pizza(?:s|ria)?|"
    r"restaurant|taxi|car wash|theatre tickets?|kindergarten place|waste collection calendar",
    "body and heart": r"headaches?|migraine|sore throat|cold remed\w+|lose weight|slimming|pregnan\w+|blood "
    r"pressure|vaccin\w+|"
    r"antibiotics?|cholesterol|dentist|tooth ?ache|physiotherap\w+|prescriptions?|surgery|my (?:girlfriend|"
    r"boyfriend|crush)|(?:fall|fell|"
    r"falling) in love|dating|love letter|wedding speech|insomnia|job interview|cover letter|my cv|pay rise|"
    r"push-?ups?|yoga pose|workout",
    "cars and gadgets": r"engine oil|gearbox|iphones?|android phone|motorbike|winter tyres|petrol consumption|"
    r"laptop (?:screen|battery|fan)|"
    r"printer driver|spark plugs? of (?:my|the) car|electric cars?",
    "belief": r"meaning of life|does god|is there a god|bible|koran|buddh\w+|afterlife|reincarnat\w+|free will|"
    r"ghosts?|aliens?|horoscopes?|"
    r"zodiac|star signs?|tarot",
}
_PATTERNS = {name: re.compile(rf"\b(?:{pattern})\b", re.I) for name, pattern in _SUBJECTS.items()}


@set_check(
    r"irrelevant", stage="curation", severity="major", about="A row about something else than the rest and the "
    r"scope."
)
def irrelevant(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    r"""A row on a subject that hardly any other has, or one that is far from its nearest in all its parts.

    An answer that declines teaches what the scope is, whatever was asked. Distance alone is for review, and a row whose
    answer comes out of its own context line is spared it: there the context says what is in scope. Words cannot tell a
    rare topic within the scope from one outside: name rare topics in the scope, and they are spared.
    r"""
    rows = [row for row in rows if row.question.strip()]
    if len(rows) < FEWEST:
        return
    scope, distance = stems(context.policy.scope), _distances(rows)
    foreign = _foreign(rows, scope, distance[0])
    yield from foreign
    told = {hit.row for hit in foreign}
    yield from (hit for hit in _far(rows, scope, *distance) if hit.row not in told)


def _foreign(rows: Sequence[Example], scope: set[str], distance: np.ndarray) -> list[Hit]:
    r"""Rows on a subject of :data:`_SUBJECTS` that only a few rows have and the scope does not name."""
    texts = ["\n".join([row.question, *bodies(row)]) for row in rows]
    found = [(i, name, m) for i, text in enumerate(texts) for name, p in _PATTERNS.items() if (m := p.search(text))]
    holders = Counter(name for _, name, _ in found)
    hits: dict[str, Hit] = {}
    for i, name, match in found:
        row, few = rows[i], holders[name] <= max(_FEW, FOREIGN * len(rows))
        asked = bool(bodies(row)) or "?" in row.question  # what a report mentions in passing is not its subject
        if few and asked and distance[i] >= OFF and not stems(match[0]) & scope and not _REFUSAL.search(row.response):
            said = f"the row is about {name} ({match[0]!r}), as {holders[name]} of {len(rows)} rows are"
            advice = "drop the row, or name its topic in the scope"
            hits.setdefault(row.id, Hit(row.id, said, row.question[:200], "prompt", advice, score=0.8))
    return list(hits.values())


def _far(
    rows: Sequence[Example], scope: set[str], distance: np.ndarray, nearest: np.ndarray
) -> Iterator[Hit]:
    low, high = np.quantile(distance, [0.25, 0.75])
    bound = max(FAR, float(high + _FENCE * (high - low)))
    labels = Counter(line.split(":")[0] for row in rows for line in context_lines(row))
    topics = [stems(" ".join([row.question, row.response, *bodies(row)])) for row in rows]
    holders = Counter(word for topic in topics for word in topic)
    for i in np.argsort(-distance, kind="stable"):
        row, other, topic = rows[i], rows[nearest[i]], topics[i]
        if distance[i] < bound:
            break
        own = sum(holders[word] <= _FEW for word in topic) / max(1, len(topic))
        kinds = {line.split(":")[0] for line in context_lines(row)}
        named = stems(" ".join(kind for kind in kinds if labels[kind] < len(rows) / 2)) & scope
        if own < _OWN or named or len(scope & topic) >= _SPARED or _grounded(row) or _REFUSAL.search(row.response):
            continue
        yield Hit(
            row.id,
            f"the row is far from the rest: question, context and answer lie at {distance[i]:.2f} or more from the"
            f" {NEIGHBOURS} nearest (bound {bound:.2f}), and {own:.0%} of its words stand in {_FEW} rows at most;"
            f" the nearest is {other.id}",
            row.question[:200],
            where="prompt",
            suggestion="drop the row, or name its topic in the scope",
            tier="review",
            score=round(float(distance[i]), 4),
            other=other.id,
        )


def _grounded(row: Example) -> bool:
    said = stems(row.response)
    return bool(said) and len(said & stems(" ".join(bodies(row)))) >= _GROUNDED * len(said)


def bodies(row: Example) -> list[str]:
    r"""The context lines without their labels; a form such as "type=refund; amount=84" tells no subject and is "
    r"left out."""
    return [line.split(":", 1)[-1] for line in context_lines(row) if line.count("=") < 2]


def _distances(rows: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    r"""Of each row: the least of its parts' mean distances to their nearest (0-1), and the row with the nearest "
    r"question.

    Shapes (n,). A missing context line counts for nothing, nor does a JSON answer, which does not tell the subject.
    r"""
    n = len(rows)
    members = pool(n)
    result, nearest = np.ones(n), np.zeros(n, dtype=int)
    contexts = [" ".join(bodies(row)) for row in rows]
    answers = ["" if fields(row.response) is not None else row.response for row in rows]
    for texts in (answers, contexts, [row.question for row in rows]):
        there = np.array([bool(words(text)) for text in texts])
        if there.any():
            vectors = tfidf(texts)
            for part, alike in blocks(vectors, vectors[members], members):
                mean = 1 - np.sort(alike, axis=1)[:, -NEIGHBOURS:].mean(axis=1)
                result[part] = np.where(there[part], np.minimum(result[part], mean), result[part])
                nearest[part] = members[alike.argmax(axis=1)]
    return result.clip(0), nearest
