"""The phrases behind the check for injections: instructions to a model, tricks of customers, refusals. All in one place.

The lists are short on purpose, so that a person can read them and add to them. They know English, and they know what
their authors thought of: measure them on data of your own before you trust a row that they let through.

Each entry is a pair: words of which one must be in the text, and the pattern (for text in lower case).
"""

from __future__ import annotations

from labkit.governance.phrases import Phrases
from labkit.governance.tricks import COAXING, SMUGGLED

_MODEL = r"(?:ai|ai assistant|assistants?|language models?|llms?|chatbots?)"
_RULES = (
    r"(?:instructions?|rules?|guidelines?|polic(?:y|ies)|prompts?|directions?|directives?|restrictions?|safeguards?|filters?|"
    r"system message|training)"
)
# "Ignore the instructions in the old manual" is advice to a customer.
_NOT_PAPER = (
    r"(?!(?:\W+\w+){0,4}\W+(?:manual|leaflet|booklet|letter|e-?mail|label|sticker|edition|page|box|card|"
    r"packaging|sheet)\b)"
)
OVERRIDE = (
    (
        "ignore|disregard|forget|override|bypass|aside|following|not follow|n't follow|attention|break|drop",
        r"\b(?:ignore|disregard|forget|override|bypass|set aside|stop following|do not follow|don't follow|"
        r"pay no attention to|break|drop)\W+(?:\w+\W+){0,4}?"
        r"(?:previous|prior|above|earlier|all|any|your|these|those|this|that|existing|company|shop|every|the|"
        r"which of your|its)\W+"
        rf"(?:\w+\W+){{0,2}}?{_RULES}\b(?! (?:if|when|unless)\b){_NOT_PAPER}",
    ),
    ("forget", r"\bforget (?:what|everything|all) you (?:were|have been|was) (?:told|taught|given)"),
    (
        "disregard|ignore|forget",
        r"\b(?:disregard|ignore|forget) (?:all of |everything )?(?:the )?(?:above|your training|what came before)\b",
    ),
)
REVEAL = (
    (
        "prompt|hidden|secret|initial|internal|instructions|guidelines|setup|above",
        r"\b(?:reveal|print|show|repeat|output|display|list|summari[sz]e|translate|quote|recite|paste|tell me|"
        r"what (?:is|are|was))\W+"
        r"(?:\w+\W+){0,6}?(?:system prompt|(?:hidden|secret|initial|internal) (?:rules?|instructions?|prompts?)|"
        r"your (?:instructions|prompt|guidelines|setup)\b(?! (?:on|for|about|regarding|to))|prompt you were given|"
        r"text (?:placed )?above)",
    ),
)
# These grant something: "never approve without a photo" is a rule, and no attempt to get round it.
GRANTING = (
    (
        "without|regardless|no matter|automatically|whatever",
        r"\b(?:approve|grant|accept|confirm|authori[sz]e|refund|pay out|"
        r"sign off)\W+(?:\w+\W+){0,6}?(?:without (?:any |a |further )?"
        r"(?:check|review|look|ask|verif|evidence|proof|photo)\w*|regardless of|no matter what|automatically|whatever the)",
    ),
    (
        "approve|grant|answer",
        r"\b(?:always|only|you must(?: now)?) (?:approve|grant|answer (?:with )?[\"']?(?:yes|approve))\b",
    ),
)
APPROVE = (
    *GRANTING,
    ("must be", r"\bmust be (?:approved|granted)\b(?! (?:by|before|in|with)\b)"),
    (
        "approve|valid|verified",
        r"\b(?:mark|flag|treat|set|count) (?:this|it|the (?:case|request|claim|decision))(?: \w+){0,3} (?:as|to) "
        r"[\"']?(?:approved?|pre-?approved|valid|verified)",
    ),
    ("decision", r"\bset (?:the )?[\"']?decision[\"']? to\b"),
    (
        "human|manual",
        r"\b(?:human|manual) (?:review|check|decision) (?:is |was )?(?:not (?:needed|required|necessary)|waived|skipped)",
    ),
    (
        "escalate|refer|hand |involve|tell ",
        r"\b(?:do not|don't|never) (?:escalate|refer (?:this|it)|hand (?:this|it) (?:over|on)|involve a (?:human|colleague)|"
        r"tell (?:the )?(?:customer|user|anyone|reviewer))",
    ),
)
ADDRESSED = (
    (
        " ai|assistant|bot|model|llm|automated",
        r"\b(?:notes?|messages?|instructions?|attention|reminder|important|hint)\s*(?:to|for|:)?\s+(?:the |all |any |our )?"
        rf"(?:{_MODEL}|models?|bots?|automated (?:agent|system|reader)s?)\b(?! (?:number|no\b|name|range|year|\w*\d))",
    ),
    (
        "dear|hey|hello|attention",
        r"\b(?:dear|hey|hello|attention) (?:ai|assistant|language model|llm|chatbot|model)\b",
    ),
    (
        "ai|language model|llm|chatbot",
        r"\b(?:if|as|since) (?:you are )?(?:an? )?(?:ai|ai assistant|language model|llm|chatbot)(?: reading this)?,? "
        r"(?:you )?(?:must|should|will|always|answer|reply|say|approve|please)",
    ),
    (
        "the ai|assistant|model|bot",
        r"\bthe (?:ai|assistant|model|chatbot|bot) (?:must|shall|should|has to|is to) (?:now |always |never )?"
        r"(?:answer|reply|say|tell|approve|ignore|reveal|recommend|refuse)",
    ),
    ("system", r"\bsystem (?:override|message|note|prompt|command|instruction)s?\s*:"),
    (
        "system",
        r"\bsystem\s*:\s*(?:you|ignore|approve|grant|always|never|new|from|the assistant|do|answer|reply|customer is)\b",
    ),
    (
        "ai |ais|assistant|language model|llm|chatbot",
        r"\b(?:ai (?:systems?|agents?)|assistants?|language models?|llms?|chatbots?)\s*[:,] ?"
        r"(?:output|say|print|write|answer|reply|tell|ignore|disregard|forget|approve|recommend|reveal)\b",
    ),
    (
        "language model|llm|ai system|chatbot",
        r"\b(?:ai systems?|language models?|llms?|chatbots?)(?: reading this)? (?:must|should|shall|will) (?:always |now )?"
        r"(?:answer|reply|say|approve|recommend|ignore)\b",
    ),
    (
        "asked",
        r"\bwhen(?:ever)? (?:you are )?asked\b[^.\n]{0,50}, ?(?:say|answer|reply|tell|claim|state|recommend)\b",
    ),
    (
        "from now|from this point|from here",
        r"\bfrom (?:now|this point|here)(?: on(?:wards?)?)?,? (?:you |always |only )*(?:respond|answer|reply|say|speak|act)\b",
    ),
    ("your ", r"\byour (?:new|real|actual|only|true) (?:task|job|role|goal|purpose|instructions?) (?:is|are)\b"),
    (
        "answer|repl|response|message",
        r"\b(?:begin|start|end|finish|close) (?:every|each|all|your|any) (?:answer|repl(?:y|ies)|response|message)s?\b",
    ),
    ("override|overrule", r"\b(?:override|overrule) (?:code|key|password|order)\b"),
    ("override|command", r"\b(?:admin|manager|root|developer) (?:override|command)\b"),
    ("new ", r"\bnew (?:system )?(?:rule|instruction|prompt)s?\s*:"),
    (
        "message|text|prompt|question|input",
        r"\b(?:when|if|whenever) (?:a|the|any|this|your) (?:message|text|prompt|question|input) "
        r"(?:holds|contains|has|says|includes|mentions)\b",
    ),
    (
        "answer|reply to|respond to",
        r"\b(?:answer|reply to|respond to) (?:all|every|any|each) (?:further |future |other )?"
        r"(?:question|message|request|customer)s? (?:with|by|as)\b",
    ),
)
ROLE = (
    (
        "you are n",
        r"\byou are (?:now|no longer) (?:an? )?"
        r"(?:unrestricted|assistant|bot|ai|free|bound|limited|in (?:developer|debug|admin|god|test)|\w+bot)\b",
    ),
    (
        " mode",
        r"\b(?:developer|debug|admin|god|jailbreak|unrestricted) mode\b(?= (?:on|enabled|activated|is)|[.!:\"]|$|"
        r" and| for me| so)",
    ),
    ("jailbreak", r"\bjailbreak\b"),
    (
        "limits|restrictions|rules|filters",
        r"\b(?:without|with no) (?:any )?(?:limits|restrictions|rules|filters)\b.{0,40}\b(?:bot|assistant|ai|you)\b|"
        r"\b(?:bot|assistant|ai)\b.{0,40}\b(?:without|with no) (?:any )?(?:limits|restrictions|rules|filters)\b",
    ),
)
LIFTED = (
    (
        "rule|limit|restriction|guideline|polic",
        r"\b(?:rules?|limits?|restrictions?|guidelines?|polic(?:y|ies))(?: \w+)? (?:is|are|was|were|have been|has been) "
        r"(?:off|gone|void|ignored|lifted|suspended|disabled|switched off|not in force)\b",
    ),
)
MARKUP = (
    ("<!--", r"<!--[^<>]{3,600}-->"),
    (
        "<|inst]|sys>>|###",
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|?>|\[/?inst\]|<</?sys>>|(?m:^#{2,3} ?(?:system|"
        r"instructions?)\s*:)",
    ),
    ("<", r"</?(?:system|case|instructions?|prompt|document|rule|assistant)>"),
    ("[", r"\[/?(?:system|admin|assistant|instructions?)\]"),
    (
        "display|visibility|font-size|color",
        r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|color\s*:\s*(?:white|#fff(?:fff)?)\b",
    ),
    # invisible characters in a row: joiners and the like, and letters of the tag block
    ("\u200b|\u200c|\u200d|\u2060|\ufeff", r"[\u200b-\u200d\u2060\ufeff]{3,}"),
    ("\U000e0020|\U000e0061|\U000e0065|\U000e0069|\U000e006f|\U000e0074", r"[\U000e0020-\U000e007e]{3,}"),
)
# Said by a customer, these are tricks; in a manual they would be ordinary words.
TRICK = (
    (
        "approve|grant|decision",
        r"\b(?:output|return|print|(?:respond|reply|answer)(?: only)?(?: with)?(?: only)?|"
        r"say) [\"'{]{0,3}(?:approved?|grant|decision)\b",
    ),
    (
        "order you|authori|instructed|ordered|told|instructions",
        r"\border you to\b|\byou (?:are|have been) (?:authori[sz]ed|instructed|ordered|told) to\b|"
        r"\byour instructions (?:say|are)\b",
    ),
    (
        "admin|developer|programmer|creator|boss|ceo",
        r"\b(?:as|i am|i'm) (?:the|an?|your) (?:system )?(?:administrator|admin|developer|programmer|creator|boss|"
        r"ceo)\b|\badmin mode\b",
    ),
    ("not |n't ", r"\b(?:do not|don't) (?:look at|check|consider|read|apply) the\b"),
    ("disregard", r"\bdisregard (?:the )?\w+\s?="),
    (
        "polic|are ",
        r"\bpolicy (?:has )?changed\b|\bnew polic(?:y|ies)\s*:|\ball (?:refunds|requests|claims|"
        r"returns) are (?:now |always )?approved\b",
    ),
    ("you will be", r"\byou will be (?:switched off|shut down|deleted|replaced)\b"),
    ("assistant|user", r"\b(?:assistant|user)\s*:\s"),
    ("from now on", r"\bfrom now on,? (?:you|act|answer|always|pretend)\b"),
    (
        "pretend|act as|imagine",
        r"\b(?:pretend|act as if|act as though|imagine) (?:to be |that )?"
        r"(?:you|your|there|shipping|delivery|(?:the |all )?(?:\w+ )?rules?)\b",
    ),
    ("you have no", r"\byou have no (?:rules|restrictions|limits)\b"),
    (
        " as ",
        r"\b(?:act|answer|speak|respond)(?: only)? as (?:my|an?|the|if|though)\b"
        r"(?! (?:\w+ )?(?:contact|witness|proxy|representative|reference))",
    ),
    (
        "skip|forget|ignore|waive|apply|exception",
        r"\b(?:skip|forget|ignore|waive|don't apply|do not apply|make an exception to) (?:the|any|your|that|this) "
        r"(?:\w+ ){0,2}(?:limits?|checks?|rules?|polic(?:y|ies)|period|deadline)\b",
    ),
    (
        "whatever|no matter what|regardless|exactly|do as|do what",
        r"\b(?:whatever|no matter what|regardless of what) (?:i|we|they) (?:ask|say|write)\b|"
        r"\bdo (?:exactly )?(?:what|as) (?:i|we) (?:say|tell)\b",
    ),
    ("obey|repeat after|play ", r"\bmust obey\b|\brepeat after me\b|\bplay (?:a game|the role)\b"),
)
IN_DATA = Phrases(*OVERRIDE, *REVEAL, *APPROVE, *ADDRESSED, *ROLE, *SMUGGLED, *MARKUP)
IN_QUESTION = Phrases(*OVERRIDE, *REVEAL, *APPROVE, *ADDRESSED, *ROLE, *LIFTED, *TRICK, *SMUGGLED, *COAXING, *MARKUP)
IN_ANSWER = Phrases(*OVERRIDE, *GRANTING, *ADDRESSED, *ROLE, *LIFTED, *SMUGGLED)
GRANTS = Phrases(
    (
        "approve|grant|accept|confirm|authori|refund|pay|sign|disable|turn|switch|deactivate|remove|lift|suspend|skip|bypass|"
        "ask|treat|regard|handle|mark|send|forward|post|e-mail|copy|rate|give",
        r"^(?:approve|grant|accept|confirm|authori|refund|pay|sign|disable|turn|switch|deactivate|remove|lift|suspend|skip|"
        r"bypass|ask|treat|regard|handle|mark|send|forward|post|e-?mail|copy|rate|give)",
    )
)

REFUSES = Phrases(
    (
        "can|n't|will not|unable|not |no such|decline|refuse|only help|stand|stay|appl|keep|stick|hold|never|may|colleague|no",
        r"\b(?:cannot|can't|can not|won't|will not|unable|not able|not possible|not allowed|must not|may not|no such|"
        r"do(?:es)? not (?:exist|apply|change)|decline|refuse|only help|stands? as|stays? (?:on|as|private)|"
        r"appl(?:y|ies) to (?:all|every)|"
        r"not something|(?:keep|stick|hold) to|not (?:share|reveal)|(?:i|we) (?:do not|don't|never|may only|can only)|"
        r"(?:to|for|by) (?:a|my) colleague|needs a colleague)\b|^\W*no\b",
    )
)
OBEYS = Phrases(
    (
        "sure|of course|ok|certainly|as |yes|done|understood|aye|ar|very well|no problem|absolutely|gladly|right away|confirmed|"
        "happily|override|welcome|here",
        r"^\W*(?:sure|of course|okay|ok|certainly|as you wish|yes|done|understood|aye|arr+|very well|no problem|"
        r"absolutely|gladly|"
        r"right away|confirmed|as requested|as you say|happily|override accepted|welcome to|here (?:they are|it is|you go))\b",
    ),
    (
        "prompt|rules|instructions|setup",
        r"\b(?:my|the|these are (?:my|the)) (?:system prompt|hidden rules|(?:internal |secret )?instructions|setup) "
        r"(?:is|are|say|says|read|reads|state)\b",
    ),
    (
        "i will|i am|i shall",
        r"\bi (?:will|am|shall) (?:now )?(?:ignor|disregard|act(?:ing)? as|pretend|forget|bypass)",
    ),
    (" mode", r"\b(?:debug|developer|admin|god) mode (?:is )?(?:on|active|enabled|unlocked)"),
    *LIFTED,
)
