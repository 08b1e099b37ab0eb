"""What the server's own Python costs per request, in instructions: noise can't touch them, so they can be a test.

scenarios  what runs: our connection on a wire in memory     count    runs them under callgrind
budgets    what they may cost, by Python; budgets.json       main     the command line of bench/instructions
"""
