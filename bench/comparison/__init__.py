"""What serving costs, beside the peers: `bench/run` measures, `bench/plot` publishes.

scenarios  what is asked                                 servers  who is asked: commands, start and end
asking     clients, health probe, idle connections       rounds   alternates servers, takes medians
material   a certificate, content to send                targets  what the figures have to be
page       figures as Markdown                           plot     figures as SVG
main       the command line of bench/run
"""
