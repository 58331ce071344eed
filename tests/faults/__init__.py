"""What can go wrong, one fault at a time: the real ``judge label`` against real servers, and what became of it.

cases     a fault as data: what breaks, and what is expected of the product
scene     one run of the command with the fault in force, and one without it
live, batches, machine     the faults
disks, clocks              a small disk, a wrong clock
table     docs/reliability.md

``python -m tests.faults`` runs everything and writes the table; the tests hold the table against what they see.
"""
