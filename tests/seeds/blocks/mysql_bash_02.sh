# Backup
mysqldump -u user -p memu_db > memu_backup.sql

# Restore
mysql -u user -p memu_db < memu_backup.sql
