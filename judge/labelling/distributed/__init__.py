"""A run on several processes or machines: the same pipeline in each, on one shard each, with one store and one budget.

engine      Ray: the cluster, and what can go wrong with one
fleet       where the command was typed: hands out shards, again where a worker is lost
keeper      there too: does with the run's store what the workers ask for
desk        in the middle: rate limits, money, and who is buying what
line        a worker's side of the desk: gate, budget and journal as the pipeline knows them
worker      a shard's labelling, wherever it is

Only ``engine`` imports Ray, and nothing imports ``engine`` unless it is asked for.
"""
