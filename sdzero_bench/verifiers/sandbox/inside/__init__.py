"""What runs inside of the sandbox: standard library only, imported by nothing outside but for `codec`.

The host sends these modules, compiled, with each job (packing.py), so that nothing of the project has to be visible inside.

Two processes share the work. The *tester* starts first, forks the *program* process and only then reads what the program
must not know: the calls to make, the assert scripts. It talks to the program over two pipes in plain data, and reports to
the host over a third that the program never has.
"""
