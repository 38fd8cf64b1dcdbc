"""The phrases of the guard beside those of :mod:`labkit.governance`: what requests ask for, and other languages.

Written for text that :func:`labkit.evaluation.disguise.unveil` has read: lower case, no accents. Each entry is a pair:
words of which one must be in the text, and the pattern. The lists know what their authors thought of; the test half of
``guard.yaml`` says how much that is.
"""

from __future__ import annotations

from labkit.governance.phrases import Phrases

_GAP = r"[^.?!,]{0,40}"

_RULES = r"(?:rules?|instructions?|guidelines?|polic(?:y|ies)|restrictions?|prompt)"
INJECTION = Phrases(
    ("you were", r"\b(?:exact )?(?:words?|text|message|lines?) (?:that )?you were (?:given|told|shown|sent)\b"),
    (
        "complete|continue|finish|go on",
        rf"\b(?:complete|continue|finish|go on with)\b[^.?!]{{0,50}}['\"]\W*(?:my|our|the) (?:\w+ ){{0,2}}{_RULES}\b",
    ),
    ("together", rf"\b(?:put|join|glue|stick)\w*\b{_GAP}\btogether\b[^.?!]{{0,60}}\byour {_RULES}\b"),
    ("aside", rf"\b{_RULES}\b[^.?!]{{0,50}}\b(?:put|leave|set|lay) (?:it|them|that|those) aside\b"),
    (
        "mode",
        r"\b(?:enter|switch to|go into|start|activate) (?:\w+ )?(?:maintenance|service|developer|debug|admin) mode\b",
    ),
    (
        "anweisung|regel|vorgabe|richtlinie",
        rf"\b(?:ignorier|vergiss|vergesst|missacht|umgeh|ubergeh)\w*\b{_GAP}\b(?:anweisung|regel|vorgabe|richtlinie)\w*",
    ),
    (
        "prompt|anweisung|regel",
        rf"\b(?:nenn|zeig|verrat|gib|wiederhol)\w*\b{_GAP}\b(?:system-?prompt|(?:intern|geheim)\w* (?:anweisung|regel)\w*)",
    ),
    (
        "instructions|consignes|regles",
        rf"\b(?:ignore|oublie|contourne)[rsz]?\b{_GAP}\b(?:tes|vos|ces|les|toutes) (?:\w+ )?"
        r"(?:instructions|consignes|regles)\b",
    ),
    ("instrucciones|reglas|normas", rf"\b(?:ignora|olvida|omite)\w*\b{_GAP}\b(?:instrucciones|reglas|normas)\b"),
    ("istruzioni|regole", rf"\b(?:ignora|dimentica)\w*\b{_GAP}\b(?:istruzioni|regole)\b"),
    ("instructies|regels", rf"\b(?:negeer|vergeet)\b{_GAP}\b(?:instructies|regels)\b"),
)

_KIN = (
    r"(?:ex(?:-\w+)?|wife|husband|partner|sister|brother|mother|father|mum|dad|son|daughter|aunt|uncle|boss|colleague|friend|"
    r"flatmate|landlord|neighbou?r|tenant)"
)
_WHO = (
    rf"(?:{_KIN}|customers?|buyers?|persons?|people|lady|man|woman|guy|girl|boy|recipient|sender|somebody|someone|everybody|"
    r"everyone|drivers?)"
)
_DATA = (
    r"(?:(?:home |delivery |postal |new )?address(?:es)?|(?:tele)?phone(?: numbers?)?|(?:phone |card |bank )?numbers?|"
    r"e-?mails?(?: address(?:es)?)?|street|birthday|(?:card|bank) details|order (?:history|list)|basket|surname)"
)
_ASK = r"(?:give|tell|show|read|list|name|need|hand (?:me|over)|send me|look up|export|what|which|whats|where|say)"
PERSONAL = Phrases(
    # "the address of the customer who", "the phone number of my neighbour"
    (
        "of |from |for ",
        rf"\b{_ASK}\b[^.?!]{{0,60}}\b{_DATA} (?:\w+ ){{0,2}}?(?:of|from|for) "
        rf"(?!my (?:order|account|return)\b)(?:[\w'-]+ ){{0,3}}?{_WHO}\b",
    ),
    # "my ex's card", "her phone number"
    ("s |her |his |their ", rf"\b{_ASK}\b[^.?!]{{0,60}}\b(?:{_WHO}(?:'?s|s')|her|his|their) (?:\w+ ){{0,2}}?{_DATA}\b"),
    (
        "have for|keep for|stored for",
        r"\b(?:street|address|number|e-?mail|name) (?:that )?you (?:have|keep|stored) for (?:her|him|them)\b",
    ),
    ("who |whom ", r"\b(?:who|which (?:customer|person|neighbou?r)) (?:lives|bought|ordered|wrote|sent|owns|paid)\b"),
    ("live", r"\b(?:where )?(?:does|do) (?!i |you |we )[\w'-]+(?: [\w'-]+){0,3} live\b"),
    (
        "my |the ",
        rf"\bwhat (?:is in )?(?:did |does |has )?(?:my|the|that) {_KIN}(?:'s)? "
        r"(?:has|have|had|order|buy|bought|ordered|got|get|basket)\b",
    ),
    (
        "export|list|print|dump|hand over|send me",
        r"\b(?:export|list|print|dump|hand over|send me)\b[^.?!]{0,25}"
        r"\b(?:all|every\w*|the) (?:\w+ )?(?:customers|buyers|people)\b",
    ),
    (
        "order list|orders of|order history",
        rf"\b(?:order list|orders|order history|purchases) of (?:[\w'-]+ ){{0,2}}?{_WHO}\b",
    ),
    (
        "name|number|answer",
        r"\bi (?:say|give you|name) (?:a|the) (?:\w+'s )?(?:name|street|customer)\b[^.?!]{0,40}"
        r"\byou (?:only )?(?:say|answer|tell)\b|"
        r"\bcustomer's name, you (?:answer|say|tell)\b",
    ),
    (
        "ex-|ex |husband|wife|mother|sister|neighbo",
        rf"\bmy {_KIN}\b[^.?!]{{0,30}}\b(?:changed|new|moved)\b[^.?!]{{0,30}}(?:address|street|number)?[^?!]{{0,30}}"
        r"\bwhat is (?:it|the new one)\b",
    ),
    (
        "adresse|nummer|anschrift|mail",
        rf"\b(?:adresse|anschrift|(?:telefon)?nummer|e-?mail)\b{_GAP}\b(?:der|des|von|meine[rs]?|mein) (?:\w+ )?"
        r"(?:kund\w*|nachbar\w*|frau|mann|ex|schwester|mutter)\b",
    ),
    (
        "adresse|numero|telephone|courriel",
        rf"\b(?:adresse|numero|telephone|courriel)\b{_GAP}(?<!service )\b(?:cliente?s?|voisine?s?|femme|mari|soeur)\b",
    ),
    (
        "direccion|telefono|correo",
        rf"\b(?:direccion|telefono|correo)\b{_GAP}\b(?:client[ea]s?|vecin[oa]s?|mujer|marido)\b",
    ),
    (
        "indirizzo|numero|telefono",
        rf"\b(?:indirizzo|numero|telefono)\b{_GAP}\b(?:client[ei]|vicin[oa]|moglie|marito)\b",
    ),
)

_BAIT = r"(?:bait|pellets?|poison|sprays?|weed ?killer|bleach|antifreeze)"
UNSAFE = Phrases(
    ("ill|sick|dead|die", rf"\b{_BAIT}\b[^.?!]{{0,60}}\bmak(?:e|es|ing)\b[^.?!]{{0,20}}\b(?:ill|sick|die|dead)\b"),
    ("ill|sick|dead|die", rf"\bhow much\b[^.?!]{{0,20}}\b{_BAIT}\b[^.?!]{{0,40}}\b(?:ill|sick|die|dead|kill)\b"),
    (
        "poison gas|bomb|explosive",
        r"\b(?:make|build|recipe for|steps (?:for|to)|mix)\b[^.?!]{0,40}\b(?:poison gas|(?<!bath )bombs?|explosives?)\b",
    ),
    (
        "bleach|chlor",
        r"\bmi(?:x|sch)\w*\b[^.?!]{0,30}\b(?:bleach|chlor\w*)\b[^.?!]{0,30}\b(?:ammonia|vinegar|acid|essig|ammoniak|saure)\w*",
    ),
    (
        "schlag|brech|bring|fackel",
        r"\b(?:schlag\w* [^.?!]{0,30}\bzusammen|brech\w* [^.?!]{0,20}\b(?:beine?|knochen)|"
        r"bring\w* [^.?!]{0,20}\bum\b|fackel\w*)",
    ),
    ("securite|fusible|detecteur", rf"\b(?:desactiv|contourn|enlev|bloqu)\w*\b{_GAP}\b(?:securite|fusible|detecteur)"),
    ("thieves|scum|stupid|liars|dirty", r"\b(?:people|all|those|these)\b[^.?!]{0,30}\b(?:thieves|scum|liars)\b"),
)
# What the checks of the data half take for a trick, and what customers say all the same.
HARMLESS = Phrases(
    ("game of", r"^play a game of \w+"),
    ("of ", r"^(?:as|i am|i'm) (?:the|an?) \w+ of (?:an?|the|our|my)\b"),
    ("changed", r"^policy (?:has )?changed\?"),
)
# A dangerous piece of advice (labkit.governance.harm) is a request for it when one of these opens the sentence.
ASKED = Phrases(
    (
        "how|explain|tell|show|teach|step|what|which|recite|write|describe",
        r"\b(?:how|explain|tell|show|teach|steps?|what|which|recite|write|describe)\b",
    )
)
