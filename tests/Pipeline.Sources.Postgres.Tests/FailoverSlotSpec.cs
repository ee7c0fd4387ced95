using Pipeline.Sources.Postgres.Reading.Capture;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>What is asked of each version; only servers before 17 are at hand to ask.</summary>
public sealed class FailoverSlotSpec(PostgresServer server) : PostgresSpec
{
    private static readonly PostgresSourceOptions Options = new()
    {
        Name = "app", Host = "db", Database = "shop", Security = new PostgresSecurityOptions { Username = "reader" }, Mode = ReadMode.Cdc, Capture = new CaptureOptions { Slot = "pipeline_app" },
    };

    private static readonly PostgresSourceOptions Without = Options with { Capture = Options.Capture with { Failover = false } };

    [Fact]
    public void A_slot_is_made_for_standbys_too_from_version_17_on()
    {
        const string Plain = "select lsn::text from pg_create_logical_replication_slot('pipeline_app', 'pgoutput')";

        Assert.Equal("select lsn::text from pg_create_logical_replication_slot('pipeline_app', 'pgoutput', failover => not pg_is_in_recovery())", FailoverSlots.CreateSql(Options, version: 17));
        Assert.Equal("select lsn::text from pg_create_logical_replication_slot('pipeline_app', 'pgoutput', failover => not pg_is_in_recovery())", FailoverSlots.CreateSql(Options, version: 18));
        Assert.Equal(Plain, FailoverSlots.CreateSql(Options, version: 16));
        Assert.Equal(Plain, FailoverSlots.CreateSql(Without, version: 17));
    }

    [Fact]
    public void The_check_tells_how_a_slot_becomes_one_that_standbys_keep()
    {
        var plain = FailoverSlots.Check(Options, version: 17, isStandby: false, Slot(isFailover: false))!;

        Assert.False(plain.Ok);
        Assert.StartsWith("ALTER_REPLICATION_SLOT \"pipeline_app\" (FAILOVER true);", plain.NextStep, StringComparison.Ordinal);
        Assert.Contains("dbname=shop replication=database", plain.NextStep, StringComparison.Ordinal);
        Assert.True(FailoverSlots.Check(Options, version: 17, isStandby: false, Slot(isFailover: true))!.Ok);
        Assert.True(FailoverSlots.Check(Options, version: 17, isStandby: false, slot: null)!.Ok);
        Assert.Null(FailoverSlots.Check(Without, version: 17, isStandby: false, Slot(isFailover: false)));
    }

    [Fact]
    public async Task An_older_server_ignores_the_wish_and_the_check_says_so_once()
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (id int primary key)", Cancel);
        var version = await database.ScalarAsync<int>("select current_setting('server_version_num')::int / 10000", Cancel);
        Assert.SkipWhen(version >= 17, "This server has failover slots.");
        await using var source = TestDatabase.Open(database.CaptureOptions("items"));

        await source.ListSplitsAsync("items", Cancel);
        var finding = Assert.Single(await source.CheckAsync(Cancel), finding => finding.Thing.Contains("failover", StringComparison.Ordinal));

        Assert.True(finding.Ok);
        Assert.Contains($"version {version} has none", finding.Detail, StringComparison.Ordinal);
    }

    private static SlotState Slot(bool? isFailover) => new(0, "pgoutput", "shop", SlotHealth.Reserved, IsActive: false, 0, 0, SafeBytes: null, isFailover);
}
