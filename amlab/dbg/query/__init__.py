"""Questions to a recorded session.

    from amlab.dbg.query.verify import verify
    verify(session)                  does the recording follow from itself?  A `Report`
    judge(tx).why                    what canceled a transition, in words
    losses_of(session)               workers that were lost, their work in hand, and who did it then

Layout: `verify` asks all machines, `walk` derives one machine's records in order, `derivation` what
clocks a mutation should leave, `evidence` what steps and log tell of handlers, `report` the counts and
mismatches, `facts` plain data of sessions, machines and transitions, `losses` what became of the workers that a
pool lost.  For views: `roles` of machines, `marks` of
records, `causes` of them, `filters` which are hidden, `cards` and `packet` (with `gather`) what a browser is sent.
"""
