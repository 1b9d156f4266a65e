import shutil

# Simply copy the database file
shutil.copy("memu.db", "memu_backup.db")
