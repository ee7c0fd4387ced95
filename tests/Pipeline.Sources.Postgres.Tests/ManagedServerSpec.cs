using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>Servers that a service manages: their roles have other names, and nobody may ALTER SYSTEM.</summary>
public sealed class ManagedServerSpec : PostgresSpec
{
    [Fact]
    public async Task A_right_is_tried_and_what_is_missing_is_told_in_the_words_of_the_service()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        await using var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory) { Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["wal_level"] = "replica" } }, Cancel);
        await using var admin = NpgsqlDataSource.Create(server.ConnectionString);
        await ExecuteAsync(admin, "create role rds_superuser; create role rds_replication; create table items (id int primary key); create role reader login password 'reader'; grant select on items to reader; revoke execute on function pg_control_system() from public");
        var options = OptionsOf(server);

        var missing = (await CheckAsync(options)).Where(finding => !finding.Ok).ToDictionary(finding => finding.Thing, finding => finding.NextStep, StringComparer.Ordinal);

        Assert.Equal("In the server's parameter group: rds.logical_replication = 1, then restart it.", missing["app: wal_level"]);
        Assert.Equal("GRANT rds_replication TO \"reader\";", missing["app: right to replicate"]);
        Assert.Equal("GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO \"reader\";", missing["app: identity of the server"]);
    }

    [Fact]
    public async Task Whoever_gets_in_may_replicate_though_the_catalogue_says_nothing_of_it()
    {
        using var directory = new ScratchDirectory("pipeline-postgres-");
        await using var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory) { Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["allow_system_table_mods"] = "on" } }, Cancel);
        await using var admin = NpgsqlDataSource.Create(server.ConnectionString);
        await ExecuteAsync(admin, "create role rds_superuser; create role reader login replication password 'reader'; create table items (id int primary key); alter table items owner to reader; grant create on database app to reader");
        await ExecuteAsync(admin, "do $$ begin execute 'create or replace view pg_catalog.pg_roles as ' || regexp_replace(pg_get_viewdef('pg_catalog.pg_roles'::regclass), 'pg_authid.rolreplication', 'false as rolreplication'); end $$");
        var options = OptionsOf(server);

        Assert.All(await CheckAsync(options), finding => Assert.True(finding.Ok, finding.ToString()));
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await ExecuteAsync(admin, "insert into items values (1)");
        await reading.TakeAsync(1);
    }

    [Theory]
    [InlineData("", "ALTER SYSTEM SET wal_level = logical; -- then restart the server", "ALTER ROLE r REPLICATION;")]
    [InlineData("rds", "In the server's parameter group: rds.logical_replication = 1, then restart it.", "GRANT rds_replication TO r;")]
    [InlineData("cloudsql", "Among the instance's flags: cloudsql.logical_decoding = on, then restart it.", "ALTER ROLE r REPLICATION;")]
    [InlineData("azure", "Among the server's parameters: wal_level = logical, then restart it.", "ALTER ROLE r REPLICATION;")]
    public void Each_service_has_a_place_of_its_own_for_settings(string service, string setting, string right)
    {
        var settings = ServerSettings.Of(service);

        Assert.Equal((setting, right), (settings.Set("wal_level", "logical", needsRestart: true), settings.MayReplicateSql("r")));
        Assert.Equal(service.Length == 0, settings.Set("max_slot_wal_keep_size", "-1", needsRestart: false).EndsWith("SELECT pg_reload_conf();", StringComparison.Ordinal));
    }

    private async Task<IReadOnlyList<Finding>> CheckAsync(PostgresSourceOptions options)
    {
        await using var source = TestDatabase.Open(options);
        return await source.CheckAsync(Cancel);
    }

    private static PostgresSourceOptions OptionsOf(ScratchPostgres server) => new()
    {
        Name = "app", Host = server.Host, Port = server.Port, Database = server.Database, Mode = ReadMode.Cdc, ChunkAgeMax = TimeSpan.FromMilliseconds(20),
        Security = new PostgresSecurityOptions { Username = "reader", Password = new Secret("reader"), CaFile = server.CaFile },
        Capture = new CaptureOptions { Slot = "pipeline_app", Publication = "pipeline_app", Snapshot = false },
        Tables = [new PostgresTableOptions("items", "public.items", Watermark: "", [], TimeSpan.Zero)],
    };

    private async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
