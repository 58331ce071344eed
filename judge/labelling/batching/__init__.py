"""A run by the provider's batch endpoint, instead of one call after the other.

run         what is sent when           watch       batches that are under way, until they end
packing     requests to batches         collecting  results to the store
patience    trouble with the provider
"""
