"""``judge annotate``: a page on this machine on which people read transcripts, label, review and adjudicate.

place         what is opened: a hand-labelled set, a run, a file; and where its labels go
shelf         the transcripts of a session, on disk, ready to be sent
queue         which of them, in which order
verdicts      what judges said of them
form          the labelling form of a grader; an answer becomes labels or is sent back
appending     files that are only ever appended to; what was acknowledged survives a crash
notebook      one annotator's labels and drafts
desk          what one session shows and takes: the rules of blindness are here
adjudication  the desk at which disagreements are decided
session       from what was asked for to a desk
agreement     how far two annotators agree, once they are done
guard         who may speak to the server, and with which bytes
app           the routes;  serve runs them on a loopback port
scout_csv     labels as Inspect Scout's validation CSV, both ways;  importing appends them

The page itself is in ``templates/`` and ``static/``: ES modules and CSS, as they are written.
"""
