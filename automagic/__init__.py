"""autoMAGIC: reproducible analyses of data of the MAGIC telescopes."""
