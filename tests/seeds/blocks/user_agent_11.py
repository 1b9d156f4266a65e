# Use WAL mode for better concurrency
import sqlite3
conn = sqlite3.connect("./data/memu.db")
conn.execute("PRAGMA journal_mode=WAL")
conn.close()
