config = PostgreSQLConfig(
    host="localhost",        # PostgreSQL host
    port=5432,              # PostgreSQL port
    database="memorizz",    # Database name
    user="postgres",        # Database user
    password="password"     # Database password
)
