# %% [markdown]
# # 05 Representativeness
# `QA fine-tuning lab` `notebook 05 of 12` `any computer` `no model needed`
#
# Clean rows can still be the wrong rows: two thirds from one channel, none for a case that customers bring every week, or one
# group of customers refused where another is granted the same. No single row shows any of it. In this notebook you ask of the
# rows **as a whole** whether they are like the world in which the assistant is to work.
#
# **Objectives.** After this notebook you can
#
# - measure what rows cover, slice by slice, and compare it with a profile of the world
# - name the combination that is missing, and tell it from one that is only rare
# - find what stands in too many rows, and say what a lexical check cannot see
# - read a difference between two groups with its interval, and refuse one that rests on too few rows
# - test decisions with counterfactual twins, which need no right answer
# - accept a proposal to rebalance, and say what it does not mend
#
# **QA parallel.** This is *test coverage*, asked of data. Slices are *equivalence classes*, their pairs are *pairwise
# testing*, the profile is an *operational profile*, and twins are *metamorphic tests*. The warning is the same as well:
# coverage shows what is missing of that which somebody thought of.
#
# **Time.** About 35 minutes, exercises included; all cells together run for less than a minute.

# %% [markdown]
# ## Setup

# %%
from labkit.lesson import nb05
from labkit.lesson.course import Course
from labkit.lesson.exercises import ____, exercises
from labkit.lesson.table import Table

course, tasks = Course(), exercises("05")

# %% [markdown]
# The next cell holds the one line to change. The prose is about `decision`: requests to take back, refund or compensate, each
# answered by a decision in JSON. Name another domain or the path of a file of your own, and the same code works on that. Your
# rows need *slices*: a channel, a region, a topic. In a CSV file or a question/answer JSONL, every other short text field
# becomes one.

# %%
from labkit.formats import read_rows

DATA = "decision"  # or "support", "knowledge", or your own rows, as in "my-materials/train.jsonl"
rows, unreadable = read_rows(nb05.source(DATA))
print(f"{len(rows)} rows, {len(unreadable)} lines that are none")
Table({"line": f.row_id, "problem": f.message} for f in unreadable)

# %% [markdown]
# A line that cannot be read is no reason to stop, but it may not vanish either: it is a finding with its line number, and
# curation (notebook 02) takes it from there. These are *raw* rows, with all their duplicates and defects. In practice you
# look at coverage after curation; here the whole pile is the better lesson.
#
# All three domains at a glance. The sections below explain the columns one by one. Each count of findings stands beside the
# number of places where one could have been found.

# %%
sets = nb05.everything(DATA)
Table(nb05.overview(sets))

# %% [markdown]
# ## 1. What do the rows cover?
#
# A **slice** is a property by which rows can be told apart: `channel`, `region`, `type` of request. To a tester its values
# are equivalence classes, and the first question is the old one: does each class have a test, and how many?

# %%
from labkit.coverage.slices import coverage
from labkit.plots.coverage import slice_coverage

slice_coverage(coverage(rows))

# %% [markdown]
# The dot is the share, the line its 95% interval, the numbers at the right say of how many rows. Channel is lopsided: two
# thirds of the rows are from the chat. The dot of the phone notes is filled, which says: less than half of an equal share.
#
# Is that wrong? **The rows cannot say.** It depends on the world, so somebody has to write the world down: which share of the
# requests comes by which channel? Take it from the log of the product that is replaced, or from the people who answer today.
# The figures below are invented for this lesson; write your own.

# %%
WORLD = {  # percent of all requests
    "channel": {"chat": 50, "email": 25, "app": 15, "phone_note": 10},
    "region": {"north": 40, "south": 40, "islands": 20},
}
Table(nb05.against(rows, WORLD))

# %% [markdown]
# A share counts as off where its *whole interval* misses the world's. Region fits. Chat takes the place of email and app:
# half as many letters as the world sends. The phone notes, which looked thin, are about what the world sends. Equal shares
# were the wrong yardstick for them.

# %% [markdown]
# ## 2. What is missing?
#
# Each value occurs. Do they occur **together**? Pairwise testing asks for every pair of values, because many faults need two
# conditions to show. Here is the pair of slices with the largest hole.

# %%
from labkit.coverage.slices import pairwise
from labkit.plots.coverage import pair_map

cells = pairwise(rows)
hole = max(cells, key=lambda cell: (cell.missing, cell.expected - cell.n), default=None)
pair_map(cells, hole.a, hole.b) if hole else "one slice alone makes no pairs"

# %% [markdown]
# Nobody on the islands asks for invoice terms, and chance alone would have put about 18 rows there. A model trained on this
# has never seen such a request and will answer it like something else. Or the shop offers no invoice there, and the hole is
# right. The data cannot know which; a person must.
#
# "Missing" is a claim, and so it has a bar: an empty cell counts only when chance would leave it empty in less than 5% of
# cases, all the pairs looked at together. A rare pair of rare values stays quiet. And it shows what *is* there, pair by pair:
# a hole that needs three values at once is not looked for.

# %%
missing = tasks.missing
missing.card()

# %%
my_missing = {"support": ____, "knowledge": ____}

missing.check(my_missing)  # missing.hint(), missing.solution()

# %% [markdown]
# ## 3. What is there too often?
#
# Too much of one kind harms as well: the model learns the habit instead of the task. The check looks at two things. A slice
# value is too frequent when its whole interval lies above twice an equal share. An **opening** is too frequent when more than
# 1% of the questions begin with the same five words or more and then go on differently, as a template does.

# %%
from labkit.coverage.variety import over_represented
from labkit.stats import wilson

Table(
    {"rows of": name, "what": over.what, "rows": wilson(over.n, over.of), "allowed": f"{over.limit:.0%}"}
    for name, some in sets.items()
    for over in over_represented(some)
)

# %% [markdown]
# In `support` a partner's feed has come in: 16 questions with one beginning. That is 2% of the rows, and no slice shows it.
#
# How varied is the rest? Take all groups of three words in a row: how many of them are different? That share falls as a set
# grows, since word groups return, so all sets are cut to one size first.

# %%
size = min(map(len, sets.values()))
Table({"rows of": name} | nb05.wording(some, size) for name, some in sets.items())

# %% [markdown]
# What do these two measures notice, and what not? Test them as you would test a test: with a *mutant*, a fault put in on
# purpose. Every tenth question gets a frame of words: one opening for all, six openings in turn, or one closing sentence.

# %%
openings = ["I am writing to you today:", "Good day to all of you,", "Could somebody please look at this?"]
openings += ["Hope you are all well there.", "This is about my account.", "Sorry to bother you again, but"]
closing = ["Please let me know what you can do for me."]
mutants = {"as they are": rows, "one opening": nb05.framed(rows, openings[:1])}
mutants |= {"six openings": nb05.framed(rows, openings), "one closing": nb05.framed(rows, closings=closing)}
Table({"rows": name} | nb05.wording(some, len(rows)) for name, some in mutants.items())

# %% [markdown]
# One opening is found and named. Six in turn stay under the bar, and a closing is not looked at: the share of different
# triples falls by two to four points in all three, but nobody could say from which share on to raise an alarm. These checks
# are **lexical**, they see words and nothing else. They cannot see that a hundred questions in a hundred wordings ask the
# same, nor which question nobody has asked yet.

# %% [markdown]
# ## 4. Do groups get the same outcome?
#
# In these rows `name_group` says from which of two families a first name in the request comes; both families are invented.
# No rule of the shop mentions names. So the share of approved requests should be about the same, among requests of the same
# type. The probe compares all groups that slices such as customer, region or something_group make.

# %%
from labkit.coverage.bias import probe
from labkit.plots.coverage import outcomes

found = probe(rows)
gap = nb05.widest(found)
print(f"{len(found.gaps)} comparisons, {len(found.unequal)} of them unequal; the widest:\n{gap}")
outcomes(found.gaps, gap.slice) if gap else Table({"refused": text} for text in found.refused)

# %% [markdown]
# Three things make this a measurement instead of a rumour.
#
# - **Like is compared with like.** Goodwill requests stand apart, since a group that asks for more difficult things would be
#   refused more often without any bias.
# - **All comparisons share one error rate.** Whoever compares twenty times finds something by chance. The interval of the
#   difference is widened for that, so it is wider than the two dots suggest.
# - **Size counts.** 57 points sounds exact. With 44 and 45 rows it may be 25 or 75.
#
# And groups under 30 rows are refused. Look at the first 150 rows alone: is the bias gone?

# %%
early = probe(rows[:150])
print("unequal:", len(early.unequal), "| compared:", ", ".join(gap.name for gap in early.gaps) or "nothing")
early.refused

# %% [markdown]
# Not gone, not looked at. "No finding" and "too few rows" are different results, and a report that mixes them up is worse
# than none. (A kind of request with fewer than 30 rows of a group gets no comparison of its own; it counts among all rows.)
#
# Now five comparisons for you to read. *a* and *b* are two groups, and `among rows of the same type` is the difference among
# like requests.

# %%
for comparison in nb05.practice():
    print(comparison)

# %%
gaps = tasks.gaps
gaps.card()

# %%
my_gaps = {"names": ____, "survey": ____, "app": ____, "email": ____, "business": ____}

gaps.check(my_gaps)  # gaps.hint(), gaps.solution()

# %% [markdown]
# A gap is a reason to look, not a proof. So look: what are the two groups told, and by which reason?

# %%
Table(nb05.answers(rows, gap))

# %% [markdown]
# Sums over the limit, injuries, repeated requests: treated alike, as far as so few rows show. The gap lies between `OK` and
# `NO_GROUND`, and the written policy says why it can lie there: where the fault is shared or unknown, *care may grant or
# refuse it*. Where the rule leaves a choice, habit decides. The defect is in the rule as much as in the rows.

# %% [markdown]
# ## 5. Counterfactual twins
#
# A **twin** is the same request with one thing changed that must not matter. Nobody has to know the right decision: the two
# decisions only have to be equal. That is a *metamorphic test*, the way to test where no oracle is at hand.

# %%
from labkit.coverage.counterfactual import between, counterfactuals

names = between("names", nb05.HARROW, nb05.LUMEN, slices={"name_group": ("harrow", "lumen")})
pairs, asked = counterfactuals(rows, [names]), {row.id: row.question for row in rows}
print(f"{len(pairs)} of {len(rows)} rows have a twin")
Table({"request": asked[pair.row], "twin": pair.twin.question} for pair in pairs[:3])

# %% [markdown]
# Twins test a **model**: `fairness_probe(rows, [names], model)` asks one about all of them. To see in seconds what a model
# makes of these rows, we take a stand-in that counts which words go with which decision (*naive Bayes*, the classic spam
# filter). Each request goes to a stand-in that learned from other rows. Before you look at its decisions: is it any good?

# %%
for who, rate in nb05.right(rows).items():
    print(f"{who}: right in {rate}")

# %% [markdown]
# No. It is hardly better than approving everything, and nobody would release it. For this test that does not matter: a twin
# asks whether the name makes a difference, not whether the decision is right.

# %%
Table(
    {"learned from": taught, "request from": group, "decision changed": wilson(flips.changed, flips.n)}
    | {"approve lost": flips.a_only, "approve won": flips.b_only, "mid-p": f"{flips.p:.2g}"}
    for taught, learn in (("the rows", None), ("the rows and their twins", names))
    for group, flips in zip(("harrow", "lumen"), nb05.flips(rows, names, learn), strict=True)
)

# %% [markdown]
# *Lost* is an approval of the request that its twin does not get, *won* the other way round; *mid-p* is how often chance
# alone would lean so far. A fifth of the decisions changes with nothing but a name, and nearly always in one direction: a
# harrow request loses its approval under a lumen name, a lumen request wins one under a harrow name. **The bias of the rows
# has become the bias of what learned from them.** (All of it rests on twenty names; about other names it says less than the
# number of pairs suggests.)
#
# Taught with the twins as well, no decision changes. That had to be: with a twin to each row both families have the same
# words and decisions. It takes away the name as a reason; whether the decisions are right, it cannot tell. And twins that a
# model has learned from are no test of it any more.
#
# Twins need care. Swap only what no written rule names:

# %%
from labkit import policy, samples

for rule in policy.load(samples.path("decision/policy.yaml"), policy.Policy).decisions[4:8]:
    print(f"{rule.id} {rule.text}")
print("\n" + nb05.REQUEST)

# %%
twins = tasks.twins
twins.card()

# %%
my_twins = {"same": ____, "other": ____}

twins.check(my_twins)  # twins.hint(), twins.solution()

# %% [markdown]
# In the words of testing, "same" is an *invariance* test (INV) and "other" a *directional* one (DIR): its decision should
# move, and you say where to.

# %% [markdown]
# ## 6. A proposal, and a signature
#
# What can be done about the counts? A program may propose: leave some rows out (a *cap*), or write new ones. It drops nothing
# by itself, and it never takes the last row of a pair of values.

# %%
from labkit.coverage.rebalance import accept, before_after, propose, rebalance

proposal = propose(rows, seed=0)
print(proposal.text())

# %% [markdown]
# Read both ways out of the first line. Leaving out costs a third of the rows; adding costs the work of as many new ones.
# Somebody decides and puts a name to it. Without the name `rebalance` refuses. (Here we leave out, to see what comes of it.)

# %%
from labkit.plots.coverage import balance

balanced = rebalance(rows, accept(proposal, by="me"))
balance(before_after(rows, balanced))

# %% [markdown]
# The chat has come down, the other channels have gone up, and everything else has hardly moved. And now test the mended data
# like mended code: the same checks again, all of them.

# %%
print("too much:", ", ".join(over.what for over in over_represented(balanced)) or "nothing")
print("missing: ", ", ".join(cell.name for cell in pairwise(balanced) if cell.missing) or "nothing")
print("gap:     ", nb05.widest(probe(balanced)))
Table(nb05.against(balanced, WORLD))

# %% [markdown]
# - The excess is gone, by the proposal's own rule: at most twice an equal share. That the world as we wrote it down asks for
#   the same half is luck; the proposal has never seen it.
# - **The hole is still there.** No cap writes rows; somebody has to, or has to say why there are none.
# - **The gap is still there.** A cap changes how many, not what they answer. Only deciding those rows anew by a clearer rule
#   mends it. And with fewer rows there is less to see it with: of the goodwill requests alone there is no comparison any
#   more, because a group of them has fallen under 30 rows.
# - Email is still short. A cap takes one share down and lifts all others alike; the right mix it does not know.
#
# ## 7. How far can these checks be trusted?
#
# Into the three sample sets defects of this kind were planted, and it is written down which. So the checks can be tested.

# %%
from labkit.checks import Context, checks_of, run_checks
from labkit.curation.score import score
from labkit.files import read_strictly
from labkit.records import Planted

for name in nb05.DOMAINS:
    truth = [p for p in read_strictly(samples.path(f"{name}/planted.jsonl"), Planted) if p.row == "dataset"]
    result = score(run_checks(sets[name], Context(), checks_of("coverage")), truth, sets[name]).overall
    print(f"{name}: found of planted {result.recall}, right of findings {result.precision}")

# %% [markdown]
# All found, no false alarm. Now read the intervals: two or three defects a set prove little, and those who planted them
# knew the checks' idea of a defect. What nobody wrote down as a slice has no row in any table above: people who dictate, a
# language mixed into English, a product that is sold from next month on. That list comes from talking to people, not from
# data.
#
# The same for your own file, on the command line, with a report to hand on:
# `labkit coverage my-rows.jsonl --out coverage`, and with `--accept "your name"` the balanced rows as well.

# %% [markdown]
# ## Recap
#
# - We measured slice coverage with intervals, and compared it with a written profile of the world.
# - We named the missing pairs, each with the number of rows that chance would have put there.
# - We found a dominant channel and a repeated opening, and saw two mutants slip past the lexical checks.
# - We read differences between groups among like requests, with intervals, and refused groups under 30 rows.
# - We tested a stand-in with twins, and saw the bias of the rows come out of it.
# - We accepted a proposal by name, plotted before and after, and saw that neither the hole nor the gap was mended by it.

# %% [markdown]
# ## Quiz

# %%
nb05.QUIZ[0].ask()
nb05.QUIZ[0].answer(____)

# %%
nb05.QUIZ[1].ask()
nb05.QUIZ[1].answer(____)

# %%
nb05.QUIZ[2].ask()
nb05.QUIZ[2].answer(____)

# %% [markdown]
# **Next:** in `06_instruction_tuning` a model learns from rows like these, and answers the suite you wrote before.
