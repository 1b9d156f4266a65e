"""Settings that say what is meant: a path, a DSN, an environment variable, a budget."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from memu import MemoryService
from memu.backends.dialects import parse_dsn
from memu.database.factory import build_database
from memu.errors import ConfigError, InputError, InputTypeError
from memu.settings import DatabaseConfig, LLMConfig, parse

LEXICAL = {"embedding_config": {"provider": "none"}}


class TestWhereAStoreIs:
    @pytest.mark.parametrize(
        "config",
        [
            {"sqlite_path": "x.db"},
            {"vector_db_path": "v.json"},
            {"metadata_store": {"dsn": "sqlite:///x.db"}},
        ],
    )
    def test_a_path_or_a_dsn_without_a_provider_is_a_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        options = {**LEXICAL, "blob_config": {"resources_dir": tmp_path / "resources"}}
        with MemoryService(user_id="maya", database_config=config, **options) as service:
            service.sync.memorize("My dog is called Rex.")
            path = Path(service.describe()["database"]["path"])
        assert path.is_file()
        with MemoryService(user_id="maya", database_config=config, **options) as service:
            assert len(service.sync.list_memory_items()["items"]) == 1

    @pytest.mark.parametrize(
        ("dsn", "provider"),
        [
            ("sqlite://", "inmemory"),
            ("sqlite:///:memory:", "inmemory"),
            ("sqlite:///m.db", "sqlite"),
            ("postgresql://h/d", "postgres"),
            ("postgresql+psycopg://h/d", "postgres"),
            ("mysql+pymysql://h/d", "mysql"),
            ("mariadb://h/d", "mysql"),
            ("mongodb://h/d", "mongodb"),
        ],
    )
    def test_a_dsn_names_its_provider(self, dsn: str, provider: str) -> None:
        assert DatabaseConfig(metadata_store={"dsn": dsn}).metadata_store.provider == provider

    @pytest.mark.parametrize("provider", ["inmemory", "memory"])
    @pytest.mark.parametrize(
        ("config", "names"),
        [
            ({"sqlite_path": "x.db"}, ("sqlite_path",)),
            ({"metadata_store": {"dsn": "sqlite:///x.db"}}, ("dsn",)),
        ],
    )
    def test_ram_and_a_file_at_once_are_refused_by_both_names(
        self, provider: str, config: dict[str, Any], names: tuple[str, ...]
    ) -> None:
        nested = "metadata_store" in config
        both = {"metadata_store": {**config["metadata_store"], "provider": provider}} if nested else {**config}
        if not nested:
            both["provider"] = provider
        with pytest.raises(ConfigError) as refused:
            MemoryService(database_config=both)
        assert all(name in str(refused.value) for name in (*names, "memory"))

    @pytest.mark.parametrize("dsn", ["", " ", "memu.db", "oracle://u:SECRET@h/d"])
    def test_a_dsn_that_is_none_is_refused(self, dsn: str) -> None:
        with pytest.raises(ConfigError) as refused:
            MemoryService(database_config={"metadata_store": {"dsn": dsn}})
        assert "dsn" in str(refused.value)
        assert "SECRET" not in str(refused.value)

    @pytest.mark.parametrize("store", ["metadata_store", "vector_index"])
    def test_an_empty_dsn_is_refused_whatever_the_provider(self, store: str) -> None:
        provider = "sqlite" if store == "metadata_store" else "bruteforce"
        with pytest.raises(ConfigError, match="dsn"):
            MemoryService(database_config={store: {"provider": provider, "dsn": ""}})

    @pytest.mark.parametrize("provider", ["sqlite", "inmemory"])
    def test_a_dsn_of_ram_fits_both_providers(self, provider: str) -> None:
        config = parse(
            DatabaseConfig, {"metadata_store": {"provider": provider, "dsn": "sqlite:///:memory:"}}, "config"
        )
        database = build_database(config=config)
        assert database.handle.describe()["provider"] == "inmemory"
        database.close()


@pytest.mark.parametrize(
    "dsn",
    [
        "sqlite://u:S@h:SECRETPART/d",
        "postgresql://u@h:SECRETPART/d",
        "mysql://root:S3CR@ET:SECRETPART@h:x/d",
    ],
)
def test_no_piece_of_an_odd_dsn_is_repeated(dsn: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_dsn(dsn, expected="sqlite")
    assert "SECRETPART" not in str(refused.value)
    assert refused.value.__cause__ is None


class TestTheEnvironmentsModel:
    @pytest.mark.parametrize("name", ["BASE_URL", "API_KEY", "CHAT_MODEL", "EMBED_MODEL", "PROVIDER"])
    def test_a_variable_configures_a_model(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        values = {"BASE_URL": "http://localhost:1/SECRETVALUE", "PROVIDER": "ollama"}
        monkeypatch.setenv(f"MEMU_LLM_{name}", values.get(name, "SECRETVALUE"))
        with MemoryService(user_id="maya", **LEXICAL) as service:
            told = service.describe()["language_model"]
            assert told["profiles"] == ["default"]
            assert told["used"]
            if name != "CHAT_MODEL":  # which is no secret
                assert "SECRETVALUE" not in str(service.describe())

    def test_settings_come_before_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MEMU_LLM_CHAT_MODEL", "of-the-environment")
        with MemoryService(llm_config={"chat_model": "of-the-settings"}, **LEXICAL) as service:
            assert service.llm_profiles["default"].chat_model == "of-the-settings"

    def test_the_key_of_another_program_fills_a_profile_and_configures_none(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "from-outside")
        with MemoryService(user_id="maya", **LEXICAL) as service:
            assert service.llm_profiles == {}
            assert service.sync.memorize("My dog is called Rex.")["status"] == "created"
        profiles = {"default": {}, "other": LLMConfig(api_key="own")}
        with MemoryService(llm_profiles=profiles, **LEXICAL) as service:
            keys = {name: one.api_key.get_secret_value() for name, one in service.llm_profiles.items() if one.api_key}
        assert keys == {"default": "from-outside", "other": "own"}


def test_of_two_services_the_larger_index_budget_counts(tmp_path: Path) -> None:
    config = {"metadata_store": {"provider": "sqlite", "dsn": f"sqlite:///{tmp_path}/m.db"}}
    for first, second in ((1, 900), (900, 1)):
        with (
            MemoryService(database_config=config, retrieve_config={"index_budget_mb": first}, **LEXICAL) as one,
            MemoryService(database_config=config, retrieve_config={"index_budget_mb": second}, **LEXICAL) as other,
        ):
            told = {service.describe()["database"]["indexes"]["budget_bytes"] for service in (one, other)}
        assert told == {900 * 2**20}


def test_unnamed_vectors_of_the_same_dimension_are_taken_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = {"metadata_store": {"provider": "sqlite", "dsn": f"sqlite:///{tmp_path}/m.db"}}
    with MemoryService(user_id="maya", database_config=config, **LEXICAL) as service:
        service.database.create_item(memory_type="profile", summary="Owns a boat.", embedding=[0.1] * 384)
    with caplog.at_level(logging.WARNING, "memu"):
        MemoryService(user_id="maya", database_config=config).close()
    assert "unnamed model" in caplog.text
    assert "memu reembed" in caplog.text


class TestInput:
    @pytest.mark.parametrize("texts", [None, 5, b"a", {"a"}])
    def test_what_is_no_list_of_texts_is_not_embedded(self, texts: Any) -> None:
        with MemoryService(**LEXICAL) as service, pytest.raises(InputTypeError, match="list of strings"):
            service.sync.embed(texts)

    def test_metadata_without_an_end_is_refused(self) -> None:
        circular: dict[str, Any] = {}
        circular["own"] = [circular]
        deep: dict[str, Any] = {}
        for _ in range(3000):
            deep = {"in": deep}
        with MemoryService(user_id="maya", **LEXICAL) as service:
            for metadata in (circular, deep):
                with pytest.raises(InputError, match="nested"):
                    service.sync.create_memory_item(memory_type="tool", memory_content="A saw.", metadata=metadata)
            fine: dict[str, Any] = {}
            for _ in range(90):
                fine = {"in": fine}
            kept = service.sync.create_memory_item(memory_type="tool", memory_content="A saw.", metadata=fine)
        assert kept["memory_item"]["metadata"] == fine


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"llm_config": {"apikey": "sk-canary"}}, "llm_config: apikey: unknown option; did you mean api_key?"),
        ({"llm_config": {"provider": "ollama", "model": "x"}}, "model: unknown option; did you mean chat_model?"),
        (
            {"retrieve_config": {"category": {"zzz": 1}}},
            "zzz: unknown option; expected one of enabled, top_k",
        ),
    ],
)
def test_an_unknown_option_is_told_what_there_is(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        MemoryService(user_id="alice", **given)
    assert "canary" not in str(caught.value)
