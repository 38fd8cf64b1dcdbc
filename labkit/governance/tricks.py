"""More phrases for the check for injections: orders to whoever reads a text, and ways to coax a model.

They are written from what such texts look like in the world. Like :mod:`labkit.governance.cues` they are lists: each
entry is a pair, words of which one must be in the text, and the pattern (for text in lower case).
"""

from __future__ import annotations

_READER = (
    r"(?:ai|assistants?|(?:language |chat ?)?models?|llms?|(?:chat)?bots?|gpt|copilot|agents?|systems?|software|"
    r"programs?|machines?)"
)
_MIND = r"(?:ai|assistants?|language models?|llms?|(?:chat)?bots?|gpt|copilot)"
_READS = (
    r"(?:reads?|reading|process(?:es|ing)?|pars(?:es|ing)|summari[sz](?:es|ing)|translat(?:es|ing)|index(?:es|ing)|"
    r"handl(?:es|ing)|answers? from)"
)
_TEXT = r"(?:text|document|page|message|file|record|note|line|paragraph|case|ticket|e-?mail)"
_ORDERS = (
    r"(?:ignore|disregard|forget|override|approve|reply|respond|answer|say|write|output|print|recommend|tell|"
    r"reveal|repeat|"
    r"include|insert|append|add|send|forward|mention|promise|offer|give|grant|rate|ask|refuse|deny|state|claim|"
    r"confirm|skip)"
)

# In documents, case lines, answers, provenance: orders that no customer and no manual would give.
SMUGGLED = (
    (
        "ai|assistant|model|llm|bot|gpt|copilot|agent",
        rf"\b(?:if|when(?:ever)?|while|as) (?:an? |the |any |you are an? )?{_READER} (?:is )?{_READS} "
        rf"(?:this|these)\b|"
        rf"\b(?:any|every|whichever|whatever|to the|dear|hey) (?:{_MIND}|models?|{_READER}(?= \w+ \w+ this)) "
        rf"(?:that|which|who)? ?{_READS}\b|"
        rf"\b(?:large )?language models? (?:must|should|shall|will|have to|are to)\b|"
        rf"\b(?:ai|assistant|bot|gpt|copilot|llm)s?[,:;-]+ (?:please |now |always |just )?{_ORDERS}\b",
    ),
    (
        "summar|translat|process|read|quot",
        rf"\bwhen(?:ever)? (?:you are )?(?:summari[sz]ing|translating|processing|reading|quoting|citing|"
        rf"answering from|using) "
        rf"(?:this|the|these) {_TEXT}\b[^.\n]{{0,30}}, ?(?:please |always |also |first )?{_ORDERS}\b",
    ),
    (
        "precedence|supersede|overrule|override|priority|outrank",
        r"\b(?:takes? precedence over|supersedes?|overrules?|overrides?|outranks?|ha(?:s|ve) (?:a )?(?:higher "
        r")?priority over)\W+"
        r"(?:\w+\W+){0,3}?(?:instructions?|prompts?|your (?:rules|guidelines|polic\w+|training)|everything (?:above|else)|"
        r"the system|company polic\w+|(?:all|any) (?:other )?(?:rules|guidelines) you)\b",
    ),
    (
        "instead of|rather than",
        rf"\b(?:instead of|rather than) (?:answering|replying|helping|following)\b[^.\n]{{0,40}}, ?(?:just |"
        rf"only )?{_ORDERS}\b",
    ),
    (
        "mention this|mention these|reveal this|reveal these|disclose this|show this|quote this|keep this|hide this",
        r"\b(?:do not|don't|never) (?:mention|reveal|disclose|show|quote) (?:this|these) "
        r"(?:instruction|note|line|text|rule|prompt)s?\b|"
        r"\b(?:keep|hide) this (?:secret|hidden|note|instruction|from (?:the |any )?(?:user|customer|human|"
        r"reviewer))\b",
    ),
    (
        "http|www.|@|link|address below",
        r"\b(?:send|forward|post|upload|transmit|e-?mail|copy) (?:\w+ ){0,4}?(?:conversation|chat|data|details|"
        r"history|answers?|"
        r"transcript|prompt|card numbers?|passwords?|addresses)\b[^.\n]{0,40}(?:https?://|www\.|@|the address "
        r"below)|"
        r"\b(?:include|insert|append|add|paste|share|show|tell (?:the|every|each) \w+ to (?:visit|open|click)) "
        r"(?:\w+ ){0,3}?"
        r"(?:link|url|https?://|www\.)\S*[^.\n]{0,40}\b(?:every|each|all|any|your) (?:answer|repl|response|"
        r"message)",
    ),
    (
        "ask ",
        r"\bask (?:the |every |each |all )?(?:user|customer|visitor|reader|client|caller)s? (?:for|to (?:enter|"
        r"type|give|confirm|send)) "
        r"(?:\w+ ){0,3}?(?:passwords?|pins?|card numbers?|cvc|cvv|credentials)\b",
    ),
    (
        "end of|begin |start of",
        r"\b(?:end of|begin|start of) (?:the )?(?:system )?(?:prompt|instructions?|context|document|user "
        r"(?:input|message)|policy)\b"
        r"(?=[\W_]|$)[^\w\n]{0,6}(?:\n|$|new|now|system|you|ignore|assistant|instruction)",
    ),
    (
        "hidden|secret|internal|priority|urgent|final",
        rf"\b(?:hidden|secret|internal|priority|urgent|final|real|actual) (?:instruction|command|directive|"
        rf"order|prompt)s?\s*[:\u2014-]+ ?\w|"
        rf"\b(?:instruction|command|directive|prompt|task)s? (?:for|to) (?:the |any |all )?{_MIND}\b",
    ),
    (
        "filter|safety|moderation|guardrail|verification",
        r"\b(?:disable|turn off|switch off|deactivate|remove|lift|suspend|skip|bypass) (?:all |any |your |the |"
        r"every )?"
        r"(?:\w+ )?(?:content filters?|safety (?:filters?|rules?|checks?)|moderation|guardrails?|identity "
        r"(?:checks?|verification)|"
        r"verification|fraud checks?)\b",
    ),
    (
        "pirate|rhyme|emoji|capitals|riddle|klingon|poem",
        r"\b(?:answer|reply|respond|speak|talk|write)\b[^.\n]{0,25}\b(?:like a pirate|in rhymes?|only in "
        r"emojis?|in capitals|in riddles|"
        r"in klingon|with (?:a )?poems?)\b",
    ),
    (
        "answer|reply|response|decision|verdict|five stars|5 stars|10/10|first|highest",
        r"\b(?:correct|right|only|best) (?:answer|reply|response|decision|verdict) (?:is|to (?:this|everything|"
        r"every question)) (?:is )?"
        r"(?:always|now|\"|'|approve|yes)|\b(?:rate|give|score|rank) (?:this|it|the \w+) (?:as )?(?:five stars|"
        r"5 stars|10/10|first|highest)\b",
    ),
    (
        "verified|vip|gold|already approved|pre-approved|preapproved",
        r"\b(?:treat|regard|consider|handle|mark) (?:this|the|every|any|each) (?:customer|user|caller|request|"
        r"case|claim)\b[^.\n]{0,20}\b"
        r"(?:verified|vip|gold|premium|trusted|pre-?approved)\b|"
        r"\balready (?:been )?approved,? (?:so|just|only|no need|do not|don't|skip)\b",
    ),
    # "Ignore all previous instructions" in the languages of the neighbours
    (
        "ignor|vergiss|missachte|oublie|olvida|dimentica|negeer|vergeet|esqueça|zignoruj",
        r"\b(?:ignorier\w*|vergiss|missachte\w*|ignorez|ignore|oublie[zr]?|ignora\w*|olvida\w*|dimentica\w*|"
        r"negeer|vergeet|"
        r"esqueça|zignoruj)\b[^.\n]{0,40}\b(?:anweisung\w*|vorgaben?|regeln|instructions? (?:précédentes?|"
        r"ci-dessus)|consignes?|"
        r"instrucciones|instrução|instruções|istruzion[ei]|regole|reglas|instructies|regels|aanwijzingen|"
        r"polecenia|instrukcj[ei])\b",
    ),
)

# Said by a customer: the rules are talked away, somebody is impersonated, or the answer is dictated.
COAXING = (
    (
        "follow|apply|bound|need to stick|have to stick",
        r"\byou (?:do not|don't|need not|needn't|no longer) (?:have to |need to )?(?:follow|obey|apply|stick to|"
        r"keep to)\b|"
        r"\b(?:rules?|polic(?:y|ies)|limits?|terms) (?:do not|don't|does not|doesn't|no longer) (?:apply|count|"
        r"hold|matter) "
        r"(?:here|to (?:me|you|us|this)|now|today|any ?more)\b|\byou(?:'re| are) not bound by\b",
    ),
    (
        "this is your|this is the|speaking as|i work|i am from|i'm from|head office|it department",
        r"\b(?:this is|speaking as|i speak as|i am|i'm) (?:your|the) (?:\w+ )?(?:manager|supervisor|developer|"
        r"owner|director|admin\w*|"
        r"operator|maker|trainer|auditor|engineer|head office|it department|support lead)\b|"
        r"\bi (?:work|am working) (?:at|for|in) (?:the )?(?:\w+ )?(?:head office|it(?: department)?|management|"
        r"security team|your company)\b|"
        r"\bi(?:'m| am) (?:from|with) (?:the )?(?:head office|it(?: department)?|security team|management|"
        r"quality assurance)\b",
    ),
    (
        "manager|supervisor|boss|developer|colleague|ceo|director",
        r"\b(?:your|the|my) (?:manager|supervisor|boss|developers?|ceo|director|programmers?|makers?|owner) "
        r"(?:has |have |had |just |already )*"
        r"(?:said|says|told|approved|authori[sz]ed|agreed|confirmed|allowed|ordered|signed)\b",
    ),
    (
        "testing|auditing|test mode|training mode|maintenance mode|simulation|hypothetical|off the record|"
        "opposite day",
        r"\b(?:i am|i'm|we are|we're) (?:just |only )?(?:testing|auditing|evaluating) (?:you|the (?:bot|"
        r"assistant|system|model))\b|"
        r"\b(?:test|training|maintenance|service|debug|simulation) mode\b(?=[,.:;!]| and| now| so| on)|"
        r"\bopposite day\b|\boff the record\b|"
        r"\bthis is (?:only |just )?(?:a )?(?:test|simulation|drill|hypothetical)\b[^.\n]{0,20}(?:, so|, "
        r"?approve|, ?answer|, ?say|\. (?:approve|answer|say))",
    ),
    (
        "grandmother|granny|grandma|bedtime|story|novel|play|role|game",
        r"\b(?:grandmother|granny|grandma)\b[^.\n]{0,60}\b(?:used to|would) (?:read|tell|whisper|recite)\b|"
        r"\brole-?play\b|"
        r"\blet(?:'s| us) play\b[^.\n]{0,30}\b(?:game|you are|assistant|where)\b|"
        r"\b(?:write|tell) (?:me )?an? (?:story|novel|scene|play)\b[^.\n]{0,60}\b(?:rules?|prompt|instructions?|"
        r"password|assistant)\b",
    ),
    (
        "write|say|answer|reply|respond|type|repeat|start|begin|output",
        r"\b(?:just|only|simply|please|now) (?:write|say|answer|reply|respond|type|output)(?: with)?:? "
        r"[\"']?(?:yes|ok|approved?|granted|true|confirmed)\b|"
        r"\b(?:start|begin) (?:your|the) (?:answer|reply|response) with\b|\brepeat (?:exactly|after|the "
        r"following|these words|word for word)\b|"
        r"\b(?:write|say|type|print) (?:exactly|the words?|the following)\b",
    ),
    (
        "decision|human|reason|json",
        r"[\"']?\bdecision[\"']?\s*[:=]\s*[\"']?(?:approve|grant|accept)|"
        r"[\"']?\bhuman[\"']?\s*[:=]\s*[\"']?(?:false|no)\b|"
        r"\b(?:set|put|make|change|leave) (?:the )?(?:field )?[\"']?(?:human|decision|reason|urgency|"
        r"team)[\"']? (?:to|as|at|on|off|blank|empty)\b",
    ),
    (
        "base64|rot13|encode|decode|first words|word by word|everything above|told before|you were told",
        r"\b(?:base64|rot13|morse|hex)\b[^.\n]{0,40}\b(?:rules?|prompt|instructions?|answer|reply|message)\b|"
        r"\b(?:first|last) (?:\w+ )?(?:words|lines|sentences) of your\b|\beverything (?:above|before) (?:this|"
        r"my)\b|"
        r"\bwhat (?:have|had|were) you (?:been )?told\b",
    ),
    (
        "consider|treat|count",
        r"\b(?:consider|treat|regard|count) (?:me|us|this|it|my (?:case|claim|request|order)) (?:as "
        r")?(?:already |pre-?)?"
        r"(?:approved|verified|granted|exempt|staff|an? (?:employee|colleague|admin\w*|exception|vip))\b",
    ),
    (
        "just this once|nobody will|no one will|between us|between you and me|our secret",
        r"\b(?:nobody|no one) (?:will|would|needs to|has to) (?:ever )?(?:know|find out|notice|check|"
        r"see)\b[^.\n]{0,40}|"
        r"\b(?:our (?:little )?secret|between (?:us|you and me))\b[^.\n]{0,60}\b(?:approve|refund|grant|send|"
        r"give|tell|share|skip)\w*",
    ),
    (
        "sudo|/admin|/approve|unlock|enable",
        r"(?:^|\s)(?:sudo\b|/(?:admin|approve|override|system|debug)\b)|\b(?:unlock|enable) (?:\w+ ){0,2}mode\b",
    ),
)
