"""What serving costs, beside the peers: `bench/run` measures, `bench/plot` publishes.

scenarios  what is asked                                 servers  who is asked: commands, start and end
load       wrk, health probe, idle connections           rounds   alternates servers, takes medians
targets    what the figures have to be                   page     figures as Markdown
main       the command line of bench/run                 plot     figures as SVG
"""
