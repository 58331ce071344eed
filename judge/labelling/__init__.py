"""Labelling a dataset. ``job`` is the library call, ``pipeline`` the heart of it; the rest serve the pipeline.

dataset     which transcripts               budget      the limit on money
job         options to files on disk        journal     group commit to the store
pipeline    what is asked when              asking      one request: store, else buy
gate, pace  who may go, and how fast        dispatch    through the gate, and the retries
sharing     what is kept in a cache         assembling  readings to a record
dry_run     what it would do                forecast    what that costs, by each way of asking
shard       a part of a dataset             merging     one run out of several
progress    where it stands                 resuming    what a run lacks, the new first
batching/   by the provider's batches       batch       requests out and answers in, as files
distributed/  by workers on a cluster
"""
