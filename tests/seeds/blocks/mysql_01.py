from memu.app.settings import DatabaseConfig, MetadataStoreConfig

config = DatabaseConfig(
    metadata_store=MetadataStoreConfig(
        provider="mysql",
        dsn="mysql+pymysql://user:password@localhost:3306/memu_db",
        ddl_mode="create",  # "create" or "validate"
    )
)
