# %% [markdown]
# # 03 Labelling
# `QA fine-tuning lab` `notebook 03 of 12` `any computer` `no model needed`
#
# A *label* is a word that a person puts on a text: this message is a complaint, that request is refused. A model learns
# whatever the labels say, their mistakes included. In this notebook you label, measure whether several people mean the same
# by the same word, mend the rule where they do not, and find wrong labels again that are already in the data.
#
# **Objectives.** After this notebook you can
#
# - keep a labelling guideline as a versioned file, and see what a new version changes
# - label with buttons, and find every click in a log
# - measure how far several people agree beyond chance, with an interval and a verdict
# - name the rule that is unclear, mend it, and measure whether that helped
# - settle what is left in dispute, and say why a majority is not enough
# - check labellers with gold items and by their habits
# - find wrong labels again with a budget of rows to read, and say how many stay hidden
#
# **QA parallel.** A label is an *expected result*, and the labeller is the *test oracle*. If two testers read one
# specification and expect different results, the defect is in the specification: here it is the guideline. A *gold item* is a
# check of the oracle itself, and a wrong label in the data is a test case with a wrong expected result.
#
# **Time.** About 40 minutes, clicking included; all cells together run for less than a minute.

# %% [markdown]
# ## Setup

# %%
from labkit.lesson import nb03
from labkit.lesson.course import Course
from labkit.lesson.exercises import ____, exercises
from labkit.lesson.table import Table

course, tasks = Course(), exercises("03")

# %% [markdown]
# The next cell holds the one line to change. `labelling` is the lab's own material: messages of customers to Tallgrove, a
# made-up home and garden shop. Name a file of your own texts instead, and the code below is the same. Put your
# `guideline-1.yaml` beside it, and, when your colleagues have labelled, their `labels-NAME.jsonl`.

# %%
DATA = "labelling"  # or a file of your own: lines with "id" and "text", as in "my-materials/texts.jsonl"
material = nb03.read(DATA)
people = sorted({label.annotator for label in material.labels})
print(f"{len(material.items)} texts, {len(material.unreadable)} lines that are none")
print(f"{len(material.labels)} labels by {len(people)} people ({', '.join(people)}), {len(material.gold)} gold items")

# %% [markdown]
# ## 1. The guideline is a file
#
# The rules by which people label are written down before the first label is given, and they carry a **version**: each label
# names the version that it was given under. Without that nobody can say later which labels are out of date. This is the first
# version. Somebody wrote it in an afternoon, and it looks complete:

# %%
from labkit.labelling.guideline import text

before, rules = material.guidelines[0], material.guidelines[-1]
print(text(before))

# %% [markdown]
# Before you read on: which label would you give to "Could you send me the invoice again?", and which to "Great, 300 euros and
# a leg is missing"? Write both down. The file does not say.

# %% [markdown]
# ## 2. Label some yourself
#
# One text at a time, the guideline beside it, one button a label, and *skip* if you cannot tell. A word in the note is worth
# more than a skip: doubts become rules later. *Undo* takes the last click back. Tab moves from button to button, Space
# presses one. **Every click is on disk before the next text appears**; stop when you like, run the cell again and go on.
#
# Some texts are **gold items**: their right label is settled, and nothing marks them.

# %%
from labkit.labelling.session import LabellingSession
from labkit.labelling.view import LabellingView

log = course.home / "labelling" / f"{material.name}.jsonl"
session = LabellingSession(material.items, before, log, "me", material.gold)
LabellingView(session).show()

# %% [markdown]
# You need not label anything to go on: *ana*, *bo* and *cem*, three invented colleagues, have labelled for you. If you did, you
# are one labeller more, and where one label a text is wanted in the end, yours counts. This cell always says whose labels are
# in use.

# %%
own, whose = nb03.own_labels(log, material)
print(whose)

# %% [markdown]
# A label is one line of an append-only log. Who, what, by which version, how long it took, and the doubt, if there was one:

# %%
noted = [label for label in [*material.labels, *own] if label.note]
for label in noted[:1]:
    print(label.model_dump_json(indent=1, include={"row_id", "annotator", "guideline", "value", "seconds", "note"}))

# %% [markdown]
# ## 3. Do people mean the same?
#
# If two people label the same texts, the share on which they agree flatters: who guesses also hits now and then. Two
# measures take that off. **Cohen's kappa** is for two people; **Krippendorff's alpha** is for any number of them, and bears
# texts that somebody left out. For both, 1 is full agreement and 0 is what chance alone would give.
#
# The line through each bar is the **95% interval**: so far the number could have come out otherwise with other texts of the
# same kind. It is made by a *bootstrap*: the texts are drawn again and again at random, some twice and some not at all, and
# the number is computed anew each time.

# %%
from itertools import combinations

from labkit.labelling.agreement import cohen_kappa, krippendorff_alpha, sentence
from labkit.plots.labelling import agreement

found = nb03.rounds(material, own)  # version -> person -> text -> label
first = next(iter(found.values()), {})
pairs = {f"{a} and {b}": cohen_kappa(first[a], first[b]) for a, b in combinations(sorted(first), 2)}
agreement({"all of them": krippendorff_alpha(first), **pairs}) if first else print("Two people must label first.")

# %%
if first:
    print(krippendorff_alpha(first), sentence(krippendorff_alpha(first)), sep="\n")
for name, value in pairs.items():
    print(f"{name}: {value}")

# %% [markdown]
# The bounds are customary: from 0.8 on the labels may be used (*go*), from 0.667 on the guideline is to be *revised*, below it
# is *stop*. Here alpha is above the lower bound by a hair, and its interval reaches well below: read it as "revise, at best".
# ana and bo agree on nearly two thirds of the texts, and their kappa is lower than that, because part of it is chance. (The
# 0.80 of bo and cem is rounded: it lies just below the bound.)
#
# Why chance must come off, you see best when you take it off yourself:

# %%
kappa = tasks.kappa
kappa.card()


# %%
def my_kappa(a, b):
    return ____


kappa.check(my_kappa)  # kappa.hint(), kappa.solution()

# %% [markdown]
# ## 4. Disagreements are defect reports on the guideline
#
# The number is for the report; the texts are for you. Here are the first dozen on which not all said the same:

# %%
from labkit.labelling.disagreements import confusions, disagreements
from labkit.stats import wilson

asked, disputed = {item.id: item.text for item in material.items}, disagreements(first)
ids, judged = {one.row_id for one in disputed}, {row for own_ratings in first.values() for row in own_ratings}
print("more than one label:", wilson(len(ids), len(judged)), "of the texts")
Table({"text": asked[one.row_id], **one.votes} for one in disputed[:12])

# %% [markdown]
# You need no statistics to see it: the angry messages about a broken thing, and the requests that are put as questions. But a
# count tells what to mend first, and what was a mere slip. A *border* is a pair of labels that were given to one text:

# %%
Table(
    {"guideline": version, "border": " / ".join(c.labels), "both, of the texts that got either": wilson(len(c.rows), c.of)}
    for version, given in found.items()
    for c in confusions(given)[:3]
    if version == before.version
)

# %%
from labkit.labelling.disagreements import unclear_rules

print("\n\n".join(unclear_rules(first, before)))

# %% [markdown]
# Look at who stands on which side. bo mostly goes by the form: an angry tone makes a complaint, a question mark a question. ana
# goes by the matter. **Each of them is consistent, and nobody is careless:** they follow two rules, and the file holds neither.
#
# The mend is not "be more careful". It is a decision, written down, with a *borderline case* for each border: a real message,
# the label it gets, the label it does not get, and why. This is what version 2 says about the border that was crossed most:

# %%
from labkit.labelling.guideline import diff

changes = diff(before, rules)
print(f"{len(changes)} changes from version {before.version} to version {rules.version}, of which:")
worst = confusions(first)[0].labels if first else ()
print("\n".join(f"  {change}" for change in changes if change.startswith(tuple(f"{name}:" for name in worst))))

# %% [markdown]
# Six new messages. Label them by version 2 (`print(text(rules))` shows all of it):

# %%
Table({"name": name, "message": message} for name, message in nb03.PRACTICE.items())

# %%
labelled = tasks.labelled
labelled.card()

# %%
my_labelled = {"bill": ____, "bulb": ____, "size": ____, "spade": ____, "call": ____, "pond": ____}

labelled.check(my_labelled)  # labelled.hint(), labelled.solution()

# %% [markdown]
# ## 5. Did the new version help?
#
# The same three people labelled a second round by version 2. These are **other texts**: some of the first ones are borderline
# cases in the new file, and a test whose expected result stands in the specification proves nothing.

# %%
alphas = {f"guideline {version}": krippendorff_alpha(given) for version, given in found.items()}
agreement(alphas) if alphas else print("Two people must label first.")

# %%
Table(
    {"border": " / ".join(c.labels), "guideline": version, "both, of the texts that got either": wilson(len(c.rows), c.of)}
    for version, given in found.items()
    for c in confusions(given)[:2]
)

# %% [markdown]
# From *revise* to *go*, and the two intervals do not overlap. Might the second round simply be easier? The table speaks
# against it: nearly as many texts stand at each border as in the first round, and fewer of them got both labels. Still, other
# texts, and what the three learned in the first round, are part of the difference. You can say that agreement is higher with
# version 2, not which of its lines did it. (And these are sample labels: they show how to measure the gain, not how large it is
# in your team.)

# %% [markdown]
# ## 6. One label a text
#
# Training wants one label a text. Is the majority of three good enough? For the first round there is a better answer: the
# texts in dispute are decided once more by one person, the *lead*, by version 2. That is **adjudication**, the review meeting
# of labelling, and it uses the same card:

# %%
from labkit.labelling.disagreements import adjudication, settle

bench = course.home / "labelling" / f"{material.name}-settled.jsonl"
LabellingView(adjudication(material.items, first, rules, bench, "lead")).show()

# %% [markdown]
# If you decided none, the lead's decisions that come with the samples are used; yours go before them, and so do the labels
# you gave in section 2.

# %%
from labkit.records import Label

right = {row.id: row.was or row.label for row in material.given}
lead = [Label(row_id=i, annotator="lead", guideline=rules.version, value=v) for i, v in right.items() if i in ids]
yours, _ = nb03.own_labels(bench, material)
print(f"{len(lead)} decisions of the lead, {len(yours)} of yours in their place, {len(own)} labels of yours from section 2")
by_vote, settled = settle(first), settle(first, [*lead, *own, *yours])
print(f"by majority: {by_vote}\nby the lead: {settled}")

# %%
other = [row for row in settled.labels if by_vote.labels.get(row) != settled.labels[row]]
print("overruled, of the texts in dispute:", wilson(len(other), len(ids)))
Table({"text": asked[row], "majority": by_vote.labels.get(row, "none"), "lead": settled.labels[row]} for row in other[:6])

# %% [markdown]
# The majority left nothing open, and looks like a clean result. Yet by the rules of version 2 it is wrong on about half of
# the texts in dispute: two of the three had read the open rule in the same way, and not as it was decided afterwards. **A vote
# removes the disagreement, not its cause.** For slips a majority may do; for an unclear rule it was no better than a coin here.
#
# The result is a file for the next stage, and each label still says by which version it was given:

# %%
from collections import Counter

from labkit.files import write_jsonl

ruled = {label.row_id: label.guideline for label in [*lead, *own, *yours]}  # all others were given by the first version
how, values = settled.how, settled.labels
final = [Label(row_id=i, annotator=how[i], guideline=ruled.get(i, before.version), value=values[i]) for i in values]
write_jsonl(course.home / "labelling" / f"{material.name}-final.jsonl", final)
print(Counter(f"{label.annotator}, by guideline {label.guideline}" for label in final))

# %% [markdown]
# ## 7. Are the labellers all right?
#
# After the rule, the people. Three habits spoil labels, and each has its own sign. We cannot wait for somebody to be careless,
# so we build three labellers out of one person's second round: *mutants*, each with a known fault.
#
# - the **clicker** gives every text the same label;
# - the **racer** gives the right labels, but faster than the text can be read: somebody else's, perhaps, or a script's;
# - the **tired** one starts well and guesses from the middle on.

# %%
whole = [label for label in material.labels if found and label.guideline == rules.version]
last = [label for label in whole if label.annotator in people[-1:]]
rest = [label for label in whole if label not in last]
teams = {"as they are": whole, **{f"with the {name}": [*rest, *spoilt] for name, spoilt in nb03.spoilt(last).items()}}
Table(nb03.inspected(material, teams))

# %% [markdown]
# No single number sees all three. Alpha falls with the clicker and the tired one, but does not say who it is. Gold items point
# at both, with wide intervals: eight items are a smoke test. The racer passes alpha **and** gold, and only the clock gives the
# hint. Each line is a reason to talk to somebody, not a verdict.
#
# What about bo, who differed from the others so often in round 1? The check says nothing, rightly: strict or different is no
# fault. It was the guideline.

# %%
from labkit.labelling.disagreements import annotator_problems
from labkit.labelling.session import gold_accuracy

print("habits:", annotator_problems([*material.labels, *own], asked) or "none stands out")
for who, rate in gold_accuracy([*material.labels, *own], material.gold).items():
    print(f"{who} on gold items, all rounds: {rate}")

# %% [markdown]
# ## 8. Wrong labels that are already there
#
# Most data come labelled, and nobody can read all of it again. Which rows first? The idea: a model learns from four fifths of
# the rows and says for each row of the last fifth how likely its label is; five times, so that every row is judged by a model
# that has **not seen it** (*cross-validation*, *out of fold*). A row whose own label comes out unlikely goes to the top of the
# list. The model here is small: it counts words and pieces of words.
#
# The lab's 150 messages once more, now with one label each; ten of the labels were changed on purpose.

# %%
from labkit.labelling.errors import Labelled

given = material.given or [Labelled(id=i, text=asked[i], label=label) for i, label in settled.labels.items()]
ranked = nb03.doubts(given) if len(given) >= 20 else []  # fewer teach a model nothing
Table(nb03.listed(ranked[:10], given))

# %% [markdown]
# Two of the ten were changed. The other eight are called *safety*, and rightly so. Why do they stand here? `safety` is the
# rarest label: to a model that has seen a handful of them every one is unlikely. The list shows first **what is rare, whether
# it is wrong or not**. Beware: a team that "cleans" from the top of such a list deletes its safety cases.
#
# One way out is to measure each row by its own kind, as you would judge a slow test by the tests of its own suite:

# %%
fair = tasks.fair
fair.card()


# %%
def my_fair(confidences, labels):
    return ____


fair.check(my_fair)  # fair.hint(), fair.solution()

# %% [markdown]
# The lab's own version of it, `nb03.fair`, does what the exercise asks for. The same list in its order:

# %%
Table(nb03.listed(nb03.fairly(ranked)[:10], given))

# %% [markdown]
# Now the rare label is no longer on top. Is the list better? 150 rows with ten wrong labels cannot tell. So let us take the
# labels of all three domains: the *team* to which a message of `support` is routed, the *decision* of `decision`, and of
# `knowledge` whether a question was *answered* from its document or refused. The samples of the first two hold wrong labels;
# into the third we put 5% here, at random. Rows with other planted defects are left out, as after notebook 02.
#
# The **review budget** is the share of the rows that somebody has the time to read again: a tenth. Read at random, a tenth of
# the rows would hold about a tenth of the wrong labels.

# %%
BUDGET = 0.1
sets = {"the texts above": given, "team (support)": nb03.domain("support"), "decision (decision)": nb03.domain("decision")}
sets["answered (knowledge)"] = nb03.domain("knowledge", flips=0.05)
sets = {name: rows for name, rows in sets.items() if any(row.was for row in rows)}  # the others prove nothing
orders = {name: nb03.doubts(rows) for name, rows in sets.items()}
Table(nb03.budget(sets, orders, BUDGET, apart="answered (knowledge)"))

# %% [markdown]
# Look at the last line first. Where the wrong labels are part of the samples, reading a tenth of the rows finds about two in
# five of them: several times as many as chance would, and **more than half stay where they are**. After such a review you may
# say that there are fewer wrong labels, not that there are none.
#
# The decisions hang on sums, days and coded rules. Which rules apply was told to the model in words; which way the free text
# then tips the scales, a counter of words hardly reads. Such labels need a check against the written rules, as in notebook 02,
# or a person.
#
# And the fair order is no better than the plain one here: the intervals overlap nearly whole. On `knowledge` the plain order
# looks brilliant. Before you believe it, see **which labels** it reads:

# %%
for name, ranking in orders.items():
    k = round(BUDGET * len(ranking))
    plain, even = (Counter(s.label for s in order[:k]) for order in (ranking, nb03.fairly(ranking)))
    print(f"{name}: of all {dict(Counter(s.label for s in ranking))}\n  first {k}: {dict(plain)}\n  fair  {k}: {dict(even)}")

# %% [markdown]
# On `knowledge` the plain order reads refusals and nothing else. It finds so much because we changed labels **at random**: when
# about nine of ten rows say "answer", a random change mostly makes a wrong "refuse", and whoever reads the refusals finds it.
# People do not err like that; they confuse what is alike. As with mutants of a program, **a rate of found faults is worth as
# much as the faults are like real ones.** That is why this line stands apart from the sum. If you plant wrong labels to measure
# your own search, swap labels along the borders of section 4.
#
# Whichever order you take: the list says what to read first. A person decides, by the guideline, and the change is one more
# line in the log. Change `BUDGET` to 0.2 and see what twice the reading would find.

# %% [markdown]
# ## Recap
#
# - We kept the guideline as a file with a version, and listed what version 2 changed.
# - We labelled with buttons, and found who said what, by which version, in an append-only log.
# - We measured agreement with kappa and alpha, with intervals, and got the verdict "revise".
# - We named the two borders that the guideline left open, and saw agreement rise with version 2.
# - We settled the texts in dispute, and saw about half of the majority's answers overruled.
# - We checked labellers with gold items and by their habits, and tried the checks on three built with a fault.
# - We found wrong labels again with a review budget, and counted those that stay hidden.

# %% [markdown]
# ## Quiz

# %%
nb03.QUIZ[0].ask()
nb03.QUIZ[0].answer(____)

# %%
nb03.QUIZ[1].ask()
nb03.QUIZ[1].answer(____)

# %%
nb03.QUIZ[2].ask()
nb03.QUIZ[2].answer(____)

# %% [markdown]
# **Next:** in `04_governance` you ask of each row whether it may be used at all: personal data, secrets, licences and consent.
