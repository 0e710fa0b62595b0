-- The catalogue and empty tables of hot.duckdb, as release 0.1 left them. Frozen: never edit.

CREATE TABLE "markets.generation/hot/1" (
    _label INTEGER, interval_start TIMESTAMP WITH TIME ZONE, interval_end TIMESTAMP WITH TIME ZONE, power_mw DOUBLE,
    _tag INTEGER, published_at TIMESTAMP WITH TIME ZONE, received_at TIMESTAMP WITH TIME ZONE, revision BIGINT,
    "commit" BIGINT
);
CREATE TABLE "markets.generation/labels" (
    _id INTEGER, market VARCHAR, "location" VARCHAR, fuel VARCHAR
);
CREATE TABLE "markets.generation/tags" (
    _id INTEGER, "source" VARCHAR, published_by VARCHAR, stage VARCHAR, reason VARCHAR, lineage VARCHAR
);
CREATE TABLE "markets.load/hot/1" (
    _label INTEGER, interval_start TIMESTAMP WITH TIME ZONE, interval_end TIMESTAMP WITH TIME ZONE, load_mw DOUBLE,
    _tag INTEGER, published_at TIMESTAMP WITH TIME ZONE, received_at TIMESTAMP WITH TIME ZONE, revision BIGINT,
    "commit" BIGINT
);
CREATE TABLE "markets.load/labels" (
    _id INTEGER, market VARCHAR, "location" VARCHAR
);
CREATE TABLE "markets.load/tags" (
    _id INTEGER, "source" VARCHAR, published_by VARCHAR, stage VARCHAR, reason VARCHAR, lineage VARCHAR
);
CREATE TABLE "markets.load_forecast/hot/1" (
    _label INTEGER, interval_start TIMESTAMP WITH TIME ZONE, interval_end TIMESTAMP WITH TIME ZONE, load_mw DOUBLE,
    _tag INTEGER, published_at TIMESTAMP WITH TIME ZONE, received_at TIMESTAMP WITH TIME ZONE, revision BIGINT,
    "commit" BIGINT
);
CREATE TABLE "markets.load_forecast/labels" (
    _id INTEGER, market VARCHAR, "location" VARCHAR, forecast_run VARCHAR
);
CREATE TABLE "markets.load_forecast/tags" (
    _id INTEGER, "source" VARCHAR, published_by VARCHAR, stage VARCHAR, reason VARCHAR, lineage VARCHAR
);
CREATE TABLE "markets.prices/hot/1" (
    _label INTEGER, interval_start TIMESTAMP WITH TIME ZONE, interval_end TIMESTAMP WITH TIME ZONE, price_per_mwh
    DOUBLE, energy_per_mwh DOUBLE, congestion_per_mwh DOUBLE, loss_per_mwh DOUBLE, ghg_per_mwh DOUBLE, currency
    VARCHAR, _tag INTEGER, published_at TIMESTAMP WITH TIME ZONE, received_at TIMESTAMP WITH TIME ZONE, revision
    BIGINT, "commit" BIGINT
);
CREATE TABLE "markets.prices/labels" (
    _id INTEGER, market VARCHAR, market_run VARCHAR, "location" VARCHAR
);
CREATE TABLE "markets.prices/tags" (
    _id INTEGER, "source" VARCHAR, published_by VARCHAR, stage VARCHAR, reason VARCHAR, lineage VARCHAR
);
CREATE TABLE "markets.renewables_forecast/hot/1" (
    _label INTEGER, interval_start TIMESTAMP WITH TIME ZONE, interval_end TIMESTAMP WITH TIME ZONE, power_mw DOUBLE,
    _tag INTEGER, published_at TIMESTAMP WITH TIME ZONE, received_at TIMESTAMP WITH TIME ZONE, revision BIGINT,
    "commit" BIGINT
);
CREATE TABLE "markets.renewables_forecast/labels" (
    _id INTEGER, market VARCHAR, "location" VARCHAR, fuel VARCHAR, forecast_run VARCHAR
);
CREATE TABLE "markets.renewables_forecast/tags" (
    _id INTEGER, "source" VARCHAR, published_by VARCHAR, stage VARCHAR, reason VARCHAR, lineage VARCHAR
);
CREATE TABLE _batches (
    "name" VARCHAR, batch_id VARCHAR, last_commit BIGINT, PRIMARY KEY("name", batch_id)
);
CREATE TABLE _parts (
    "name" VARCHAR, number BIGINT, kind VARCHAR, object_key VARCHAR, row_count BIGINT, first_time TIMESTAMP WITH
    TIME ZONE, last_time TIMESTAMP WITH TIME ZONE, "columns" VARCHAR[], last_commit BIGINT
);
CREATE TABLE _tables (
    "name" VARCHAR PRIMARY KEY, spec VARCHAR NOT NULL
);
