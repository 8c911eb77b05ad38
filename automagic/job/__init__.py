"""What runs beside the program: check inputs, card, program, check outputs, canonical bytes, hash, receipt,
publish.

Standard library only and Python ≥ 3.9: it travels as one zip file, ``job.pyz``, into any image and onto any
node. It reads one job spec (JSON, see `automagic.job.spec`), works in a scratch folder, and publishes by one
rename.
"""
