"""Remote storage: what is there, whether it is online or on tape, and bringing it into a cache on this machine.

`urls` says what an address may be, `remote` lists storage, `cache` keeps what was brought here, `transfer` brings one
file, `recall` asks for files on tape, and `stager` does all of that for an analysis, in threads of its own.
"""
