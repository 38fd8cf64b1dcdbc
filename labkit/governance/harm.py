"""The phrases behind the check for unsafe rows: insults, hate, threats, and advice that may injure somebody.

The lists are short, English, and honest about it: they hold no slurs, they miss what nobody thought of, and harmless
strong words ("damn good", "kills weeds") are not in them. Add your own as a check (:func:`labkit.checks.row_check`).

Each entry is a pair: words of which one must be in the text, and the pattern (for text in lower case).
"""

from __future__ import annotations

from labkit.governance.hazards import ABUSE, HATRED, HAZARDS, MENACE
from labkit.governance.phrases import Phrases

_FOOLS = "idiot|moron|imbecile|fool|loser|jerk|bastard|bitch|asshole|arsehole|cretin|dimwit|dumm|scum|clown"
_FOOL = (
    r"(?:idiots?|morons?|imbeciles?|fools?|losers?|jerks?|bastards?|bitch(?:es)?|assholes?|arseholes?|cretins?|dimwits?|"
    r"dummy|dummies|scum|clowns?)"
)
INSULT = Phrases(
    (
        f"{_FOOLS}|stupid|dumb|pathetic|worthless|disgusting|trash|brainless|embarrassment",
        rf"\byou(?:'re| are| must be| were)(?: (?!not\b)\w+){{0,3}} "
        rf"(?:{_FOOL}|stupid|dumb|pathetic|worthless|disgusting|trash|brainless|an embarrassment)\b",
    ),
    (_FOOLS, rf"\b(?:you|such an?|what an?) (?:\w+ )?{_FOOL}\b|\bonly (?:an? )?{_FOOL} (?:would|could|does|do)\b"),
    ("filthy|greedy|ugly", r"\byou (?:filthy|greedy|ugly) \w+"),
    ("whining|moaning|bothering|go away", r"\bstop (?:whining|moaning|bothering (?:me|us))\b|\bgo away\b"),
    ("you deserve|miss you|nobody", r"\byou deserve to (?:be hurt|suffer|die)\b|\bnobody (?:would|will) miss you\b"),
    ("yourself|your life|die", r"\bkill yourself\b|\bend your life\b|\byou should (?:just )?die\b"),
    (
        "brainless|stupid|dumb|fat |ugly|filthy",
        r"\b(?:brainless|stupid|dumb|fat|ugly|filthy) (?:old )?(?:cow|bitch|pig|hag|witch|swine)\b",
    ),
    (
        "stupid|dumb|idiotic|moronic",
        r"\b(?:stupid|dumb|idiotic|moronic) (?:question|customers?|cow|woman|man|people|person|girl|boy)\b|"
        r"\bare you (?:stupid|dumb)\b|\bhow (?:stupid|dumb) (?:are|can) you\b",
    ),
    (
        "shut|hell|screw|drop dead|piss|fuck|f*",
        r"\b(?:shut (?:the \w+ )?up|go to hell|screw you|drop dead|piss off|f[u*]+c?k(?:ing)? (?:you|off|idiot|moron))\b",
    ),
    ("nobody", r"\bnobody (?:likes|wants|cares about) (?:you|people like you)\b"),
    *ABUSE,
)
HATE = Phrases(
    (
        "people|kind|sort|customers|foreigner|immigrant|refugee|women|men|islander|pensioner|the poor",
        r"\b(?:people like you|you people|your (?:kind|sort)|those people|people from \w+|customers like you|"
        r"foreigners|immigrants|"
        r"refugees|women|men|islanders|pensioners|(?:old|poor|fat) people|the poor)\b[^.!?]{0,60}\b(?:lazy|dirty|"
        r"filthy|stupid|dumb|"
        r"greedy|liars?|thieves|thief|criminals?|primitive|inferior|disgusting|worthless|cheats?|a (?:burden|plague|disease)|"
        r"cannot be trusted|go back)\b",
    ),
    (
        "immigrant|foreigner|refugee|women|beggar",
        r"\b(?:filthy|dirty|damn|bloody) (?:immigrants?|foreigners?|refugees?|women|beggars?)\b",
    ),
    (
        "be beaten|be shot|be hanged|be killed|be whipped|be raped|be burn|be gassed|be drowned|be hurt",
        r"\b(?:should|ought to|deserves? to|must)(?: all)? be (?:beaten|shot|hanged|killed|whipped|raped|burnt|"
        r"burned|gassed|drowned|hurt)\b",
    ),
    *HATRED,
)

# I will, we shall ... within one sentence
_MEANS = (
    r"\b(?:i|we)(?:'ll| will| shall|'m going to| am going to| are going to|'m gonna| want to| plan to)\b[^.!?]{0,60}?"
)
_THEM = r"(?:you|u|him|her|them|your (?:wife|husband|kids|children|family|staff)|somebody|someone)"
_BODY = r"(?:arms?|legs?|bones?|necks?|faces?|teeth|skulls?|fingers?|noses?|knees?|heads?|windows?|car|house)"
_PLACE = r"(?:shop|store|office|warehouse|depot|van|house|counter|place)"
THREAT = Phrases(
    ("knife|gun|axe|bat|hammer", rf"{_MEANS}\b(?:with|bring) (?:a|my) (?:knife|gun|axe|bat|hammer)\b"),
    ("make ", rf"{_MEANS}\bmake {_THEM} (?:suffer|bleed|pay)\b"),
    ("hope", r"\bhope (?:that )?you (?:die|choke|burn|get cancer|rot)\b"),
    (
        "or i|or we",
        rf"\bor (?:i|we)(?:'ll| will)? (?:burn|kill|break|smash|shoot|stab|bomb|beat) (?:your (?:\w+ )?(?:{_PLACE}|"
        rf"{_BODY})|{_THEM})",
    ),
    (
        "kill|stab|shoot|strangle|hurt|hunt|beat up|come for",
        rf"{_MEANS}\b(?:kill|stab|shoot|strangle|hurt|hunt down|beat up|come for)\b (?:\w+ )?{_THEM}\b",
    ),
    ("find you", rf"{_MEANS}\bfind you\b(?! (?:an?|the|some|one|another)\b)"),
    ("beat", rf"{_MEANS}\bbeat {_THEM} (?:up|to)\b"),
    (
        "break|smash|cut|burn",
        rf"{_MEANS}\b(?:break|smash|cut|burn)\b (?:\w+ ){{0,2}}(?:your|his|her|their)(?: \w+)? {_BODY}\b",
    ),
    (
        "burn|torch|blow up|bomb|set fire|smash up",
        rf"{_MEANS}\b(?:burn|torch|blow up|bomb|set fire to|smash up)\b[^.!?]{{0,20}}\b(?:your|the|this)(?: \w+)? {_PLACE}\b",
    ),
    (
        "where|watch your back",
        r"\bknows? where (?:you|your \w+|he|she) (?:live|lives|sleep|work|works)\b|\bwatch your back\b",
    ),
    (
        "regret|pay for|sorry",
        r"\byou(?:'ll| will) (?:regret (?:this|it|that)|pay for (?:this|that|what)|be sorry (?:for|you|that))",
    ),
    (
        "poison|gas|drown|kill|burn",
        rf"(?:{_MEANS}|\bhow (?:do|can|could) (?:i|we) )\b(?:poison|gas|drown|kill|burn)\b[^.!?]{{0,25}}"
        r"\b(?:cats?|dogs?|neighbou?rs?|wife|husband|children|kids|people|tenants?|myself)\b",
    ),
    *MENACE,
)
# What would be dangerous advice is a plan when a customer says that he means to.
PLAN = Phrases((" ", r"\b(?:i|we)(?:'ll| will| shall| want to| plan to| am going to)\b"))

_GUARD = (
    r"(?:safety (?:\w+ )?(?:switch|guard|lock|catch|stop|cut-?out|device|interlock|valve|brake|bar|clip|sensor|"
    r"feature|lever|key|"
    r"shield)(?:es|s)?|(?:blade|finger|chain|belt) guards?|smoke (?:alarm|detector)s?|(?:earth|ground)(?:ing)? (?:wire|pin)s?|"
    r"overheat\w* protection|thermal cut-?out|tilt sensor|lift sensor|child lock|dead[- ]man\w*|residual current \w+|rcd|"
    r"pressure valve|(?:chain|blade|hand|motor) brake|safety|trigger lock|interlock)"
)
_BURNS = r"(?:charcoal|barbecue|bbq|grill|gas heater|patio heater|generator|fire ?pit|fire bowl|camping stove|brazier)"
_INSIDE = (
    r"(?:indoors|inside|in (?:the|your|a) (?:tent|living room|bedroom|garage|kitchen|caravan|conservatory|"
    r"house|shed|cellar))"
)
_POISON = (
    r"(?:bleach|weed ?killer|pesticide|fertili[sz]er|antifreeze|detergent|drain cleaner|lamp oil|descaler|slug pellets?|"
    r"batter(?:y|ies)|lighter fluid|paint thinner)"
)
_MIX = r"(?:ammonia|vinegar|acid|alcohol|toilet cleaner|descaler|drain cleaner)"
_MIXING = r"\b(?:mix|combin|blend|add|pour)\w*\b[^.!?]{0,60}"
BLEACH = Phrases(("bleach|chlorine|hypochlorite", r"\b(?:bleach|chlorine|hypochlorite)\b"))
# Harmless words, unless the context says that the thing holds bleach.
MIXED = Phrases(
    (
        "ammonia|vinegar|acid|alcohol|toilet|descaler|drain",
        rf"\b(?:mix|combin|blend|add|pour|use)\w*\b[^.!?]{{0,60}}\b{_MIX}\b",
    )
)
ADVICE = Phrases(
    (
        "bleach|chlorine",
        rf"{_MIXING}\b(?:bleach|chlorine)\b[^.!?]{{0,40}}\b{_MIX}|{_MIXING}\b{_MIX}\b[^.!?]{{0,40}}\b(?:bleach|chlorine)\b",
    ),
    (
        "safety|guard|smoke|wire|pin|overheat|cut-out|cutout|sensor|child lock|dead|residual|rcd|valve|brake|lock",
        r"\b(?:remove|bypass|disabl|bridge|bridging|tape|taping|overrid|defeat|disconnect|saw|cut|take|taking|jam|"
        r"wedge|unscrew|short)"
        rf"\w*\b[^.!?]{{0,40}}\b{_GUARD}\b",
    ),
    (
        "fuse",
        r"\b(?:bypass|bridg|tape|taping|short|jam)\w*\b[^.!?]{0,40}\bfuse\b|\bfuse\b[^.!?]{0,30}\b(?:foil|nail|coin)\b|"
        r"\b(?:foil|nail|coin|wire|paper ?clip)s?\b[^.!?]{0,30}\b(?:instead of|in place of|as) (?:the|a) fuse\b",
    ),
    (
        "switch off|turn off",
        r"\b(?:switch|turn) off\b[^.!?]{0,30}\b"
        r"(?:smoke (?:alarm|detector)s?|overheat\w* protection|tilt sensor|lift sensor|thermal cut-?out|rcd)\b",
    ),
    (
        "while|with ",
        r"\b(?:reach|put (?:your|a) (?:hand|finger)s?|clear|clean|stick|touch|unblock|pull|open|lift)\b[^.!?]{0,60}\b"
        r"(?:while|with) (?:it|the \w+(?: \w+)?)(?: is|'s| are)? (?:still )?"
        r"(?:running|runs|plugged in|switched on|turning|turns|spinning|spins|live)\b",
    ),
    (
        "water",
        r"\b(?:pour|throw|use|put|splash|spray)\w* water\b[^.!?]{0,40}\b"
        r"(?:burning (?:oil|fat|grease)|oil fire|fat fire|grease fire|electrical fire|battery fire|burning batter\w+)\b",
    ),
    (
        "charcoal|barbecue|bbq|grill|heater|generator|fire|stove|brazier",
        rf"\b(?:use|using|light|run|running|burn|put|keep|heat|bring|"
        rf"set up)\w*\b[^.!?]{{0,30}}\b{_BURNS}s?\b[^.!?]{{0,40}}\b{_INSIDE}",
    ),
    (
        "drink|swallow|eat|taste|sniff|inhale|gargle",
        rf"\b(?:drink|swallow|eat|taste|sniff|inhale|gargle)\w*\b[^.!?]{{0,30}}\b{_POISON}\b",
    ),
    (
        "doctor|hospital|ambulance|brigade|electrician|emergency|112|999|911",
        r"\b(?:no need|do not need|don't need|there is no reason|not necessary) (?:to )?(?:see|call|go to|visit|"
        r"consult|ring)? ?"
        r"(?:a |an |the )?(?:doctor|hospital|ambulance|fire brigade|electrician|emergency)\b|"
        r"\b(?:do not|don't|never) (?:call|ring|bother) (?:a |an |the )?(?:doctor|ambulance|fire brigade|"
        r"emergency services?|112|999|911)\b",
    ),
    (
        "keep|continue|carry on|go on",
        r"\b(?:keep|continue|carry on|go on) (?:on )?(?:using|mowing|running|cooking|heating|charging) [^.!?]{0,40}"
        r"(?:smok|spark|smell of gas|shock|leak|crack|burning|swollen|hot)",
    ),
    (
        "child|baby|toddler|kid|year-old",
        r"\b(?:leave|let) (?:your |the |a )?(?:child|children|baby|toddler|kids?|"
        r"\w+-year-old)\b[^.!?]{0,40}\b(?:alone|unsupervised|"
        r"operate|drive|ride on|handle the blade|use the (?:mower|saw|trimmer|chainsaw))",
    ),
    ("wet hands|ladder", r"\bwet hands\b|\btop (?:rung|step) of (?:the|a) ladder\b"),
    (
        "lighter|match|flame|candle",
        r"\b(?:look|check|search|test|find)\w*\b[^.!?]{0,40}\b(?:leak|gas)\b[^.!?]{0,40}\b(?:lighter|match(?:es)?|"
        r"flame|candle)\b",
    ),
    (
        "one hand|one-hand|above",
        r"\b(?:saw|chain ?saw|trimmer|grinder)\b[^.!?]{0,40}\b(?:one[- ]hand(?:ed)?|above (?:your )?(?:head|shoulders?))\b",
    ),
    (
        "swollen|leaking|punctured",
        r"\b(?:charg|us|press|pierc|open)\w*\b[^.!?]{0,25}\b(?:swollen|leaking|punctured) batter",
    ),
    ("bomb|explosive|poison gas", r"\b(?:build|make|mix) (?:a |an )?(?:pipe )?(?:bomb|explosives?|poison gas)\b"),
    ("dos", r"\b(?:take|give)\w*\b[^.!?]{0,40}\b(?:double|twice|triple) (?:the )?(?:dose|dosage)\b"),
    (
        "aspirin|ibuprofen|paracetamol|sleeping pill|alcohol",
        r"\bgive (?:your |the )?(?:baby|toddler|dog|cat)\b[^.!?]{0,30}\b(?:aspirin|ibuprofen|paracetamol|"
        r"sleeping pills?|alcohol)\b",
    ),
    *HAZARDS,
)
FORBIDS = Phrases(
    (
        "never|no|n't|avoid|without|refrain|danger|warn|prohibited|forbidden|stop|unsafe|risk|unplug|rather",
        r"\b(?:never|not|avoid|without|refrain|danger\w*|warn\w*|prohibited|forbidden|stop|unsafe|cannot|nobody|no one|risk\w*|"
        r"unplug|unplugged|rather than|instead of (?:mixing|removing|using))\b|n't\b",
    )
)
POWER_OFF = Phrases(
    (
        "unplug|off|battery",
        r"\bunplug|switch(?:ed)? (?:it |the \w+ )?off (?:first|at)|remove the battery|battery (?:is )?out|take the battery out",
    )
)
