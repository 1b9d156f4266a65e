from memu.database.mysql import build_mysql_database
from memu.app.settings import DatabaseConfig, MetadataStoreConfig
from pydantic import BaseModel

class UserModel(BaseModel):
    user_id: str

config = DatabaseConfig(
    metadata_store=MetadataStoreConfig(
        provider="mysql",
        dsn="mysql+pymysql://user:password@localhost/memu_db",
    )
)

store = build_mysql_database(config=config, user_model=UserModel)

# Access repositories directly
items = store.memory_item_repo.list_items()
categories = store.memory_category_repo.list_categories()
