using System.Collections.Immutable;
using System.Net;
using System.Security.Authentication;
using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>What a source takes of its server, and how it comes in.</summary>
public sealed class GuestSpec(PostgresServer server) : PostgresSpec
{
    private const string Backends = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'pipeline/test/app'";

    [Fact]
    public async Task Six_tables_never_take_more_connections_than_they_may()
    {
        await using var database = await CreateAsync();
        var names = Enumerable.Range(0, 6).Select(i => $"table_{i}").ToArray();
        foreach (var name in names) await database.ExecuteAsync($"create table {name} (number bigint, updated_at timestamptz not null default now()); insert into {name} select generate_series(1, 2000)", Cancel);
        await using var source = TestDatabase.Open(database.Options([.. names.Select(name => TestDatabase.Table(name, "updated_at"))]) with { ConnectionsMax = 2 });
        var splits = new List<SplitPosition>();
        foreach (var name in names) splits.Add(new SplitPosition((await source.ListSplitsAsync(name, Cancel))[0].Id, null));
        var (rows, most) = (0, 0L);

        await foreach (var chunk in source.ReadAsync(splits, Cancel))
            using (chunk)
            {
                rows += chunk.RowCount;
                most = Math.Max(most, await database.ScalarAsync<long>(Backends, Cancel));
                if (rows == 12_000) break;
            }

        // For each of two tables one that asks and one for rows.
        Assert.InRange(most, 2, 4);
    }

    [Fact]
    public async Task A_server_without_a_free_connection_is_waited_for()
    {
        await using var database = await CreateAsync();
        var role = await CreateRoleAsync(database, "connection limit 0");
        var options = database.Options(TestDatabase.Table("items", "updated_at")).Secured(security => security with { Username = role, Password = new Secret("guest") });

        var refused = await FailureAsync(options);
        await database.ExecuteAsync($"alter role {role} connection limit 2", Cancel);
        await using var reading = await SourceReading.StartAsync(options, from: null, Cancel);
        await reading.TakeRowsAsync(1);

        Assert.True(refused.IsTransient, refused.Message);
        Assert.Contains("connections-max", refused.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_role_with_a_short_statement_timeout_reads_whole_windows()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync("insert into items select i, 'x' from generate_series(2, 50000) i", Cancel);
        var role = await CreateRoleAsync(database, "");
        await database.ExecuteAsync($"alter role {role} set statement_timeout = '1ms'", Cancel);

        await using var reading = await SourceReading.StartAsync(database.Options(TestDatabase.Table("items", "updated_at")).Secured(security => security with { Username = role, Password = new Secret("guest") }), from: null, Cancel);
        await reading.TakeRowsAsync(50_000);

        Assert.Equal(50_000, reading.Rows.Distinct().Count());
    }

    [Fact]
    public async Task A_server_that_is_silent_for_too_long_is_left_alone_and_asked_again()
    {
        await using var database = await CreateAsync();
        var options = database.Options(TestDatabase.Table("items", "updated_at")) with { RequestTimeout = TimeSpan.FromSeconds(1) };
        await using var blocker = await database.DataSource.OpenConnectionAsync(Cancel);
        await using var locked = await blocker.BeginTransactionAsync(Cancel);
        await using (var command = new NpgsqlCommand("lock table items in access exclusive mode", blocker)) await command.ExecuteNonQueryAsync(Cancel);

        var failure = await FailureAsync(options);
        await locked.RollbackAsync(Cancel);
        await using var reading = await SourceReading.StartAsync(options with { RequestTimeout = TimeSpan.FromMinutes(1) }, from: null, Cancel);
        await reading.TakeRowsAsync(1);
        while (await database.ScalarAsync<long>($"{Backends} and wait_event_type = 'Lock'", Cancel) > 0) await Task.Delay(20, Cancel);

        Assert.True(failure.IsTransient, failure.Message);
        Assert.Equal([1], reading.Rows);
    }

    [Fact]
    public async Task A_capture_with_a_client_certificate_is_encrypted_and_known_by_it_on_every_connection()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync("do $$ begin create role certificate_users; exception when duplicate_object then null; end $$", Cancel);
        var role = await CreateRoleAsync(database, "replication in role certificate_users");
        await database.ExecuteAsync($"alter role {role} password null; grant create on database {database.Name} to {role}; alter table items owner to {role}", Cancel);
        var (certificate, key) = server.Scratch.Certificates.IssueClient(role);
        using var directory = new ScratchDirectory("pipeline-certificate-");
        var certified = new PostgresSecurityOptions { Username = role, CaFile = server.Scratch.CaFile, CertificateFile = Path.Combine(directory, "client.crt"), KeyFile = Path.Combine(directory, "client.key") };
        await File.WriteAllTextAsync(certified.CertificateFile, certificate, Cancel);
        await File.WriteAllTextAsync(certified.KeyFile, key, Cancel);

        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items") with { Security = certified }, from: null, Cancel);
        await database.ExecuteAsync("insert into items values (2, 'b')", Cancel);
        await reading.TakeAsync(1);
        var seen = await database.ScalarAsync<string[]>(
            $"select array_agg(distinct backend_type || ' ' || ssl || ' ' || client_dn order by backend_type || ' ' || ssl || ' ' || client_dn) from pg_stat_activity join pg_stat_ssl using (pid) where usename = '{role}'", Cancel);

        Assert.Equal([$"client backend true /CN={role}", $"walsender true /CN={role}"], seen);
    }

    [Fact]
    public async Task A_password_is_proved_by_SCRAM_and_never_sent()
    {
        await using var database = await CreateAsync();
        var role = await CreateRoleAsync(database, "replication");
        await database.ExecuteAsync($"grant create on database {database.Name} to {role}; alter table items owner to {role}", Cancel);
        var options = database.CaptureOptions("items").Secured(security => security with { Username = role, Password = new Secret("guest") });

        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into items values (2, 'b')", Cancel);
        await reading.TakeAsync(1);
        var refused = await Assert.ThrowsAsync<PostgresException>(async () => await OpenWireAsync(options, "guess"));

        Assert.True(await database.ScalarAsync<bool>($"select rolpassword like 'SCRAM-SHA-256$%' from pg_authid where rolname = '{role}'", Cancel));
        Assert.True(await database.ScalarAsync<bool>("select bool_and(auth_method in ('scram-sha-256', 'cert')) from pg_hba_file_rules", Cancel));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
    }

    [Fact]
    public async Task A_certificate_for_another_host_passes_verify_ca_and_not_verify_full()
    {
        await using var database = await CreateAsync();
        await using var elsewhere = new TcpProxy(server.Scratch.Port, IPAddress.Parse("127.0.0.2"));
        var options = database.Options(TestDatabase.Table("items", "updated_at")) with { Host = "127.0.0.2", Port = elsewhere.Port };
        var lenient = options with { Security = options.Security with { Tls = TlsMode.VerifyCa } };

        var failure = await FailureAsync(options);
        await Assert.ThrowsAnyAsync<AuthenticationException>(async () => await OpenWireAsync(options, server.Scratch.Password));
        (await OpenWireAsync(lenient, server.Scratch.Password)).Dispose();
        await using var reading = await SourceReading.StartAsync(lenient, from: null, Cancel);
        await reading.TakeRowsAsync(1);

        Assert.Equal(FaultKind.NotAuthorised, failure.Kind);
        Assert.Contains("for localhost, 127.0.0.1 by CN=pipeline scratch authority, is not for 127.0.0.2", failure.Cause, StringComparison.Ordinal);
        Assert.Equal("Write one of the certificate's names: host. Or have the server show a certificate for this one.", failure.NextStep);
    }

    [Fact]
    public async Task Certificates_that_are_met_are_known_also_those_that_are_refused()
    {
        await using var database = await CreateAsync();
        await using var elsewhere = new TcpProxy(server.Scratch.Port, IPAddress.Parse("127.0.0.2"));
        var options = database.Options(TestDatabase.Table("items", "updated_at")) with { Name = "app", Host = "127.0.0.2", Port = elsewhere.Port };
        var (met, refused) = (new KnownCertificates(), new KnownCertificates());

        (await WireConnection.OpenAsync(options with { Security = options.Security with { Tls = TlsMode.VerifyCa } }, server.Scratch.Password, ImmutableDictionary<string, string>.Empty, met, Cancel)).Dispose();
        await Assert.ThrowsAnyAsync<AuthenticationException>(async () => await WireConnection.OpenAsync(options, server.Scratch.Password, ImmutableDictionary<string, string>.Empty, refused, Cancel));

        Assert.All([met, refused], certificates =>
        {
            var (name, expires) = Assert.Single(certificates.All);
            Assert.Equal("source/app/server", name);
            Assert.InRange((expires - TimeProvider.System.GetUtcNow()).TotalDays, 1, 31);
        });
    }

    [Fact]
    public async Task A_role_that_may_only_read_reads_by_watermark()
    {
        await using var database = await CreateAsync();
        var role = await CreateRoleAsync(database, "");
        await database.ExecuteAsync($"alter role {role} set default_transaction_read_only = on", Cancel);
        var options = database.Options(TestDatabase.Table("items", "updated_at")).Secured(security => security with { Username = role, Password = new Secret("guest") });

        await using var reading = await SourceReading.StartAsync(options, from: null, Cancel);
        await reading.TakeRowsAsync(1);

        Assert.False(await database.ScalarAsync<bool>($"select has_table_privilege('{role}', 'items', 'INSERT, UPDATE, DELETE, TRUNCATE') or (select rolsuper or rolreplication from pg_roles where rolname = '{role}')", Cancel));
        await using var source = TestDatabase.Open(options);
        Assert.All(await source.CheckAsync(Cancel), finding => Assert.True(finding.Ok, finding.ToString()));
    }

    private async ValueTask<WireConnection> OpenWireAsync(PostgresSourceOptions options, string password) =>
        await WireConnection.OpenAsync(options, password, new Dictionary<string, string>(StringComparer.Ordinal), new KnownCertificates(), Cancel);

    private async Task<PipelineException> FailureAsync(PostgresSourceOptions options) => await Assert.ThrowsAsync<PipelineException>(async () =>
    {
        await using var reading = await SourceReading.StartAsync(options, from: null, Cancel);
        await reading.TakeChunkAsync();
    });

    /// <summary>A role that may read, with the password <c>guest</c>.</summary>
    private async ValueTask<string> CreateRoleAsync(TestDatabase database, string with)
    {
        var role = $"guest_{database.Name}";
        await database.ExecuteAsync($"create role {role} login password 'guest' {with}; grant pg_read_all_stats to {role}; grant select on items to {role}", Cancel);
        return role;
    }

    private async ValueTask<TestDatabase> CreateAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (number bigint primary key, payload text, updated_at timestamptz not null default clock_timestamp()); create index on items (updated_at); insert into items values (1, 'a')", Cancel);
        return database;
    }
}
