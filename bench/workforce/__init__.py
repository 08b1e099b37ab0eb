"""Many processes: throughput on several cores, memory, and how soon a killed worker is replaced.

processes: a server with workers, and what the kernel knows of them      measuring: the three questions
main: the command line and the tables
"""
