"""scand follows a carrier's scan event feed and always knows where every parcel is.

    fetcher --Page--> router --Slice--> processor[shard] --Folded--> writer --commit--> store
       |                                                                                  |
    coverage: what to ask next                              journal, parcels, dead letters
    breaker, pacing: when to ask                            gap ledger, cursor: one transaction

`runtime/daemon.py` wires it; `core/` holds every rule and does no I/O.
"""

__version__ = "0.1.0"
