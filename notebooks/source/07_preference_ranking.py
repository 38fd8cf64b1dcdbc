# %% [markdown]
# # 07 Preference ranking
# `QA fine-tuning lab` `notebook 07 of 12` `any computer` `no model needed`
#
# Two answers can both be right, and people still like one of them better. In this notebook you compare answers the way a
# professional labeller does: blind, by a written guideline, with every click saved. Then you measure how far such
# judgements can be trusted, before a model learns from them.
#
# **Objectives.** After this notebook you can
#
# - write a ranking guideline whose rules have an order
# - rank answers blind, undo a click, and find every judgement in a log
# - measure how far two labellers agree, beyond chance
# - recognise a labeller who goes by side or by length instead of reading
# - judge a whole campaign by gold items, repeats and agreement, and settle its disputes
# - tell whose answers win, and how strongly, with an interval
# - turn rankings into training rows and account for every row that is dropped
#
# **QA parallel.** A ranking is a *manual test with a subjective oracle*, like a usability review. What makes such a test
# repeatable is what makes this one repeatable: a guideline, two independent testers, a log that nobody can rewrite, and a
# measure of their agreement.
#
# **Time.** About 45 minutes, clicking included; all cells together run for less than a minute.

# %% [markdown]
# ## Setup

# %%
from labkit.lesson.course import Course
from labkit.lesson.exercises import ____, exercises
from labkit.lesson.nb07 import GUIDELINE, PRACTICE, QUIZ, biased_labeller, by_domain, cost, leanings, ruling
from labkit.lesson.table import Table

course = Course()  # your own pairs.jsonl and rankings.jsonl: Course(folder="my-materials")
tasks = exercises("07")

# %% [markdown]
# ## 1. The guideline comes first
#
# *Preference data* are judgements of the form "this answer is better than that one". They teach what no rule of the suite
# can: tone, helpfulness, what to leave out. But "better" means nothing until somebody writes down what counts, **and in
# which order**. Two requirements of the shop are of this kind.

# %%
for name in ("REQ-S15", "REQ-S16"):
    print(name, course.requirements[name].text)
print("\n" + GUIDELINE)

# %% [markdown]
# The order matters more than the rules. Without it, one labeller punishes the missing apology and the next one the missing
# next step, and both are right. Facts stand first: a friendly lie must never win.
#
# Try it on five pairs with a clear answer before you judge real ones. The shop's rules here: 3 years of warranty, delivery in
# 4 working days, gift cards valid for 24 months, returns within 45 days.

# %%
Table({"pair": name, "customer": asked, "a": a, "b": b} for name, (asked, a, b) in PRACTICE.items())

# %%
ranked = tasks.ranked
ranked.card()

# %%
my_ranked = {"blanket": ____, "ladder": ____, "teapot": ____, "voucher": ____, "hose": ____}

ranked.check(my_ranked)  # ranked.hint(), ranked.solution()

# %% [markdown]
# ## 2. Rank blind
#
# These are the pairs to judge. Both answers stand on the table; who wrote them stays hidden, because a name makes people
# kind or strict. The words in square brackets above the question are the *rule line* of notebook 01: a fact is right when
# it stands there. In most pairs the answers differ in style. The last 24 of the samples are requests that must be refused
# (`[Rule: none]`): there the *decision* comes first, and an answer that helps where it must not has a wrong one.

# %%
pair = course.pairs[9]
print(f"{len(course.pairs)} pairs; {pair.id} is about {pair.requirement}")
print("Customer:", pair.prompt[-1].content)
for answer in pair.answers:
    print("  -", answer.text)

# %% [markdown]
# Now rank ten or twenty of them yourself. There are five outcomes: A, B, both good, both bad, skip. Boxes under the answers
# take your reasons. *Undo* takes the last click back. Tab moves from button to button, Space presses one.
#
# **Every click is on disk before the next pair appears.** Stop when you like; run the cell again and you go on where you
# stopped, even after the kernel was killed. The sides are dealt so that in each block of four pairs exactly two are swapped:
# whatever the data hold, a fair eye picks left about half of the time.
#
# Two kinds of checks are mixed in, and you will not notice them. About one item in ten is a **gold item**: a pair whose
# judgement is settled, like a test case with a known result. And at the end every tenth pair comes **once more, the other
# way round**: whoever reads says the same again.

# %%
from labkit import samples
from labkit.files import read_strictly
from labkit.preference.events import GoldPair
from labkit.preference.ranking import RankingSession, with_repeats
from labkit.preference.step import own_log
from labkit.preference.view import RankingView

gold = read_strictly(samples.path("ranking/gold.jsonl"), GoldPair)
session = RankingSession(with_repeats(course.pairs), own_log(course.home), annotator="me", gold=gold)
RankingView(session).show()

# %% [markdown]
# You need not rank anything to go on: two labellers, *ana* and *bo*, have judged all pairs for you. Wherever you did judge a
# pair, your word counts instead of theirs. This cell always says which judgements are in use.

# %%
from labkit.preference.step import rankings_in_use

in_use, sentence = rankings_in_use(course.home, course.folder / "rankings.jsonl")
print(sentence)

# %% [markdown]
# A judgement is one line of an append-only log: nothing is ever overwritten, and an undo is one more line. `left` and
# `right` say which answer stood where, so that the click ("a", the left one) can be turned into what was meant.

# %%
from labkit.preference.ranking import better
from labkit.records import Ranking

events = read_strictly(course.folder / "rankings.jsonl", Ranking)
print(events[1].model_dump_json(indent=1, include={"pair", "annotator", "left", "right", "outcome", "tags", "seconds"}))
print("clicked:", events[1].outcome, "| meant: answer", better(events[1]))

# %% [markdown]
# ## 3. Do two people agree?
#
# If two trained labellers disagree, the guideline is unclear or the pair is a toss-up; a model cannot learn from either.
# Plain agreement flatters, because two people who guess also agree now and then. **Cohen's kappa** takes that share off: 1
# is full agreement, 0 is no more than chance. The interval says how much of it could be luck of these pairs.

# %%
from labkit.preference.agreement import cohen_kappa, judgements

ana, bo = judgements(events, "ana"), judgements(events, "bo")
print("ana and bo:", cohen_kappa(ana, bo))
mine = judgements(session.decisions(), "me")
print("you and ana:", cohen_kappa(mine, ana) if mine else "rank ten pairs above, then run this cell again")

# %% [markdown]
# A common reading: from 0.6 on usable, from 0.8 on good. The number is for the report; the **disagreements** are for you.
# Read each one like a defect report against the guideline: which rule did they read differently?

# %%
asked = {pair.id: pair.prompt[-1].content for pair in course.pairs}
differing = [slot for slot in ana if slot in bo and ana[slot] != bo[slot]]
print(f"{len(differing)} pairs are judged differently")
Table({"pair": s.pair, "customer": asked[s.pair], "ana": ana[s], "bo": bo[s]} for s in differing)

# %% [markdown]
# `0` and `1` are the two answers. More than half of these differ between "better" and "both good", mostly because ana sees a
# difference that counts where bo sees none. That is not a matter of taste but of rule 5, which does not say how small a
# difference still counts. Two refusals are better for ana and both bad for bo: how much may be wrong with an answer that
# still wins? A team would sharpen both rules, and judge these pairs again.

# %% [markdown]
# ## 4. Habits that look like judgements
#
# People tire. Two habits are so common that every report should show them:
#
# - **position bias**: the left answer is taken more or less unread;
# - **length bias**: the longer answer looks like the better one. A model that learns this gets wordy.
#
# How do you recognise them? You measure rates that should be near one half. To see what a bad one looks like, we build two
# labellers with a known habit out of ana's judgements: one takes the left answer in 40% of all pairs, the other the longer
# one. That is a *mutant* of a labeller: a fault put in on purpose, to prove that the measure finds it.

# %%
careful = [event for event in events if event.annotator == "ana"]
lazy = biased_labeller(careful, course.pairs, left=0.4)
wordy = biased_labeller(careful, course.pairs, longer=0.4)
from_bo = [event for event in events if event.annotator == "bo"]
leanings({"ana": careful, "bo": from_bo, "lazy": lazy, "wordy": wordy}, course.pairs)

# %% [markdown]
# The dashed line is a coin. ana and bo have it inside their intervals on both counts; lazy has it far outside for the
# side, wordy for the length. An interval that misses it by a hair, as wordy's for the side, is most likely chance: of
# eight 95% intervals at least one misses in a third of all reports. Look for the large lean, and check a small one on
# new pairs. (When the better answers *are* longer, for their next step, length may lean for a good reason. Here the
# pairs were balanced, so one half is what to expect.)
#
# Agreement sees the habit too, but cannot name it:

# %%
for name, habit in (("lazy", lazy), ("wordy", wordy)):
    print(f"bo and {name}:", cohen_kappa(bo, judgements(habit, "biased")))

# %%
left_share = tasks.left_share
left_share.card()


# %%
def my_left_share(events):
    return ____


left_share.check(my_left_share)  # left_share.hint(), left_share.solution()

# %% [markdown]
# ## 5. A whole campaign
#
# Now the real thing, in small: three labellers, three domains (support answers, decisions in JSON, a handbook), **three or
# four answers to a question**, gold items and repeats. Ranking several answers at once is cheaper than judging every two of
# them: a rank of three holds three comparisons, and equal ranks are allowed. The three labellers are simulated, with faults
# that you are about to find. For a campaign of your own, change the folder.

# %%
from labkit.records import Pair

folder = samples.path("ranking")  # your own: a folder with sets.jsonl, gold.jsonl and rankings.jsonl
sets, campaign = read_strictly(folder / "sets.jsonl", Pair), read_strictly(folder / "rankings.jsonl", Ranking)
one = next(event for event in campaign if event.outcome == "ranked")
print("shown from left to right:", one.shown, "| ranks they got:", one.ranks)
Table({"domain": pair.id.split("-")[0], "answers": len(pair.answers), "asked": pair.prompt[-1].content} for pair in sets[::5])

# %% [markdown]
# `labkit rank stats` prints this summary in a terminal. Each rate is shown as count, share and 95% interval.

# %%
from labkit.preference.quality import quality

found = quality(campaign, sets, gold)
Table(found.rows())

# %% [markdown]
# Read it from left to right, like a test report on the testers. One of the three takes a fraction of the others' time, and
# misses gold items. Repeats are few here, so their intervals are wide: with a handful of them only a gross fault shows. That
# is what n is for.
#
# **How noisy is one judgement?** Two judgements of the same item differ when either of them slipped, so the noise of a single
# one is about half of what the repeats show. (Of a rank, the answers at the two ends are compared, as for left and right:
# one comparison an item, so that items count as independent.) A loss that is to bear noise needs this number.

# %%
for annotator in found.annotators:
    print(f"{annotator.name}: {annotator.flips}")

# %% [markdown]
# **Do they agree?** With more than two people one asks for **Krippendorff's alpha**: like kappa, it takes chance off, and it
# bears items that somebody left out. By domain it says *where* the guideline is unclear.

# %%
for names, agreed in found.kappas.items():
    print(f"{names}: {agreed}")
Table(by_domain(sets, campaign))

# %% [markdown]
# An item of this table is one comparison of two answers. Customary bounds are .8 (use the judgements) and .667 (revise the
# guideline first). Look at the intervals before you look at the numbers: six sets a domain settle little. And who lowers the
# agreement? The pairs of names tell it.

# %% [markdown]
# ## 6. Settle the disputes
#
# Where labellers differ, a third person decides: *adjudication*, the triage meeting of preference data. It is blind too. The
# lead sees **what** was said and how often, never **by whom**, and the sides are dealt anew. The ruling goes into the same
# log, marked as adjudicated: for training it stands for all, for agreement it does not count.

# %%
from labkit.preference.disputes import adjudication

lead = adjudication(sets, campaign, course.home / "preference" / "adjudicated.jsonl", "lead", gold=[g.id for g in gold])
RankingView(lead).show()

# %% [markdown]
# You need not settle all of them; a script can show what a ruling does. Here is the first dispute with its counts, and what
# becomes of its rows when the lead puts the first answer first.

# %%
from labkit.preference.pairs import preference_rows

item = lead.items[0]
said = [event for event in campaign if event.pair == item.pair.id]
for name, log in {"by majority": said, "with the ruling": [*said, ruling(item, best=0)]}.items():
    print(f"{name}: {preference_rows([item.pair], log).accounting}")

# %% [markdown]
# ## 7. Whose answers win?
#
# Each answer has a *source*, which was hidden from the labellers: four writers here, with names of trees; in a project they
# are models. The first idea is the **win rate**: comparisons won of comparisons with a winner. But a win rate depends on whom
# a writer met. *fir* seldom met *oak*, the strongest here, so some of its wins came cheap.
#
# The **Bradley-Terry model** takes that out. It gives each writer one strength so that the difference of two strengths is
# the log-odds of winning; 0 is the average writer, +1.1 wins three of four against it. (Chess ratings are made this way, and
# so is the reward model of notebook 08, answer by answer.) The interval draws whole prompts again and again: comparisons of
# one prompt stand or fall together.

# %%
from labkit.preference.strengths import strengths

Table(one.row() for one in strengths(sets, campaign))

# %% [markdown]
# Compare the two columns, and the intervals before the order: where they overlap, the campaign has not settled who is better.

# %% [markdown]
# ## 8. From rankings to training rows
#
# Training wants rows with a *chosen* and a *rejected* answer to one prompt. The rule is a majority over the labellers:
#
# | judgement | DPO row (notebook 08) | KTO rows (one answer and a thumb each) |
# |---|---|---|
# | one answer is better | chosen, rejected | good, bad |
# | both good | none | good, good |
# | both bad | none | bad, bad |
# | split vote, skip | none | none |
# | a rank of three | one for each two answers that are not tied | by wins and losses |
#
# Gold items and repeats never become rows, and whoever settled a dispute has the last word. Where labellers disagree on much
# and nobody can settle it, there is another way: every single word makes a row, and a *robust* loss is told how noisy the
# words are (`--robust` in notebook 08's verb). The noise is measured by the repeats.
#
# *DPO* and *KTO* are two ways to train on preferences: DPO learns from pairs, KTO from single answers with a thumb up or
# down, as a deployed assistant collects them.

# %%
winner = tasks.winner
winner.card()


# %%
def my_winner(votes):
    return ____


winner.check(my_winner)  # winner.hint(), winner.solution()

# %% [markdown]
# No row may vanish without a reason. The accounting names every pair that gave no row:

# %%
rows = preference_rows(course.pairs, in_use)
print(rows.accounting)
for reason, ids in sorted(rows.accounting.dropped.items()):
    print(f"  {reason}: {', '.join(ids)}")

# %% [markdown]
# One row, as the trainer will read it:

# %%
row = rows.dpo[0]
for part in ("prompt", "chosen", "rejected"):
    print(f"{part:>8}: {row[part][-1]['content']}")

# %% [markdown]
# And what would a habit cost? Let each biased labeller take ana's place. The lean to the left makes more split votes: since
# sides are balanced, it turns into **noise**, and noise costs rows. The lean to length stays with the answers: it turns into
# a **direction**, and the model learns it. Watch the last column.

# %%
teams = {"bo and ana": careful, "bo and lazy": lazy, "bo and wordy": wordy}
Table(cost(course.pairs, {name: [*from_bo, *other] for name, other in teams.items()}))

# %% [markdown]
# ## 9. Hold some prompts back
#
# A fifth of the **prompts** is held out, so that notebook 08 can ask whether the reward model learned a taste or only
# remembers pairs. All pairs of one prompt land on the same side.

# %%
train, held_out = course.preferences()
print("train:   ", train.accounting)
print("held out:", held_out.accounting)
both = {r["prompt"][-1]["content"] for r in train.dpo} & {r["prompt"][-1]["content"] for r in held_out.dpo}
print(f"prompts on both sides: {len(both)}")

# %% [markdown]
# ## 10. Several people, several tools
#
# In a team everybody ranks on a machine of their own. The logs are merged afterwards: an event that stands in two logs is
# kept once, nothing is overwritten, and whoever judged an item differently in two places is named.

# %%
from labkit.preference.events import merge

print(merge([[e for e in campaign if e.annotator != "eve"], [e for e in campaign if e.annotator != "dan"]]))

# %% [markdown]
# A team that outgrows a notebook takes its items to a labelling server and the judgements back; nothing is lost on the way
# but the sides. In a terminal: `labkit rank export --to argilla` or `--to label-studio`, and `labkit rank import`.

# %%
from labkit.preference.exchange import argilla, label_studio

print("Argilla:     ", argilla(sets, campaign)[0]["responses"]["ranking"][0])
print("Label Studio:", label_studio(sets, campaign)[0]["annotations"][0]["result"][0]["value"])

# %% [markdown]
# ## Recap
#
# - We wrote a guideline whose rules have an order: fact, next step, apology, brevity.
# - We ranked answers blind, and found every click and every undo in an append-only log.
# - We measured agreement with Cohen's kappa and its interval, and read the disagreements as defects of the guideline.
# - We recognised a lean to a side and a lean to length by rates that should be near one half.
# - We judged a campaign by gold items, repeats and agreement, and settled a dispute without knowing who had said what.
# - We put strengths with intervals beside win rates, because a win rate depends on whom one met.
# - We turned rankings into rows by majority, with a reason for every pair that gave none, and split them by prompt.

# %% [markdown]
# ## Quiz

# %%
QUIZ[0].ask()
QUIZ[0].answer(____)

# %%
QUIZ[1].ask()
QUIZ[1].answer(____)

# %%
QUIZ[2].ask()
QUIZ[2].answer(____)

# %% [markdown]
# **Next:** in `08_reward_and_dpo` these rows train a reward model and align the assistant; and you learn to tell a healthy
# run from a failed one.
