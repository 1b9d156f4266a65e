pip install pymysql
# or
pip install mysqlclient
