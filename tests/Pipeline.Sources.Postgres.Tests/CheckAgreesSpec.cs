using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>What the check says, and what reading does then.</summary>
public sealed class CheckAgreesSpec(PostgresServer server) : PostgresSpec
{
    private const string Items = "create table items (id int primary key, val text, updated_at timestamptz not null default now()); create index on items (updated_at);";

    [Fact]
    public async Task A_role_that_is_read_only_by_default_makes_what_capture_needs()
    {
        await using var database = await CreateAsync(Items);
        var role = await CreateRoleAsync(database, "replication");
        await database.ExecuteAsync($"alter role {role} set default_transaction_read_only = on; alter role {role} set idle_in_transaction_session_timeout = 1; alter role {role} set lock_timeout = 1; grant create on database {database.Name} to {role}; alter table items owner to {role}", Cancel);
        var options = database.CaptureOptions("items").Secured(security => security with { Username = role, Password = new Secret("guest") });

        await AssertAllOkAsync(options);
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);
    }

    [Fact]
    public async Task A_role_with_too_few_connections_is_told_with_the_SQL_after_which_it_has_enough()
    {
        await using var database = await CreateAsync(Items);
        var role = await CreateRoleAsync(database, "replication connection limit 1");
        await database.ExecuteAsync($"insert into items values (1, 'a'); grant create on database {database.Name} to {role}; alter table items owner to {role}", Cancel);
        var options = database.CaptureOptions("items").Secured(security => security with { Username = role, Password = new Secret("guest") });
        options = options with { Capture = options.Capture with { Snapshot = true } };

        var told = Assert.Single(await CheckAsync(options), finding => !finding.Ok);
        var failure = await Assert.ThrowsAsync<PipelineException>(() => SnapshotAsync(options));
        await database.ExecuteAsync(told.NextStep![..told.NextStep!.IndexOf(';', StringComparison.Ordinal)], Cancel);
        await AssertAllOkAsync(options);
        Assert.Equal(1, await SnapshotAsync(options));

        Assert.Contains("connections of the role", told.Thing, StringComparison.Ordinal);
        Assert.Contains("too many connections for role", failure.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_right_to_replicate_is_tried_and_not_looked_up()
    {
        await using var database = await CreateAsync(Items);
        var role = await CreateRoleAsync(database, "");
        var options = database.CaptureOptions("items").Secured(security => security with { Username = role, Password = new Secret("guest") });
        await database.ExecuteAsync($"grant create on database {database.Name} to {role}; alter table items owner to {role}", Cancel);

        var told = Assert.Single(await CheckAsync(options), finding => !finding.Ok);
        await database.ExecuteAsync(told.NextStep!, Cancel);

        Assert.Equal($"ALTER ROLE \"{role}\" REPLICATION;", told.NextStep);
        await AssertAllOkAsync(options);
    }

    [Theory]
    [InlineData("public.item", "public.items")]
    [InlineData("public.\"Items\"", "public.items")]
    [InlineData("public.users", "public.\"Users\"")]
    [InlineData("itms", "public.items")]
    public async Task The_name_that_is_near_is_told_by_the_check_as_by_the_reading(string wrong, string near)
    {
        await using var database = await CreateAsync($"{Items} create table \"Users\" (id int primary key, updated_at timestamptz not null)");
        var options = database.Options(TestDatabase.Table("items", "updated_at") with { Table = wrong });

        var told = Assert.Single(await CheckAsync(options), finding => !finding.Ok);
        await using var source = TestDatabase.Open(options);
        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("items", Cancel));

        Assert.Contains($"Did you mean '{near}'?", told.NextStep, StringComparison.Ordinal);
        Assert.Equal(told.NextStep, failure.NextStep);
        await AssertAllOkAsync(database.Options(TestDatabase.Table("items", "updated_at") with { Table = near }));
    }

    [Fact]
    public async Task A_view_gets_no_SQL_that_cannot_run()
    {
        await using var database = await CreateAsync($"{Items} create view seen as select id, updated_at from items; insert into items values (1, 'a')");
        var options = database.Options(new PostgresTableOptions("seen", "public.seen", "updated_at", [], TimeSpan.Zero));

        await AssertAllOkAsync(options);
        Assert.DoesNotContain(await CheckAsync(options), finding => finding.Detail.Contains("CREATE INDEX", StringComparison.Ordinal));
        await using var source = TestDatabase.Open(options);
        var split = (await source.ListSplitsAsync("seen", Cancel))[0].Id;
        await source.DescribeAsync("seen", Cancel);
        await foreach (var chunk in source.ReadAsync([new SplitPosition(split, null)], Cancel))
        {
            using (chunk) Assert.Equal(1, chunk.Rows!.Length);
            break;
        }
    }

    [Fact]
    public async Task Who_keeps_a_slot_from_being_made_is_named_by_the_check_and_when_it_takes_too_long()
    {
        await using var database = await CreateAsync(Items);
        var options = database.CaptureOptions("items");
        await using var holder = await database.DataSource.OpenConnectionAsync(Cancel);
        await using var transaction = await holder.BeginTransactionAsync(Cancel);
        await using (var write = holder.CreateCommand())
        {
            write.CommandText = "insert into items values (1, 'a')";
            await write.ExecuteNonQueryAsync(Cancel);
        }

        var said = Assert.Single(await CheckAsync(options), finding => finding.Thing.EndsWith("making the slot", StringComparison.Ordinal));
        await using var source = TestDatabase.Open(options with { RequestTimeout = TimeSpan.FromSeconds(2) });
        PipelineException failure;
        do failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("items", Cancel));
        // A server that is out of processors may not answer another statement in time.
        while (!failure.Cause.Contains("was not made within", StringComparison.Ordinal));
        await transaction.CommitAsync(Cancel);

        Assert.True(failure.IsTransient, failure.Message);
        // The oldest of the whole server, which may be another test's.
        Assert.Matches(@"process \d+ \(.+\), open since 20", said.Detail);
        Assert.Matches(@"process \d+ \(.+\), open since 20", failure.Cause);
        // What was begun is finished, or begun again, and is then there.
        while (true)
        {
            try
            {
                await source.ListSplitsAsync("items", Cancel);
                break;
            }
            catch (PipelineException e) when (e.IsTransient)
            {
                await Task.Delay(20, Cancel);
            }
        }
    }

    /// <param name="refused">Parameters that the pooler does not support.</param>
    /// <param name="ignored">Those that it leaves out.</param>
    [Theory]
    [InlineData("options,replication", "")]
    [InlineData("replication", "options")]
    [InlineData("", "options")]
    [InlineData("replication", "")]
    public async Task A_pooler_is_named_as_what_it_is(string refused, string ignored)
    {
        await using var database = await CreateAsync(Items);
        var user = await CreateCertifiedAsync(database);
        await using var pooler = new PostgresPooler(server.Scratch.Port, server.Scratch.Certificates.IssueClient(user), refused.Split(','), ignored.Split(','));
        var options = database.CaptureOptions("items").Secured(security => security with { Tls = TlsMode.Disable, Username = user, Password = null }) with { Host = "127.0.0.1", Port = pooler.Port };

        var told = Assert.Single(await CheckAsync(options), finding => !finding.Ok);
        var failure = await Assert.ThrowsAsync<PipelineException>(async () =>
        {
            await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
            await reading.TakeAsync(1);
        });

        Assert.Contains("cannot go through a pooler", told.NextStep, StringComparison.Ordinal);
        Assert.Contains("is a connection pooler", told.Detail, StringComparison.Ordinal);
        Assert.Equal((FaultKind.Invalid, told.NextStep, told.Detail), (failure.Kind, failure.NextStep, failure.Cause));
    }

    [Fact]
    public async Task Through_a_pooler_that_passes_the_settings_of_a_session_on_a_table_is_read_by_its_watermark()
    {
        await using var database = await CreateAsync($"{Items} insert into items values (1, 'a')");
        var user = await CreateCertifiedAsync(database);
        await using var pooler = new PostgresPooler(server.Scratch.Port, server.Scratch.Certificates.IssueClient(user), ["replication"], []);
        var options = database.Options(TestDatabase.Table("items", "updated_at")).Secured(security => security with { Tls = TlsMode.Disable, Username = user, Password = null }) with { Host = "127.0.0.1", Port = pooler.Port };

        await AssertAllOkAsync(options);
        await using var source = TestDatabase.Open(options);
        var split = (await source.ListSplitsAsync("items", Cancel))[0].Id;
        await source.DescribeAsync("items", Cancel);
        await foreach (var chunk in source.ReadAsync([new SplitPosition(split, null)], Cancel))
        {
            using (chunk) Assert.Equal(1, chunk.RowCount);
            break;
        }
    }

    [Fact]
    public async Task A_slot_of_another_database_is_refused_by_the_check_as_by_the_reading()
    {
        await using var database = await CreateAsync(Items);
        await using var other = await CreateAsync(Items);
        await using (var first = TestDatabase.Open(other.CaptureOptions("items"))) await first.ListSplitsAsync("items", Cancel);
        var options = database.CaptureOptions("items");
        options = options with { Capture = options.Capture with { Slot = $"slot_{other.Name}" } };

        // What is there of the wish is made neither by the one nor by the other.
        var told = Assert.Single(await CheckAsync(options), finding => !finding.Ok);
        await using var source = TestDatabase.Open(options);
        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("items", Cancel));

        Assert.Contains($"one of database {other.Name}", told.Detail, StringComparison.Ordinal);
        Assert.Equal((told.Detail, told.NextStep), (failure.Cause, failure.NextStep));
        await AssertAllOkAsync(database.CaptureOptions("items"));
    }

    [Fact]
    public async Task Who_reads_the_slot_is_told_with_the_SQL_after_which_it_is_free()
    {
        await using var database = await CreateAsync(Items);
        // For as long a reading waits for its slot; whoever only connects has longer.
        var options = database.CaptureOptions("items") with { ConnectTimeout = TimeSpan.FromSeconds(8) };
        var patient = options with { ConnectTimeout = TimeSpan.FromMinutes(1) };
        await using (var first = TestDatabase.Open(patient)) await first.ListSplitsAsync("items", Cancel);
        var parameters = new Dictionary<string, string>(StringComparer.Ordinal) { ["application_name"] = "somebody", ["replication"] = "database" };
        using var somebody = await WireConnection.OpenAsync(patient, server.Scratch.Password, parameters, new KnownCertificates(), Cancel);
        new ReplicationStream(somebody, TimeProvider.System).Start(options.Capture.Slot, options.Capture.Publication, 0, isBinary: false);

        var told = Assert.Single(await CheckAsync(patient), finding => !finding.Ok);
        PipelineException failure;
        await using (var reading = await CaptureReading.StartAsync(options, from: null, Cancel)) failure = await reading.FailAsync();
        await database.ExecuteAsync(told.NextStep!, Cancel);
        await database.UntilSlotsAreLeftAsync(Cancel);
        await AssertAllOkAsync(patient);
        await using var free = await CaptureReading.StartAsync(patient, from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await free.TakeAsync(1);

        Assert.Contains("(somebody)", told.Detail, StringComparison.Ordinal);
        Assert.True(failure.IsTransient, failure.Message);
        // Our own node is nobody else.
        await AssertAllOkAsync(patient);
    }

    /// <summary>The server shows 63 characters of it.</summary>
    [Fact]
    public async Task Our_own_reader_is_nobody_else_however_long_its_name_is()
    {
        await using var database = await CreateAsync(Items);
        var options = database.CaptureOptions("items") with { Name = new string('s', 60) };
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);

        await AssertAllOkAsync(options);
    }

    [Fact]
    public async Task An_unlogged_table_is_told_with_the_SQL_after_which_it_is_captured()
    {
        await using var database = await CreateAsync("create unlogged table items (id int primary key, val text)");
        var options = database.CaptureOptions("items");

        var told = Assert.Single(await CheckAsync(options), finding => !finding.Ok);
        PipelineException failure;
        await using (var source = TestDatabase.Open(options)) failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("items", Cancel));
        await database.ExecuteAsync(told.NextStep!, Cancel);
        await AssertAllOkAsync(options);
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);

        Assert.Contains("unlogged", told.Detail, StringComparison.Ordinal);
        Assert.Equal(told.NextStep, failure.NextStep);
    }

    [Theory]
    [InlineData("default_transaction_isolation = serializable")]
    [InlineData("quote_all_identifiers = on")]
    [InlineData("standard_conforming_strings = off")]
    [InlineData("statement_timeout = 1")]
    [InlineData("search_path = nowhere")]
    [InlineData("default_transaction_read_only = on")]
    public async Task What_a_role_a_database_or_a_server_sets_for_its_sessions_is_not_for_ours(string setting)
    {
        await using var database = await CreateAsync($"{Items} insert into items values (1, 'a')");
        await database.ExecuteAsync($"alter database {database.Name} set {setting}", Cancel);
        var capture = database.CaptureOptions("items");
        capture = capture with { Capture = capture.Capture with { Snapshot = true } };

        foreach (var options in (PostgresSourceOptions[])[capture, database.Options(TestDatabase.Table("items", "updated_at"))])
        {
            await AssertAllOkAsync(options);
            await AssertAllOkAsync(options);
        }

        Assert.Equal(1, await SnapshotAsync(capture));
        await using var reading = await CaptureReading.StartAsync(capture, from: null, Cancel);
        await reading.Source.CheckAsync(Cancel);
        await using var admin = Npgsql.NpgsqlDataSource.Create(new Npgsql.NpgsqlConnectionStringBuilder(database.DataSource.ConnectionString) { Password = server.Scratch.Password, Options = "-c default_transaction_read_only=off -c statement_timeout=0 -c search_path=public -c idle_session_timeout=0" }.ConnectionString);
        await using (var insert = admin.CreateCommand("insert into items values (2, 'b')")) await insert.ExecuteNonQueryAsync(Cancel);
        await reading.TakeAsync(1);
    }

    [Fact]
    public async Task A_session_that_waits_for_the_next_look_is_not_ended_for_it()
    {
        await using var database = await CreateAsync($"{Items} insert into items values (1, 'a')");
        // Longer than a session takes to say that it is not for it.
        await database.ExecuteAsync($"alter database {database.Name} set idle_session_timeout = '3s'", Cancel);
        await using var watcher = Npgsql.NpgsqlDataSource.Create(new Npgsql.NpgsqlConnectionStringBuilder(server.Scratch.ConnectionString).ConnectionString);
        await using var source = TestDatabase.Open(database.Options(TestDatabase.Table("items", "updated_at")));
        Assert.All(await source.CheckAsync(Cancel), finding => Assert.True(finding.Ok, finding.ToString()));

        await using (var wait = watcher.CreateCommand("select pg_sleep(4)")) await wait.ExecuteNonQueryAsync(Cancel);

        await using var waiting = watcher.CreateCommand($"select count(*) from pg_stat_activity where datname = '{database.Name}' and application_name = 'pipeline/test/app' and state_change < now() - interval '3s'");
        Assert.NotEqual(0L, await waiting.ExecuteScalarAsync(Cancel));
        Assert.All(await source.CheckAsync(Cancel), finding => Assert.True(finding.Ok, finding.ToString()));
    }

    [Theory]
    [InlineData("alter role {0} connection limit 1")]
    [InlineData("alter database {1} connection limit 1")]
    public async Task A_limit_of_connections_is_told_by_whose_it_is(string limit)
    {
        await using var database = await CreateAsync(Items);
        var role = await CreateRoleAsync(database, "replication");
        await database.ExecuteAsync($"grant create on database {database.Name} to {role}; alter table items owner to {role}", Cancel);
        await database.ExecuteAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, limit, role, database.Name), Cancel);
        var options = database.CaptureOptions("items").Secured(security => security with { Username = role, Password = new Secret("guest") });

        var told = Assert.Single(await CheckAsync(options), finding => !finding.Ok);
        await database.ExecuteAsync(told.NextStep![..told.NextStep!.IndexOf(';', StringComparison.Ordinal)], Cancel);

        Assert.Contains("connection", told.Detail + told.Thing, StringComparison.Ordinal);
        await AssertAllOkAsync(options);
    }

    /// <summary>Somebody who comes with a certificate in place of a password.</summary>
    private async Task<string> CreateCertifiedAsync(TestDatabase database)
    {
        var user = $"certified_{database.Name}";
        await database.ExecuteAsync($"do $$ begin create role certificate_users; exception when duplicate_object then null; end $$; create role {user} superuser login in role certificate_users", Cancel);
        return user;
    }

    private async Task<int> SnapshotAsync(PostgresSourceOptions options)
    {
        await using var source = TestDatabase.Open(options);
        var split = (await source.ListSplitsAsync("items", Cancel))[^1].Id;
        var rows = 0;
        await foreach (var chunk in source.ReadAsync([new SplitPosition(split, null)], Cancel))
        {
            using (chunk) rows += chunk.Rows?.Length ?? 0;
            if (chunk.Range.To == long.MaxValue) break;
        }

        return rows;
    }

    private async Task<IReadOnlyList<Finding>> CheckAsync(PostgresSourceOptions options)
    {
        await using var source = TestDatabase.Open(options);
        return await source.CheckAsync(Cancel);
    }

    private async Task AssertAllOkAsync(PostgresSourceOptions options) => Assert.All(await CheckAsync(options), finding => Assert.True(finding.Ok, finding.ToString()));

    private async Task<string> CreateRoleAsync(TestDatabase database, string attributes)
    {
        var role = $"role_{database.Name}";
        await database.ExecuteAsync($"create role {role} login password 'guest' {attributes}; grant usage on schema public to {role}; grant select on all tables in schema public to {role}; grant pg_read_all_stats to {role}", Cancel);
        return role;
    }

    private async ValueTask<TestDatabase> CreateAsync(string sql)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(sql, Cancel);
        return database;
    }
}
