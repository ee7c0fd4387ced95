using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;

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

    [Fact]
    public async Task A_pooler_is_named_as_what_it_is()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var refusing = RefuseAsync(listener, stop.Token);
        await using var database = await CreateAsync(Items);
        var options = database.CaptureOptions("items").Secured(security => security with { Tls = TlsMode.Disable }) with { Host = "127.0.0.1", Port = ((IPEndPoint)listener.LocalEndpoint).Port };

        var told = Assert.Single(await CheckAsync(options));
        await using var source = TestDatabase.Open(options);
        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("items", Cancel));
        var wire = await Assert.ThrowsAsync<Npgsql.PostgresException>(async () =>
            await WireConnection.OpenAsync(options, "x", new Dictionary<string, string>(StringComparer.Ordinal), new KnownCertificates(), Cancel));
        await stop.CancelAsync();
        await refusing;

        Assert.False(told.Ok);
        Assert.Contains("cannot go through a pooler", told.NextStep, StringComparison.Ordinal);
        Assert.Equal((FaultKind.Invalid, told.NextStep), (failure.Kind, failure.NextStep));
        Assert.Contains("unsupported startup parameter", wire.MessageText, StringComparison.Ordinal);
    }

    /// <summary>As PgBouncer answers a parameter that it is not told to ignore.</summary>
    private static async Task RefuseAsync(TcpListener listener, CancellationToken cancellationToken)
    {
        const int encryptionRequestBytes = 8;
        byte[] content = [.. Encoding.UTF8.GetBytes("SFATAL\0C08P01\0Munsupported startup parameter: options\0"), 0];
        var error = new byte[1 + sizeof(int) + content.Length];
        error[0] = (byte)'E';
        BinaryPrimitives.WriteInt32BigEndian(error.AsSpan(1), error.Length - 1);
        content.CopyTo(error, 1 + sizeof(int));
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(cancellationToken);
                var stream = client.GetStream();
                var length = new byte[sizeof(int)];
                while (true)
                {
                    await stream.ReadExactlyAsync(length, cancellationToken);
                    var bytes = BinaryPrimitives.ReadInt32BigEndian(length);
                    await stream.ReadExactlyAsync(new byte[bytes - sizeof(int)], cancellationToken);
                    if (bytes != encryptionRequestBytes) break;
                    await stream.WriteAsync("N"u8.ToArray(), cancellationToken);
                }

                await stream.WriteAsync(error, cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody comes any more.
        }
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
