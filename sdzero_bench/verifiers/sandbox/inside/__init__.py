"""What runs inside the sandbox: standard library only. Outside, only `codec` and `confine.OWN_PID` are imported.

The host sends these modules, compiled (payload.py), so that no file of the project has to be visible inside. In tiers 2 and 3
they come with each job. In tier 1 they come once, and one Python forks for each job into namespaces of its own (nursery.py).

Two processes share the work. The *tester* starts first, forks the *program* process and only then reads what the program
must not know: the calls to make, or the assert scripts. It exchanges plain data with the program over two pipes, and reports
to the host over a third one, to which the program has no access.
"""
