import psycopg2.pool

# In your application
class PooledPostgreSQLProvider(PostgreSQLProvider):
    def __init__(self, config, min_conn=1, max_conn=20):
        self.pool = psycopg2.pool.ThreadedConnectionPool(
            min_conn, max_conn,
            host=config.host,
            port=config.port,
            database=config.database,
            user=config.user,
            password=config.password
        )
