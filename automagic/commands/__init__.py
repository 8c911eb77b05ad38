"""The subcommands of ``automagic``, one file each."""
