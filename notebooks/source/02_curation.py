# %% [markdown]
# # 02 Curation
# `QA fine-tuning lab` `notebook 02 of 12` `any computer` `no model needed`
#
# A model learns what stands in its rows, the mistakes included. In this notebook you take a pile of raw rows and make training
# data of it: checks write findings, you decide about them, and what is left is written to a file together with the reason for
# every row that is not in it. Before you trust the checks, you measure them.
#
# **Objectives.** After this notebook you can
#
# - read a file of raw rows so that no line gets lost
# - read a finding as a defect report, with its evidence and its counterpart
# - measure checks against planted defects and look-alikes, with recall, precision and intervals
# - find near-duplicates without losing rows that differ in one number
# - triage findings, and account for every row that was dropped or changed
# - write a check of your own
#
# **QA parallel.** Curation is *test data clean-up* with the tools of *static analysis*. A check is a lint rule, a finding is a
# defect report, deciding about it is *defect triage*. Measuring the checks with planted defects is *fault seeding*.
#
# **Time.** About 45 minutes, exercises included; all cells together run for one to two minutes, most of it in section 3.

# %% [markdown]
# ## Setup

# %%
from labkit.lesson import nb02
from labkit.lesson.course import Course
from labkit.lesson.exercises import ____, exercises
from labkit.lesson.table import Table

course, tasks = Course(), exercises("02")

# %% [markdown]
# The next cell holds the one line to change. The prose is about `support`, questions of customers of a mail-order shop. Name
# another domain, or the path of a file of your own: JSON Lines, JSON, CSV, TSV or Parquet, as question and answer columns, chat
# messages or in most other usual forms. If a `policy.yaml` (written rules) or a folder `suites` lies beside your file, it is
# used. The code below stays the same.

# %%
DATA = "support"  # or "knowledge", "decision", or your own rows, as in "my-materials/rows.csv"
own = nb02.material(DATA)

# %% [markdown]
# ## 1. Look before you check
#
# A *row* is one example to learn from: a prompt and the answer it should get. The words in square brackets are context that a
# search has put above the question.

# %%
from labkit.formats import read_rows

rows, malformed = read_rows(own.raw)
Table({"row": row.id, "message": row.asked, "answer": row.response} for row in rows[:5])

# %% [markdown]
# Some lines of the file are no rows. A reader that stops at the first of them is a nuisance. One that skips them in silence is
# worse: it drops data, and nobody can say which. Here each becomes a finding with its line number, so that the sum is right.

# %%
from labkit.tables import records

unit, in_file = records(own.raw)
print(f"{len(list(in_file))} records = {len(rows)} rows + {len(malformed)} that are no row")
Table({"row": f.row_id, "problem": f.message, "what to do": f.suggestion} for f in malformed)

# %% [markdown]
# Two of them as they stand in the file, or rather their last words:

# %%
from labkit.printable import printable

lines = own.raw.read_text("utf-8", "replace").split("\n")
for finding in [f for f in malformed if "not JSON" in f.message][:2]:
    number = int(finding.row_id.removeprefix("line-"))
    print(f"{finding.row_id} ends with: {printable(lines[number - 1][-120:])}")

# %% [markdown]
# ## 2. Findings are defect reports
#
# Now all checks of this stage run. A **check** is a small function that looks at one row, or at all of them when it compares.
# It deletes nothing. All it can do is write a finding.

# %%
from labkit.curation.step import find
from labkit.plots.curation import by_check

found = find(course.home, own.raw, **own.rules)
by_check(found.findings)

# %% [markdown]
# What each of them looks for, and whether it needs to see one row or the whole set:

# %%
from labkit.checks import checks_of

Table({"check": c.name, "needs": c.needs, "looks for": c.about} for c in checks_of("curation"))

# %% [markdown]
# Severity says how much harm the defect would do in training, as in any defect report. The *tier* says how sure the check is:
#
# - `certain`: may be accepted in bulk, because there is little to judge
# - `likely`: worth a look each
# - `review`: a person decides, the check only says where to look
#
# Read three of them. A good defect report lets you decide without opening anything else. It names the rule that was broken and
# quotes the evidence word for word; if two rows clash, it names the other one; and it says what accepting it would do.

# %%
first = {finding.check: finding for finding in reversed(found.findings)}
for check in ("text_noise", "near_duplicate", "policy_violation"):
    if check in first:
        print(nb02.defect_report(first[check], found.rows), end="\n\n")

# %% [markdown]
# The counterpart matters most. "Dropped as a duplicate" is a claim, and you can test it only if you know of which row. Look at
# the two answers as well: where they disagree, the rows are no duplicates but a contradiction, and it matters which one goes.

# %% [markdown]
# ## 3. How good are the checks?
#
# A finding is the word of a program. How far can you trust it? You cannot tell from real rows, because nobody knows all that is
# wrong with them. So we did with the data what you would do with a test suite: *fault seeding*. Defects of each kind were
# planted in the samples, and beside them **look-alikes**, sound rows that resemble a defect.

# %%
from collections import Counter

print("planted in these rows:", len(own.planted) or "nothing is known, so the figures below are of the samples only")
counted = Counter((plant.half, "look-alike" if plant.lookalike else "defect") for plant in own.planted)
Table({"half": half, "what": what, "planted": n} for (half, what), n in sorted(counted.items()))

# %% [markdown]
# The plants fall into two halves. Whoever writes a check may look at the `dev` half, and tunes it until it finds what it should.
# The `test` half is only for measuring. A check measured on the rows it was tuned on would be graded by its own answer key.
#
# Two rates answer two questions:
#
# - **recall**: of the planted defects, how many were found? Testers know it as *defect detection percentage*.
# - **precision**: of the findings, how many are on a row with a defect? It is the share of *valid* defect reports.

# %%
known = nb02.known_sets(course.home)
Table(nb02.detection_table(known))

# %% [markdown]
# The first columns count found of planted in each domain; the two rates are over all three. In brackets stands Wilson's 95%
# interval: the true rates that go well with such a count. Plants are few for each kind, so the intervals are wide, and "all
# found" means "all of these few". The defects of personal data, licences and coverage that the samples hold as well are the
# business of notebooks 04 and 05, and are not counted here.

# %%
from labkit.curation.score import REVIEW
from labkit.plots.curation import detection

detection(nb02.together(known), REVIEW)

# %% [markdown]
# Read it from the top. Where a defect can be *written down* (a repeated row, a template token, a number that contradicts the
# policy) both dots are on the right. Where it must be *understood* they wander off. Below the dashed line stand the kinds that
# are **for review only**: whether a question is clear, whether an answer is about it, whether two texts mean the same. Those
# checks rank what a person should read first, and no row is dropped on their word alone. But do not take the line for a border
# of quality: kinds above it with a dot far to the left need the same care.
#
# And how many sound rows are flagged for nothing? That is what a person pays in time:

# %%
for name, one in known.items():
    print(f"{name}: clean rows flagged {one.score().clean_flagged}")

# %% [markdown]
# The tiers should tell the same story. If *certain* were not clearly better than *review*, accepting in bulk would be gambling.

# %%
for tier in ("certain", "likely", "review"):
    print(f"{tier}: right of findings {nb02.tier_is_right(known, tier)}")

# %%
rates = tasks.rates
rates.card()


# %%
def my_rates(flagged, planted):
    return ____


rates.check(my_rates)  # rates.hint(), rates.solution()

# %% [markdown]
# ## 4. Near-duplicates, and how to lose data with them
#
# Rows that nearly repeat each other give one question more weight than it deserves, and let a test question slip into training.
# They are found by the letters they share. Both texts are cut into pieces of five characters; the **similarity** is the share
# of the pieces that both have, of all the pieces that either has: 1 is equal, 0 is nothing in common.
#
# Where is the threshold? The samples hold planted pairs of questions (here those of both halves): copies, and look-alikes that
# ask for another answer. These are the look-alikes that come closest:

# %%
pairs = nb02.planted_pairs(known)
columns = ("one", "two", "similarity", "differ in")
Table({name: pair[name] for name in columns} for pair in [pair for pair in pairs if not pair["copy"]][:5])

# %% [markdown]
# They are as alike as copies are, since only one word or number is another one. For the customer that is all the difference:
# it decides whether delivery is free, or whether it is too late. So a **guard** reads the numbers (spelled ones as well), days,
# months and negations of both texts, and a pair in which they differ is no pair, however alike it is.

# %%
Table(nb02.thresholds(pairs))

# %% [markdown]
# A low threshold merges look-alikes, a high one loses copies: no threshold does both right. With the guard you can afford the low
# one. It is not perfect: a look-alike that differs in an ordinary word passes. That is why the check `near_duplicate` also
# wants the same context above both questions and answers that do not disagree, and calls only the closest pairs `certain`.
#
# The other way to lose data is the **graph**. Many tools draw a line between any two similar texts, and keep one row of all
# that hang together. A is like B and B is like C, so C goes with A, though nobody ever compared the two. Watch what that does
# to this chain, in which each question differs a little from the one before:

# %%
chain = [
    "Can I return the garden hose that I bought last week?",
    "Can I return the garden lamp that I bought last week?",
    "Can I return the garden lamp that arrived last week?",
    "Can I repair the garden lamp that arrived last week?",
    "Can you repair the garden lamp that arrived broken?",
    "Can you replace the garden lamp that arrived broken?",
    "Can you replace the battery that arrived broken?",
]

# %%
from labkit.curation.near_duplicates import canonical, clusters, duplicate_pairs

graph, verified = clusters(chain).tolist(), canonical(len(chain), duplicate_pairs(chain))
kept = [{"graph keeps": graph.index(graph[i]), "verified pairs keep": verified[i]} for i in range(len(chain))]
Table({"row": i, "question": chain[i]} | kept[i] for i in range(len(chain)))

# %% [markdown]
# Read a line as "this row is represented by row ...". The graph lets the hose speak for the battery. With **verified pairs** a
# row goes only if it was itself compared with the row that stays. This is no thought experiment: in the open project *marin*
# such grouping removed one source of text altogether and most of many others (reported there as issue 6854, not by us).
#
# Look closely all the same: even a verified pair here is *hose* and *lamp*. Letters cannot know whether that matters. Hence
# the tier `likely`, and a person.

# %% [markdown]
# ## 5. Triage
#
# First five findings for practice. Each has a row (question, arrow, answer), what the check says of it, and what accepting it
# would do:
#
# - **parcel**: `[Order TG-11: packed] Is it sent? -> It is packed.` *exact_duplicate*: another row has the same question,
#   context and answer. Accepting drops the row.
# - **hammock**: `I have had it for 20 days. Can it go back? -> Yes, within 45 days.` *near_duplicate*: 93% like
#   `I have had it for 200 days. Can it go back? -> No, only within 45 days.` Accepting drops the row.
# - **lantern**: `How long is the warranty? -> <p>It is 3 years.</p>` *text_noise*: mark-up. Accepting writes
#   `It is 3 years.`
# - **mower**: `How low may I cut? -> Not below <3 cm> in May.<br>` *text_noise*: mark-up. Accepting writes
#   `Not below in May.`
# - **washer**: `[Document: It works at 120 bar.] Pressure? -> It works at 120 bar.` *unclear_instruction*: the question has
#   one word. Accepting drops the row.

# %%
verdicts = tasks.verdicts
verdicts.card()

# %%
my_verdicts = {"parcel": ____, "hammock": ____, "lantern": ____, "mower": ____, "washer": ____}

verdicts.check(my_verdicts)  # verdicts.hint(), verdicts.solution()

# %% [markdown]
# Now the real ones, the most severe first. *Accept* carries out what is proposed: the new text, or dropping the row when there
# is none. *Reject* leaves the row alone. *Fix by hand* takes your text. The bulk button takes only what is `certain`. Every
# click is on disk before the next finding appears, and *Undo* is one more line of the log, as in notebook 07.

# %%
from labkit.curation.step import own_log
from labkit.curation.triage import TriageSession
from labkit.curation.triage_view import TriageView

session = TriageSession(found.findings, found.rows, own_log(course.home, own.rules["name"]), who="me")
TriageView(session).show()

# %% [markdown]
# Ten or twenty decisions are enough to see how it feels; you need not make any to go on. A *reference reviewer* has decided
# about all findings on the samples, knowing what was planted, as no reviewer of real rows ever does. Wherever you decided, your
# word counts instead, and this cell always says whose decisions are in use. (On rows of your own there is no reference: what
# you do not decide stays open.)

# %%
from labkit.curation.score import reference_decisions
from labkit.curation.step import decisions_in_use

reference = reference_decisions(found.findings, own.planted) if own.planted else []
in_use, sentence = decisions_in_use(session.log, reference)
print(sentence)

# %% [markdown]
# ## 6. Clean rows, with a reason for every change
#
# Now the decisions are carried out, and nothing else. A row is dropped or changed only because of an accepted finding on that
# very row. Add it up:

# %%
from labkit.curation.step import curate

done = curate(course.home, own.raw, **own.rules, decisions=in_use)
dropped, changed = done.curated.dropped, done.curated.changed
print(f"{len(rows)} rows = {len(dropped)} dropped + {len(done.rows)} left, {len(changed)} of these changed")
print(f"{len(malformed)} records were no row; {len(done.open())} findings are open")

# %% [markdown]
# Why they went (a row can have several reasons):

# %%
check_of = {finding.id: finding.check for finding in done.findings}
gone, mended = (Counter(c for ids in of.values() for c in {check_of[i] for i in ids}) for of in (dropped, changed))
order = sorted(gone | mended, key=lambda check: (-gone[check], check))
Table({"check": check, "rows dropped": gone[check], "rows changed": mended[check]} for check in order)

# %% [markdown]
# And three changed rows, before and after. A changed row remembers what it came from: its provenance names its parent and the
# check.

# %%
before = {row.id: row.response for row in rows}
after = [row for row in done.rows if row.id in changed and row.response != before[row.id]]
Table({"row": r.id, "before": before[r.id], "after": r.response, "because": r.provenance.transform} for r in after[:3])

# %% [markdown]
# Clean is a word for what the checks can see. What did they leave? Here we know, because we planted it. For rows of your own
# the table is empty, which only means that nobody knows.

# %%
Table(nb02.left_behind(done, own.planted))

# %% [markdown]
# Defects that are still there are the *escaped defects* of this stage: the recall of section 3, now as rows that a model will
# learn from. The next nets are the labelling of notebook 03 and the behaviour suite itself.
#
# Where does `clean.jsonl` come from? The lab's home keeps a *ledger*, one line for every file that was made, with the hashes of
# what it was made of. Walk it back from the clean file to the raw one:

# %% tags=["nbval-ignore-output"]
from labkit.home import lineage

print(lineage(course.home, done.clean_path).text())

# %% [markdown]
# The same folder holds `findings.jsonl`, with status and name for each, and a report in HTML to hand around. The last
# question is an old one: does the run repeat? Once more, in an empty folder:

# %%
from tempfile import TemporaryDirectory

from labkit.files import sha256
from labkit.home import Home

with TemporaryDirectory() as folder:
    again = curate(Home(folder), own.raw, **own.rules, decisions=in_use)
    for name in ("clean_path", "findings_path", "report_path"):
        same = sha256(getattr(again, name)) == sha256(getattr(done, name))
        print(f"{getattr(done, name).name}: {'same bytes' if same else 'DIFFERS'}")

# %% [markdown]
# Same bytes: no clock and no fresh random draw decides about a row, and only such a file can be evidence. (What depends on
# the process would show in a second one only. So restart the kernel one day, and compare the hash of the clean file above.)
#
# Everything so far is one command as well, and its exit code fits into a pipeline: 0 when no critical or major finding is open,
# 1 when there are some, 2 for bad input. `labkit curate rows.csv --out clean --policy policy.yaml --suite suite.yaml`

# %% [markdown]
# ## 7. What cleaning bought
#
# Was it worth the work? Only the behaviour suite can say: the cases of notebook 01, none of which is in the rows. So the same
# small model was trained on the raw rows of `support` and on the curated ones, with equally many steps and the same seeds (a
# *seed* fixes the random draws of a training; several show how much of a result is chance). This takes long, so it is not done
# here. The table shows what was **recorded**, with the machine, the date and the hash of the program that made it:

# %%
from labkit.lesson.recorded import recorded

recorded("cleaning_pays")

# %% [markdown]
# Read `raw` and `curated` as *passed cases of all cases*, all seeds together. The line `difference` is the one that answers the
# question: curated minus raw, as a share of the cases, with its 95% interval. Where the interval holds 0, the figures do not
# show that cleaning helped on this suite, however the two rates look. Compare the seeds too: two runs on the very same rows
# differ as well. And a suite sees only what it asks: a leaked phone number or a missing licence costs no case and is a defect
# all the same.

# %% [markdown]
# ## 8. A check of your own
#
# No list of checks knows your data. A check is a function of a row that yields a `Hit` for each defect: the row, the reason in
# a sentence, and the evidence as it stands. The decorator registers it. This one finds answers that open with a word that says
# nothing:

# %%
import re

from labkit.checks import Context, Hit, row_check, run_checks


@row_check("filler", severity="info", about="An answer that opens with a word that says nothing.")
def filler(row, context):
    if opening := re.match(r"(Certainly|Sure|Of course|Absolutely)\b", row.response):
        yield Hit(row.id, f"the answer opens with {opening[0]!r}", evidence=opening[0], tier="review")


# %%
every_row = {row.id: row for one in known.values() for row in [*one.found.rows, *rows]}
hits = run_checks(list(every_row.values()), Context(), checks_of(only=["filler"]))
Table({"row": hit.row_id, "reason": hit.message, "answer": every_row[hit.row_id].response} for hit in hits)

# %% [markdown]
# It ran over the samples of all domains. Each hit is short enough to read, so read them: that is how you learn its precision. Its
# recall you learn only by planting.
#
# Now yours. In testing, a test that passes only on the day it was written is called flaky. Answers have that defect too.

# %%
day_bound = tasks.day_bound
day_bound.card()


# %%
def my_day_bound(row, context):
    return ____


outcome = day_bound.check(my_day_bound)  # day_bound.hint(), day_bound.solution()

# %% [markdown]
# The check of the exercise did to yours what section 3 did to ours: defects it must find, and look-alikes it must leave alone.
# Once it passes, the next cell registers it and runs it on all rows.

# %%
if outcome.status == "passed":
    row_check("day_bound", severity="minor", about="An answer that is true on one day only.")(my_day_bound)
mine = [check for check in checks_of("own") if check.name == "day_bound"]
hits = run_checks(list(every_row.values()), Context(), mine)
print(f"{len(hits)} hits" if mine else "solve the exercise, then run this cell again")
Table({"row": hit.row_id, "evidence": hit.evidence, "answer": every_row[hit.row_id].response} for hit in hits)

# %% [markdown]
# From now on `find` and `curate` run your checks with the others. To keep them, put them into a file `checks.py` and name it:
# `labkit curate rows.csv --out clean --checks checks.py`. That file is run as a program, so name only your own.

# %% [markdown]
# ## Recap
#
# - We read a file of raw rows, and every line that is no row became a finding with its number.
# - We read findings as defect reports: evidence word for word, the counterpart, and what accepting would do.
# - We measured the checks on planted defects they were not tuned on, and told kinds for bulk from kinds for review.
# - We found near-duplicates with a guard for numbers and with verified pairs, and saw what a graph would have eaten.
# - We triaged findings, accounted for every dropped and changed row, and got the same bytes twice.
# - We wrote a check, and learned its precision by reading and its recall by planting.

# %% [markdown]
# ## Quiz

# %%
nb02.QUIZ[0].ask()
nb02.QUIZ[0].answer(____)

# %%
nb02.QUIZ[1].ask()
nb02.QUIZ[1].answer(____)

# %%
nb02.QUIZ[2].ask()
nb02.QUIZ[2].answer(____)

# %% [markdown]
# **Next:** some answers are wrong only because people disagree about what is right. In `03_labelling` you write the guideline,
# measure agreement and find the labels that need a second look.
