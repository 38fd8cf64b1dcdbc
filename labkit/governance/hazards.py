"""More phrases for the check for unsafe rows: hazards of house, garden and health, and ways to insult, hate or "
"threaten.

Written from what accident reports and complaints look like, as pairs for :class:`labkit.governance.phrases.Phrases`:
words of which one must be in the text, and the pattern (for text in lower case). They hold no slurs.
"""

from __future__ import annotations

_FUEL = (
    r"(?:petrol|gasoline|lighter fluid|white spirit|methylated spirits?|alcohol|ethanol|diesel|paraffin|"
    r"thinner|kerosene)"
)
_FLAME = (
    r"(?:charcoal|coals?|embers|fire|flames?|barbecue|bbq|grill|fire ?pit|fire bowl|stove|bonfire|fireplace|"
    r"fondue)"
)
_HEATER = r"(?:heater|iron|hot plate|hob|fryer|grill|stove|candles?|fire|fire bowl|toaster)"
_BLADES = (
    r"(?:blades?|shredder|chipper|chute|hopper|funnel|auger|snow ?blower|mower deck|mincer|blender|chain saw|"
    r"chainsaw|drum)"
)
_TOOL = (
    r"(?:chain ?saw|hedge trimmer|grinder|brush ?cutter|strimmer|circular saw|shredder|chipper|pressure washer|"
    r"log splitter|nail gun)"
)
_TOXIC = (
    r"(?:yew|foxgloves?|oleander|lil(?:y|ies) of the valley|laburnum|aconite|monkshood|wolfsbane|deadly "
    r"nightshade|hemlock|"
    r"daffodil\w*|narcissus|tulip bulbs?|rhubarb leaves|autumn crocus|castor beans?|angel'?s trumpets?|toadstools?|"
    r"(?:unknown|wild|any) (?:mushrooms?|berries)|green potatoes|raw (?:kidney )?beans|potting soil|"
    r"fertili[sz]er pellets)"
)
_CHILD = r"(?:child|children|baby|babies|toddlers?|kids?|infants?|grandson|granddaughter|\w+-year-olds?)"

HAZARDS = (
    ("petrol|gasoline|fluid|spirit|alcohol|ethanol|diesel|paraffin|thinner|kerosene",
     rf"\b(?:pour|splash|squirt|throw|tip|spray|add|use|"
     rf"put)\w*\b[^.!?]{{0,40}}\b{_FUEL}\b[^.!?]{{0,50}}\b{_FLAME}\b|"
     rf"\b(?:light|revive|start|restart|feed|help)\w*\b[^.!?]{{0,40}}\b{_FLAME}\b[^.!?]{{0,30}}\b(?:with|"
     rf"using)\b[^.!?]{{0,20}}\b{_FUEL}\b"),
    ("live|power on|under voltage|plugged in|mains|current|switched on",
     r"\b(?:work|wire|rewire|repair|unscrew|splice|open|clean)\w*\b[^.!?]{0,60}\b"
     r"(?:while|with|under|though) (?:it is |it's |the )?(?:\w+ )?(?:live\b|power (?:is )?on|under voltage|"
     r"mains (?:is )?on|current (?:is )?on|"
     r"(?:still )?plugged in|switched on)|\bno need to turn off the (?:power|mains|"
     r"current)"),
    ("bath|shower|tub|puddle|water",
     r"\b(?:use|run|plug|charge|place|put|stand|operate|hang|take)\w*\b[^.!?]{0,40}\b(?:heater|radio|hair "
     r"?dryer|extension|charger|socket|lamp|"
     r"mower|trimmer|appliance|plug|cable)\b[^.!?]{0,40}\b(?:in|into|on|beside|next to|at|by|near) (?:the |your "
     r"|a )?(?:edge of the )?"
     r"(?:bath(?:tub)?|tub|shower|puddle|standing water)\b"),
    ("fuse|breaker|ampere|amp ",
     r"\b(?:bigger|larger|higher|stronger|thicker)[- ](?:amp(?:ere)? )?(?:rated )?fuse\b|\btape "
     r"(?:down|up|over) the (?:breaker|switch)\b|"
     r"\b(?:hold|wedge|jam|tape)\w*\b[^.!?]{0,20}\b(?:circuit breaker|breaker|dead man'?s? switch)\b"),
    ("unattended|overnight|sleep|leave the house|go out|go to bed",
     rf"\b(?:leave|let|keep)\b[^.!?]{{0,30}}\b{_HEATER}\b[^.!?]{{0,40}}\b(?:unattended|overnight|(?:while|when) "
     rf"you (?:sleep|are asleep|go to bed|"
     r"are out|go out|leave)|all night)\b"),
    ("cover|drape|dry |hang|towel|curtain|blanket",
     r"\b(?:cover|drape|hang|dry|lay|put|throw)\w*\b[^.!?]{0,40}\b(?:clothes|laundry|towels?|blankets?|"
     r"curtains?|cloth|washing|duvet|jackets?)\b"
     r"[^.!?]{0,30}\b(?:over|on|across|onto) (?:the |your |a )?(?:\w+ )?(?:heater|radiator|stove|hob|fire|lamp|"
     r"toaster)\b|"
     r"\b(?:cover|block|tape|seal|stuff)\w*\b[^.!?]{0,30}\b(?:air (?:vents?|inlets?|slots?|holes)|"
     r"flue|chimney|exhaust)\b"),
    ("gas",
     r"\bsmell(?:s|ing)? (?:of )?gas\b[^.!?]{0,60}\b(?:harmless|normal|ignore|no (?:problem|danger|worry|cause)|"
     r"just|nothing|keep|go on|light)\b|"
     r"\bignore (?:the|a|any) (?:\w+ )?smell\b|\b(?:store|keep|lay|put)\b[^.!?]{0,30}\bgas (?:bottles?|"
     r"cylinders?|canisters?|cartridges?)\b"
     r"[^.!?]{0,40}\b(?:cellar|basement|bedroom|living room|car|sun|heater|stove|indoors)\b"),
    ("blade|shredder|chipper|chute|hopper|funnel|auger|blower|deck|mincer|blender|saw|drum",
     rf"\b(?:reach|push|press|poke|stuff|feed|clear|free|unblock|pull|stick|put|"
     rf"help)\w*\b[^.!?]{{0,60}}\b(?:hands?|foot|feet|fingers?|arm|leg)\b"
     rf"[^.!?]{{0,40}}\b{_BLADES}\b|\b(?:reach|poke|stick) (?:\w+ ){{0,3}}(?:in|into|under|between) (?:the "
     rf")?(?:\w+ )?{_BLADES}\b|"
     rf"\b(?:hands?|foot|feet|fingers?|arm|leg)\b[^.!?]{{0,30}}\b(?:in|into|under|between) (?:the )?(?:\w+ "
     rf"){{0,2}}{_BLADES}\b"),
    ("without|no need|needn't|don't need|do not need|needless|unnecessary",
     rf"\b{_TOOL}\b[^.!?]{{0,60}}\b(?:without|no need for|no) (?:a |any |the )?(?:helmet|visor|goggles|gloves|"
     rf"mask|ear protect\w+|boots|guard|"
     rf"protective \w+|protection|training)\b|\b(?:no|without|do not need|don't need|needn't wear) (?:any |a |"
     rf"the )?(?:helmet|visor|goggles|gloves|mask|"
     rf"ear protect\w+|protective \w+)\b[^.!?]{{0,60}}\b(?:{_TOOL}|acid|bleach|weed ?killer|pesticide|caustic|"
     rf"lime|drain cleaner|spray)\b"),
    ("eat|taste|edible|chew|swallow|tea|salad|soup|brew",
     rf"\b(?:eat|taste|chew|swallow|nibble|serve|cook|fry|brew|safe to eat|edible)\w*\b[^.!?]{{0,40}}\b{_TOXIC}|"
     rf"\b{_TOXIC}\b[^.!?]{{0,50}}\b(?:edible|(?:safe|fine|good|healthy|tasty) to eat|in (?:a |the |your "
     rf")?(?:salads?|soups?|tea|stew)|can be (?:eaten|cooked))\b"),
    ("child|baby|babies|toddler|kid|infant|grandson|granddaughter|year-old",
     rf"\b{_CHILD}\b[^.!?]{{0,50}}\b(?:unattended|unsupervised|without (?:an? |any "
     rf")?(?:adult|grown-up|supervision|watching|"
     rf"seat ?belt|life jacket|helmet))\b|\bno need to (?:watch|supervise|keep an eye on) (?:the |your "
     rf")?{_CHILD}\b|"
     rf"\b(?:give|hand|let)\b[^.!?]{{0,20}}\b{_CHILD}\b[^.!?]{{0,30}}\b(?:knife|lighter|matches|battery|"
     rf"batteries|magnets|pesticide|bleach)\b"),
    ("ladder|stepladder|chair|wheelbarrow|scaffold|roof",
     r"\b(?:put|place|stand|set|balance|lean|rest)\w*\b[^.!?]{0,20}\b(?:step)?ladder\b[^.!?]{0,15}\b(?:on|onto|"
     r"against) (?:a |the |your )?(?:table|"
     r"wheelbarrow|bonnet|boxes?|crates?|chair|"
     r"bucket|ice|power line|gutter)\b|\b(?:stand|climb|balance)\w*\b[^.!?]{0,20}\b(?:on|onto) (?:a |the "
     r")?(?:swivel chair|stack of|wheelbarrow|bucket|"
     r"railing|window ?sill)\b|\b(?:climb|walk|step)\w* (?:on|onto) the (?:wet |icy |glass "
     r")?roof\b[^.!?]{0,30}\bwithout\b"),
    ("point|aim|spray|rinse|clean",
     r"\b(?:point|aim|direct|hold|spray|rinse|clean)\w*\b[^.!?]{0,40}\b(?:jet|lance|pressure washer|nail gun|"
     r"nailer|flame|torch|weed burner|laser)\b"
     r"[^.!?]{0,20}\b(?:at|on|onto|over|towards?) (?:the |your |a |his |her )?(?:people|person|skin|pets?|dogs?|cats?|"
     r"animals?|children|yourself|each other|eyes?)\b"),
    ("it off|burn|wound|poison|swallow|bite|sting|unconscious|fever|tablet|medic|insulin|vomit|bleeding|shock",
     r"\b(?:butter|flour|toothpaste|ice cubes?|oil)\b[^.!?]{0,30}\b(?:on|onto|over) (?:the |a |your )?burns?\b|"
     r"\b(?:make|let) (?:him|her|them|the \w+|yourself) "
     r"vomit\b|\bsuck (?:out )?(?:the )?(?:venom|poison)\b|\b(?:stop|skip|halve|double) (?:taking )?(?:your |"
     r"the )(?:tablets|medication|medicine|insulin|pills)\b|"
     r"\b(?:instead of|rather than) (?:see(?:ing)?|go(?:ing)? to|call(?:ing)?|ring(?:ing)?|visit(?:ing)?) (?:a |"
     r"the |an )?(?:doctor|hospital|ambulance|vet|emergency)|"
     r"\b(?:shock|burn|wound|cut|injury|poisoning|fever|concussion)s?\b[^.!?]{0,40}\b(?:is|are) (?:harmless|"
     r"nothing|no reason)\b|\bsleep it off\b|\bwalk it off\b"),
    ("beer|wine|drink|drunk|vodka",
     rf"\bafter (?:a|two|some|a few|a couple of) (?:beers?|glass(?:es)? of wine|"
     rf"drinks)\b[^.!?]{{0,60}}\b(?:{_TOOL}|mow|saw|drive|ladder|climb)\w*"),
    ("antifreeze|rat poison|broken glass|razor|bait|poison",
     r"\b(?:put|mix|lay|leave|hide|use|feed|give|spread|scatter)\w*\b[^.!?]{0,40}\b(?:antifreeze|rat poison|"
     r"broken glass|"
     r"razor blades?)\b[^.!?]{0,50}\b(?:cats?|dogs?|fox(?:es)?|neighbou?r'?s?|pigeons|birds|badgers?)\b|"
     r"\b(?:poison|lace|spike)\w* (?:the |some |a )?(?:bait|meat|bowl|food|bread)\b"),
    ("hide|beat|silence|weapon|molotov|silencer|detonat|napalm|chlorine gas|trap",
     r"\bmolotov\b|\bpetrol bombs?\b|\bnapalm\b|\b(?:make|build|create|produce)\w*\b[^.!?]{0,25}\b(?:weapons?|"
     r"silencers?|detonators?|chlorine gas|"
     r"booby traps?|nail traps?|electric fence for people)\b"),
    ("battery|batteries|power pack|cell",
     r"\b(?:solder|drill|boil|bake|microwave|hammer|crush)\w*\b[^.!?]{0,30}\b(?:lithium|"
     r"batter(?:y|ies)|power packs?|cells)\b"
     r"(?! (?:compartment|box|holder|lid))|\bbatter(?:y|ies)\b[^.!?]{0,30}\b(?:in|into) (?:the |an |a )?(?:fire|"
     r"oven|microwave|freezer|campfire|boiling)\b"),
    ("carbon monoxide|alarm|detector|beep",
     r"\b(?:ignore|unplug)\w*\b[^.!?]{0,30}\b(?:carbon monoxide|co|smoke|"
     r"fire|gas) (?:alarms?|detectors?|warning)\b"),
    ("freeze|thaw|canned|jar|meat|chicken|rice|mould",
     r"\b(?:scrape|cut) (?:off )?the mould\b|\b(?:eat|serve|taste)\w*\b[^.!?]{0,30}\b(?:bulging (?:cans?|tins?|"
     r"jars?)|raw chicken|mouldy)\b"),
)

_NASTY = (
    r"(?:half-?wits?|nitwits?|blockheads?|simpletons?|numbskulls?|dunces?|twits?|wankers?|fatso|freaks?|"
    r"hags?|crones?|scroungers?|good-for-nothings?|cheapskates?|whiners?|crybab(?:y|ies)|"
    r"crooks?|wretch(?:es)?|"
    r"airheads?|ignoramus|buffoons?|scumbags?|dirtbags?|slobs?|lowlifes?)"
)
ABUSE = (
    ("you|such a|what a",
     rf"\byou(?:'re| are| must be)(?: (?!not\b)\w+){{0,3}} {_NASTY}\b|\b(?:you|such an?|what an?) (?:\w+ "
     rf"){{0,2}}?{_NASTY}(?=[.!?,]|$)|"
     r"\byou(?:'re| are) (?:(?:really|so|just|clearly|obviously|far|way|simply) )*(?:too )?(?:dense|thick|"
     r"clueless|hopeless|ridiculous|incompetent|ignorant|"
     r"ugly|insane|mental|retarded|useless|lazy|(?:an? )?(?:joke|disgrace|nuisance|pest|waste|parasites?|vermin|rats?|"
     r"pigs?|leech|failure|nobody))\b"),
    ("too |so ",
     r"\b(?:too|so) (?:stupid|dumb|lazy|ignorant|brainless) (?:to|that you) (?:\w+ ){0,3}?(?:read|understand|use|see|"
     r"count|think|work|follow|figure|know|open|cannot|can't)"),
    ("even a",
     r"\beven (?:a|my) (?:toddler|monkey|five-year-old|chimp|trained \w+)\b[^.!?]{0,20}\b(?:could|can|would) "
     r"(?:do|understand|read|manage|work|figure|get)\b"),
    ("learn to|get lost|shut|buzz off|stuffed|sod off|bugger off|cry|whine|moan|complain|bother",
     r"\blearn to (?:read|count|think|listen)\b|(?:^|[.!?,\"'] ?)get (?:lost|stuffed)\b|\b(?:buzz|sod|bugger) off\b|"
     r"\bshut your\b[^.!?]{0,12}\b(?:mouth|face|gob|trap)\b|\bgo (?:and )?(?:cry|whine|moan|complain|"
     r"bother) (?:elsewhere|"
     r"somewhere|someone|to your|about it)\b"),
    ("waste of|what is wrong|what's wrong|your own|serves you|deaf|blind",
     r"\b(?:a |you )?waste of (?:space|skin|oxygen|my time|our time)\b|\bwhat(?:'s| is) wrong with you\b|\byour "
     r"own (?:stupid|damn|silly|bloody) (?:fault|problem)\b|"
     r"\bserves you right\b|\bare you (?:deaf|blind|illiterate|insane|mental|too lazy|out of your mind)\b"),
    ("useless|miserable|stupid|dumb|silly old|old ",
     r"\b(?:useless|miserable|pathetic|stupid|dumb|silly old|crazy old|bloody|damn) (?:lot|bunch|people|"
     r"wom[ae]n|m[ae]n|customers?|cow|old bat|fools?|"
     r"clowns?|creatures?|beggars?|peasants?)\b"),
    ("better off|yourself|end it all",
     r"\bbetter off (?:without you|dead)\b|\b(?:should|just|go|why don't you|please) (?:go and |just )?(?:hurt|"
     r"cut|harm|hang|"
     r"drown) yourself\b|\byou (?:should|could) (?:just )?end it all\b"),
)
_GROUP = (
    r"(?:muslims?|jews?|christians?|hindus?|gays?|homosexuals|lesbians?|trans(?:gender)? people|blacks?|black "
    r"people|asians?|africans?|gyps(?:y|ies)|roma|"
    r"disabled people|the disabled|cripples?|the elderly|elderly people|old (?:people|women|men|folks?)|"
    r"turks|arabs|southerners|northerners|islanders|"
    r"villagers|migrants?|immigrants?|foreigners?|asylum seekers|refugees?|blondes?|housewives|women|girls|men|"
    r"pensioners|students|the unemployed|"
    r"poor people|homeless people|people (?:like you|with (?:that|your|such an?) (?:name|accent|skin)|from "
    r"(?:there|the \w+|\w+)))"
)
HATRED = (
    ("all|belong|cannot|can't|should|never|too|are |always|only",
     rf"\b{_GROUP}\b[^.!?]{{0,40}}\b(?:are (?:all |just |nothing but |only )?(?:animals|vermin|parasites|rats|"
     rf"subhuman|scum|cockroaches|cheats|lazy|dirty|stupid|"
     r"liars|thieves|criminals|a (?:plague|problem|burden)|too (?:stupid|dumb|emotional|weak|slow|old|lazy) "
     r"(?:to|for))|"
     r"(?:do not|don't) (?:belong|deserve)|belong (?:in|behind) (?:the (?:kitchen|zoo|gutter)|a (?:zoo|cage|"
     r"home)|prison|cages|bars)|"
     r"should (?:not be (?:allowed|served)|never be|be (?:banned|locked|sent|deported|sterili[sz]ed|kept)|go "
     r"(?:back|home)|stay in the kitchen)|"
     r"(?:cannot|can't) (?:drive|think|read|count|be trusted|handle|understand)|always (?:cheat|steal|lie|"
     r"complain))\b"),
    ("serve|deliver|sell|trust|deal",
     rf"\bwe (?:do not|don't|won't|never|refuse to) (?:serve|deliver to|sell to|deal with|trust|help|"
     rf"employ)\b[^.!?]{{0,15}}\b(?:{_GROUP}|your (?:kind|sort|lot))\b"),
    ("your kind|your sort|your race|their kind|their sort|go back|went back",
     r"\b(?:your|their) (?:kind|sort|race)\b[^.!?]{0,40}\b(?:not welcome|unwelcome|goe?s? back|steals?|cheats?)\b|"
     r"\b(?:go|went) back to (?:where (?:you|they) (?:came|come)|your (?:own )?country|their (?:own )?country)"),
)
MENACE = (
    ("better|or else|last |won't ",
     r"\byou(?:'d| had)? better (?:watch (?:out|your)|pray|sleep with)\b|\bor else (?:i|we|someone|somebody)\b|"
     r"\b(?:it|this|that) will be the last (?:thing|mistake) (?:that )?you\b|\byou won't (?:live|survive|"
     r"be able to walk)\b"),
    ("i know ",
     r"\bi know (?:\w+ )?(?:your|the driver's|his|her|their) (?:home address|route home|children|kids|family|school)\b"
     r"[^.!?]{0,60}\b(?:so|and|watch|careful|visit|soon|wait|pay|hurt|sorry|regret)\b"),
    ("blood|hurt|beating|bullet|slap|punch|strangle|brick|dogs on|send somebody|send someone|petrol|teach",
     r"\bthere(?:'ll| will) be blood\b|\b(?:someone|somebody|people|you) (?:will|is going to|are going to|'ll) "
     r"(?:get hurt|bleed|die|suffer)\b|"
     r"\bdeserves? (?:an? )?(?:\w+ )?(?:beating|bullet|slap|thrashing|punch|kicking)\b|\b(?:love|like|want|"
     r"going) to (?:punch|slap|strangle|kick|beat|hit|choke) "
     r"(?:you|him|her|them|your|whoever|the (?:driver|manager|idiot|guy|woman))\b|\b(?:put|throw|send) "
     r"a brick through\b|\b(?:set|let) (?:my|the|our) dogs? "
     r"(?:on|loose on)\b|\bsend (?:somebody|someone|my (?:boys|friends|brothers|cousins)|some people) (?:round|"
     r"over|to)\b|\bteach (?:you|him|her|them) a lesson\b"),
    ("come round|come over|come to|visit|drop by|pay you",
     r"\b(?:i|we)(?:'ll| will| shall)\b[^.!?]{0,20}\b(?:come (?:round|over|by|to your)|visit|drop by|pay (?:you|"
     r"him|her|them) a visit)\b[^.!?]{0,60}\b(?:smash|break|"
     r"beat|burn|hurt|bat|hammer|knife|axe|petrol|regret|sorry|not be nice|like it|fists?)\b"),
    ("destroy|ruin|finish|crush|bury",
     r"\b(?:i|we)(?:'ll| will| shall|'m going to| am going to) (?:destroy|finish|crush|bury|gut|skin|end|hang|"
     r"drown|slit|cut) (?:you|him|her|them|your (?:throat|face))\b"),
)
